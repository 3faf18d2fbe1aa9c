"""The scripted agent: one file that behaves as the CLI does wherever a run can tell, and starts at once.

It prints stream-json, asks the hook of the managed settings before every tool call, keeps its session under HOME and
resumes it, ends with a deferred question and asks that call again. It runs in the sandbox, on the standard library.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Message = dict[str, Any]

VERSION = "2.1.329 (scripted)"
MANAGED = Path("/etc/claude-code/managed-settings.json")
STATE = Path(os.environ.get("HOME", "/nonexistent"), ".claude")
JSON = {"content-type": "application/json"}
BODY_BYTES = 24_000  #: of a request, and one more with each: by its size every request of a task is known
PATIENCE = 170.0  #: seconds of trying before the API counts as gone, as the CLI does
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5
COMMAND_SECONDS = 60
INTERRUPTED = "[Request interrupted by user for tool use]"
TOOLS = [{"name": name, "input_schema": {"type": "object"}} for name in ("Bash", "Write", "AskUserQuestion")]


class Refused(Exception):
    """The API's final no; its status and words."""


def post(url: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """Status and content of the answer; OSError if there is none. With HTTP 1.0 the connection ends where it does."""
    host, port = url.removeprefix("http://").split(":")
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"POST {path} HTTP/1.0\r\nhost: {host}\r\ncontent-length: {len(body)}\r\n{head}\r\n".encode() + body
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as line:
        line.sendall(request)
        answer = bytearray()
        while data := line.recv(65536):
            answer += data
    beginning, separator, content = bytes(answer).partition(b"\r\n\r\n")
    if not separator:
        raise OSError("the connection ended without an answer")
    return int(beginning.split()[1]), content


class Session:
    """What was said in a session, on disk line by line; a line that was cut off by the power counts as unsaid."""

    def __init__(self, name: str) -> None:
        folder = STATE / "projects" / str(Path.cwd()).replace("/", "-")
        folder.mkdir(parents=True, exist_ok=True)
        self.place = folder / f"{name}.jsonl"
        self.existed = self.place.exists()
        self.messages: list[Message] = [*self._read()] if self.existed else []

    def _read(self) -> Iterator[Message]:
        for line in self.place.read_text().splitlines():
            with contextlib.suppress(ValueError):
                yield json.loads(line)

    def add(self, role: str, content: list[Message]) -> None:
        """Say it, and have it on disk before anything follows from it."""
        self.messages.append({"role": role, "content": content})
        with self.place.open("a") as file:
            file.write(json.dumps(self.messages[-1]) + "\n")

    def talk_over(self, prompt: str) -> None:
        """Go on with these words; a call that is still open has none of its own any more."""
        given = [result(self.open_call, True, INTERRUPTED)] if self.open_call else []
        self.add("user", [*given, {"type": "text", "text": prompt}])

    @property
    def open_call(self) -> Message | None:
        """The tool call that the session ends with, if it does."""
        last = self.messages[-1]["content"] if self.messages else []
        calls = [block for block in last if block["type"] == "tool_use"]
        return calls[0] if calls else None


class Agent:
    """One run of a session."""

    def __init__(self, session: Session, name: str, model: str) -> None:
        self.session, self.name, self.model = session, name, model
        self.url = os.environ["ANTHROPIC_BASE_URL"]

    def run(self, prompt: str) -> int:
        """To the end of the run; its exit status."""
        call = None if prompt else self.session.open_call
        if prompt:
            self.session.talk_over(prompt)
        elif not call:
            return self.end(True, result="there is nothing to go on with: no prompt and no deferred call")
        try:
            while call or (call := self.ask_model()):
                if self.perform(call) is None:
                    deferred = {"id": call["id"], "name": call["name"], "input": call["input"]}
                    return self.end(False, result="", deferred_tool_use=deferred, terminal_reason="tool_deferred")
                call = None
        except Refused as no:
            status, words = no.args
            return self.end(True, result=f"API Error: {status} {words}", api_error_status=status)
        return self.end(False, result=self.session.messages[-1]["content"][-1]["text"])

    def end(self, error: bool, **facts: Any) -> int:
        """Say the closing word."""
        say({"type": "result", "subtype": "success", "is_error": error, "session_id": self.name, **facts})
        return 1 if error else 0

    def ask_model(self) -> Message | None:
        """The model's next call; None once it has said its last word."""
        content = self.answered()
        self.session.add("assistant", content)
        say({"type": "assistant", "message": {"role": "assistant", "content": content}, "session_id": self.name})
        return self.session.open_call

    def answered(self) -> list[Message]:
        """What the model says, asked again until it says it whole."""
        give_up, pause = time.monotonic() + PATIENCE, FIRST_PAUSE
        while True:
            status, said = self.tried()
            if status == 200 and isinstance(said, list):
                return said
            if status in (400, 402, 403, 404) or time.monotonic() > give_up:
                raise Refused(status, said)
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def tried(self) -> tuple[int, Any]:
        """One request: its status, and what the model said or why it did not; 0 if nobody answered."""
        _, task, run = os.environ["DAYSHIFT_RUN"].rsplit(":", 2)
        headers = {**JSON, "x-claude-code-session-id": self.name, "x-torture": f"{task}:{run}"}
        try:
            status, content = post(self.url, "/v1/messages", self.body(), headers)
            return status, joined(content) if status == 200 else content.decode(errors="replace")
        except OSError as error:
            return 0, str(error)

    def body(self) -> bytes:
        """The request, of a size that no other of the task has, whichever run makes it."""
        with (STATE / "asked").open("ab") as count:
            count.write(b".")
            size = BODY_BYTES + count.tell()
        most = int(os.environ["CLAUDE_CODE_MAX_OUTPUT_TOKENS"])
        request: Message = {"model": self.model, "max_tokens": most, "stream": True, "messages": self.session.messages,
                   "tools": TOOLS, "metadata": {"user_id": ""}}  # fmt: skip
        request["metadata"]["user_id"] = "x" * (size - len(json.dumps(request)))
        body = json.dumps(request).encode()
        if len(body) != size:
            raise Refused(400, f"the conversation has grown to {len(body)} bytes")
        return body

    def perform(self, call: Message) -> str | None:
        """Ask the hook and do the call as it says; None if that is put off."""
        decision, reason = self.asked_hook(call)
        if decision == "defer":
            return None
        error, said = (True, reason) if decision != "allow" else done(call)
        self.session.add("user", [result(call, error, said)])
        return said

    def asked_hook(self, call: Message) -> tuple[str, str]:
        """What the hook of the managed settings says; whatever goes wrong there, the call is blocked."""
        (hook,) = json.loads(MANAGED.read_text())["hooks"]["PreToolUse"][0]["hooks"]
        asked = {"hook_event_name": "PreToolUse", "session_id": self.name, "tool_name": call["name"],
                 "tool_input": call["input"], "tool_use_id": call["id"]}  # fmt: skip
        host, _, path = hook["url"].removeprefix("http://").partition("/")
        try:
            _, content = post(f"http://{host}", f"/{path}", json.dumps(asked).encode(), JSON)
            answer = json.loads(content)["hookSpecificOutput"]
            return answer["permissionDecision"], answer.get("permissionDecisionReason", "")
        except (OSError, ValueError, KeyError) as error:
            return "deny", f"<tool_use_error>the hook failed, so the call is blocked: {error}"


def result(call: Message, error: bool, said: str) -> Message:
    """The outcome of a call, as the model is told it."""
    return {"type": "tool_result", "tool_use_id": call["id"], "is_error": error, "content": said}


def joined(content: bytes) -> list[Message] | None:
    """The blocks of a streamed answer; None unless it came to its proper end."""
    events = [json.loads(line[6:]) for line in content.decode().splitlines() if line.startswith("data: ")]
    if not events or events[-1]["type"] != "message_stop":
        return None
    blocks = [event["content_block"] for event in events if event["type"] == "content_block_start"]
    for event in events:
        if event["type"] == "content_block_delta":
            block, delta = blocks[event["index"]], event["delta"]
            if delta["type"] == "text_delta":
                block["text"] += delta["text"]
            else:
                block["json"] = block.get("json", "") + delta["partial_json"]
    for block in blocks:
        if "json" in block:
            block["input"] = json.loads(block.pop("json"))
    return blocks


def done(call: Message) -> tuple[bool, str]:
    """Whether it failed, and what it said."""
    given = call["input"]
    if call["name"] == "Write":
        Path(given["file_path"]).write_text(given["content"])
        return False, "written"
    ended = subprocess.run(["/bin/sh", "-c", given["command"]], stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, timeout=COMMAND_SECONDS)  # fmt: skip
    return ended.returncode != 0, f"{ended.stdout}{ended.stderr}exit {ended.returncode}"


def say(message: Message) -> None:
    """One line of the stream."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main(words: list[str]) -> int:
    """Run the session that the words name."""
    if "--version" in words:
        print(VERSION)
        return 0
    resume = "--resume" in words
    name = words[words.index("--resume" if resume else "--session-id") + 1]
    session = Session(name)
    if resume != session.existed:  # the CLI is as strict
        why = "No conversation found with session ID" if resume else "Session ID is already in use"
        print(f"{why}: {name}", file=sys.stderr)
        return 1
    say({"type": "system", "subtype": "init", "session_id": name, "cwd": str(Path.cwd())})
    return Agent(session, name, words[words.index("--model") + 1]).run(sys.stdin.read())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
