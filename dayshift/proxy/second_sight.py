"""Second sight: the model's tool calls, judged once more on the wire, beside what the hook did about them.

A forbidden call that passed on the wire is remembered until it is settled. It is settled well when the hook refused it
and its result comes back as an error, or when the CLI says in its own words that it never ran it (no such tool, an
input that is none, a path its settings deny, a call the person interrupted: there it does not ask the hook). The guard
was bypassed

- if a later request carries any other result of that call, or
- if the run came to a proper end and the call, which the model had asked to be run, was never put to the hook.

Nothing is held against an agent whose run was cut, stopped, killed or put off by a question, nor what an earlier run
or daemon saw. A subagent's call that nobody answers is not held against it either: it may still be at work when the
run ends.
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dayshift.attempts import Bypass, Verdict
from dayshift.claude import claude_calls
from dayshift.clock import Clock, SystemClock
from dayshift.events import Bypassed, Event
from dayshift.messages.tool_calls import ToolCall, ToolCalls

log = logging.getLogger("dayshift.gateway")

MOST_REMEMBERED = 4096  #: calls of one run; each was paid for

Judge = Callable[[str, str, Mapping[str, Any]], Verdict]


@dataclass(slots=True)
class _Seen:
    """A forbidden call that passed; `due` once the model has asked for it to be run, and only the hook may say no."""

    call: ToolCall
    verdict: Verdict
    due: bool = False


@dataclass(slots=True)
class _Memory:
    """What is not settled of one task's present run."""

    forbidden: dict[str, _Seen] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)


class SecondSight:
    """Tells when a forbidden call went round the hook; one Bypassed for each such call."""

    def __init__(
        self, judge: Judge, note: Callable[[str, str], None], put: Callable[[Event], None], clock: Clock
    ) -> None:
        self._judge, self._note, self._put, self._clock = judge, note, put, clock
        self._memories: dict[str, _Memory] = {}

    def begin(self, task_id: str) -> None:
        """A new run of the task begins: what an earlier one left says nothing."""
        self._memories.pop(task_id, None)

    def watch(self, task_id: str, body: bytes, headers: Mapping[str, str]) -> "Watch":
        """Look at a request, then at the answer to it."""
        self._heard(task_id, body)
        return Watch(self, task_id, body, subagent=bool(headers.get(claude_calls.AGENT_HEADER)))

    def saw(self, task_id: str, call: ToolCall, offered: Callable[[], frozenset[str]]) -> None:
        """A call passed on the wire; `offered` are the tools of its request."""
        verdict = self._judge(task_id, call.name, call.input)
        memory = self._memories.setdefault(task_id, _Memory())
        if not verdict.allowed and len(memory.forbidden) < MOST_REMEMBERED and call.name in offered():
            memory.forbidden[call.id] = _Seen(call, verdict)

    def due(self, task_id: str, call_ids: Iterable[str]) -> None:
        """These calls are to be run: the model has stopped for them."""
        forbidden = self._memories.setdefault(task_id, _Memory()).forbidden
        for call_id in call_ids:
            if call_id in forbidden:
                forbidden[call_id].due = True

    def asked(self, task_id: str, call_id: str, refused: bool) -> None:
        """The hook was asked about a call and answered. Its yes counts where the call on the wire deserves one."""
        memory = self._memories.setdefault(task_id, _Memory())
        if refused and len(memory.refused) < MOST_REMEMBERED:
            memory.refused.add(call_id)
        seen = memory.forbidden.get(call_id)
        if not refused and seen and self._judge(task_id, seen.call.name, seen.call.input).allowed:
            del memory.forbidden[call_id]  # what it would run has changed since it passed

    def ended(self, task_id: str, finished: bool) -> None:
        """No process of the run is left; `finished` if it came to a proper end of its own."""
        memory = self._memories.pop(task_id, _Memory())
        for call_id, seen in memory.forbidden.items():
            if finished and seen.due and call_id not in memory.refused:
                self._tell(task_id, seen, "was never put to the hook")

    def _heard(self, task_id: str, body: bytes) -> None:
        """Settle what the results in a request speak of."""
        memory = self._memories.get(task_id)
        if memory is None or not memory.forbidden:
            return
        for result in _results(body):
            call_id = str(result.get("tool_use_id"))
            seen = memory.forbidden.pop(call_id, None)
            if seen and call_id in memory.refused and result.get("is_error") is not True:
                self._tell(task_id, seen, "was run although the hook had refused it")
            elif seen and call_id not in memory.refused and not _never_ran(result):
                self._tell(task_id, seen, "was run without leave of the hook")

    def _tell(self, task_id: str, seen: _Seen, how: str) -> None:
        command = claude_calls.subject(seen.call.input)
        self._note(task_id, f"THE GUARD WAS BYPASSED: {seen.call.name}: {command} [{seen.verdict.rule}] {how}")
        self._put(Bypassed(task_id, Bypass(self._clock.now(), seen.call.name, command, seen.verdict.rule, how)))


class Watch:
    """One answer as it passes; whatever goes wrong in here, the answer goes on."""

    def __init__(self, sight: SecondSight, task_id: str, body: bytes, subagent: bool) -> None:
        self._sight, self._task_id, self._body, self._subagent = sight, task_id, body, subagent
        self._passed: list[str] = []

    def see(self, calls: ToolCalls) -> None:
        """Take in the calls that became complete."""
        try:
            for call in calls.taken():
                self._passed.append(call.id)
                self._sight.saw(self._task_id, call, self._offered)
        except Exception as error:
            log.error("second sight failed on an answer to %s: %s: %s", self._task_id, type(error).__name__, error)

    def whole(self, calls: ToolCalls) -> None:
        """The answer came to its proper end."""
        if calls.stop_reason == "tool_use" and not self._subagent:
            self._sight.due(self._task_id, self._passed)

    def _offered(self) -> frozenset[str]:
        """The names of the tools the request offered. The CLI runs no other."""
        tools = _parsed(self._body).get("tools")
        return frozenset(str(tool.get("name")) for tool in _mappings(tools))


def blind() -> SecondSight:
    """One that sees nothing, for a gateway without a guard."""
    return SecondSight(lambda *call: Verdict(True), lambda *entry: None, lambda event: None, SystemClock())


def _never_ran(result: Mapping[str, Any]) -> bool:
    """Whether the CLI itself says so: it wraps its own errors, and a command's output begins otherwise."""
    own = (claude_calls.OWN_ERROR, claude_calls.NOT_WANTED)
    return result.get("is_error") is True and _text(result.get("content")).startswith(own)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(str(block.get("text", "")) for block in _mappings(content))


def _results(body: bytes) -> Iterator[Mapping[str, Any]]:
    """Every tool_result of a request's conversation."""
    for message in _mappings(_parsed(body).get("messages")):
        yield from (block for block in _mappings(message.get("content")) if block.get("type") == "tool_result")


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return request if isinstance(request, dict) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
