"""What the CLI is answered before every tool call: the guard's verdict, or a question's answer."""

from collections.abc import Callable, Mapping
from typing import Any

from dayshift.attempts import Blocked
from dayshift.claude import claude_calls
from dayshift.clock import Clock
from dayshift.events import Denied, Event
from dayshift.proxy.second_sight import Judge, SecondSight

# Of several questions in one turn the CLI keeps only one; the others would be lost without a word.
ONE_AT_A_TIME = "dayshift: ask one question at a time; ask this one again after the first is answered"
LONGEST_WORD = 200  #: characters of a tool's name or a call's id


class Hook:
    """Answers allow, deny or defer, or ask where the person is in the session; whatever goes wrong, it denies."""

    def __init__(
        self, judge: Judge, sight: SecondSight, answer: Callable[[str, Mapping[str, Any]], str | None],
        begun: Callable[[str, str], None], note: Callable[[str, str], None], put: Callable[[Event], None], clock: Clock,
        beside: Callable[[str, Mapping[str, Any]], str] = lambda task_id, call: "",
        visited: Callable[[str], bool] = lambda task_id: False,
    ) -> None:  # fmt: skip
        self._judge, self._sight, self._answer, self._begun = judge, sight, answer, begun
        self._note, self._put, self._clock, self._beside = note, put, clock, beside
        self._visited = visited
        self._open: dict[str, Mapping[str, Any]] = {}  # the question each task's present run has been deferred with

    def begin(self, task_id: str) -> None:
        """A new run of the task begins: no question is open in it, and no call."""
        self._open.pop(task_id, None)
        self._sight.begin(task_id)

    async def __call__(self, task_id: str, call: dict[str, Any]) -> dict[str, Any]:
        """The answer to one PreToolUse call of that task's agent, and beside it what the person says to the agent."""
        answer = self._answered(task_id, call)
        if answer == claude_calls.defer():  # nobody reads what is said beside it
            return answer
        said = self._beside(task_id, call)
        return claude_calls.telling(answer, said) if said else answer

    def _answered(self, task_id: str, call: dict[str, Any]) -> dict[str, Any]:
        """Allow, deny or defer; every verdict goes into the agent's log."""
        tool, tool_input = _word(call.get("tool_name")), call.get("tool_input")
        if not tool or not isinstance(tool_input, dict):
            return claude_calls.deny("dayshift: the tool call could not be read")
        if tool == claude_calls.QUESTION_TOOL:
            return self._question(task_id, tool_input)
        verdict = self._judge(task_id, tool, tool_input)
        self._sight.asked(task_id, _word(call.get("tool_use_id")), refused=not verdict.allowed)
        subject, reason = _whole(claude_calls.subject(tool_input)), _whole(verdict.reason)
        if verdict.allowed:
            self._note(task_id, f"allowed {tool}: {subject}")
            self._begun(task_id, str(tool_input.get("command") or subject))
            return claude_calls.allow()
        self._note(task_id, f"BLOCKED {tool}: {subject} [{verdict.rule}] {reason}")
        self._put(Denied(task_id, Blocked(self._clock.now(), tool, subject, verdict.rule, reason)))
        return claude_calls.deny(f"dayshift: {reason}")

    def _question(self, task_id: str, tool_input: dict[str, Any]) -> dict[str, Any]:
        if not claude_calls.can_be_kept(tool_input):
            return claude_calls.deny("dayshift: the question could not be read; ask it in plain, short words")
        answer = self._answer(task_id, tool_input)
        if answer is not None:
            self._note(task_id, f"is answered: {answer}")
            return claude_calls.answer(answer)
        if self._visited(task_id):
            self._note(task_id, f"asks on the terminal: {claude_calls.subject(tool_input)}")
            return claude_calls.ask()
        if self._open.setdefault(task_id, tool_input) != tool_input:
            return claude_calls.deny(ONE_AT_A_TIME)
        self._note(task_id, f"asks: {claude_calls.subject(tool_input)}")
        return claude_calls.defer()


def _word(value: Any) -> str:
    """A name or an id; empty for what is none, for it is kept and shown."""
    return value if isinstance(value, str) and value.isprintable() and len(value) <= LONGEST_WORD else ""


def _whole(text: str) -> str:
    """The text without halves of characters: what quotes an agent is written to files."""
    return text.encode("utf-8", "replace").decode()
