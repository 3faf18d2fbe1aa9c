"""What agents' requests and tool calls pass: hook and second sight, guidance, gate, gateway and tunnel, wired."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from dayshift.attempts import Refused
from dayshift.claude import claude_code
from dayshift.clock import Clock
from dayshift.deciding import visits
from dayshift.egress.network import AllowList
from dayshift.egress.tunnel import Tunnel, beyond
from dayshift.events import Event, NetworkRefused
from dayshift.guard.judge import judge
from dayshift.guard.policy import Policy
from dayshift.home import Home
from dayshift.limits import Limit, PlanWindow
from dayshift.model import Record
from dayshift.proxy.exchange import Upstream
from dayshift.proxy.gate import Gate
from dayshift.proxy.gateway import Gateway
from dayshift.proxy.meter import Meter
from dayshift.proxy.second_sight import SecondSight
from dayshift.repository import workspace
from dayshift.running.guidance import Delivery
from dayshift.running.hook import Hook
from dayshift.sandboxing.tree import Tree


class Agents(Protocol):
    """The crew, as far as it hears of what passes here."""

    def touch(self, task_id: str) -> None:
        """The task's agent gave a sign of life."""

    def begun(self, task_id: str, command: str) -> None:
        """It was given leave for a tool call."""

    def note(self, task_id: str, text: str) -> None:
        """Something for its log."""


class Gatehouse:
    """One for all agents of a home; no request and no tool call goes another way."""

    def __init__(
        self, home: Home, policy: Policy, clock: Clock, meter: Meter, upstream: Callable[[str], Upstream],
        record: Callable[[str], Record], agents: Callable[[], Agents], put: Callable[[Event], None],
        read_plan: Callable[[tuple[PlanWindow, ...]], None],
    ) -> None:  # fmt: skip
        self._home, self._policy, self._record, self._agents, self._put = home, policy, record, agents, put
        self._beyond = beyond()
        self.sight = SecondSight(self.judge, self._note, put, clock)
        self._delivery = Delivery(record, self._note, put)
        self._hook = Hook(self.judge, self.sight, self._answer_for, self._begun, self._note, put, clock,
                          self._delivery.beside, self._is_visited)  # fmt: skip
        self._gate = Gate(clock, put)
        self.gateway = Gateway(
            meter, self._hook, claude_code.HOOK_PATH, upstream, self._gate, clock, read_plan, sight=self.sight,
            tunnel=self._tunnel, passing=self._delivery.passing,
        )  # fmt: skip

    def begin(self, record: Record) -> None:
        """A run of the task begins: from here on hook and guidance know it."""
        self._hook.begin(record.id)
        self._delivery.begin(record)

    def forget(self, task_id: str) -> None:
        """Let go of what is remembered of a task that is gone."""
        self._hook.begin(task_id)  # what its last run left there says nothing any more
        self._delivery.forget(task_id)

    def doubt(self, limit: Limit | None = None) -> None:
        """Let one request try now whether the provider serves; with a limit also if nobody has said yet it does not."""
        self._gate.doubt(limit)

    def judge(self, task_id: str, tool: str, tool_input: Mapping[str, Any]) -> Any:
        """The guard's verdict on that agent's tool call."""
        return judge(tool, tool_input, self._policy, Tree(workspace.repo_of(self._home.workspace(task_id))))

    # --- what the parts ask ------------------------------------------------------------------------

    def _tunnel(self, task_id: str, hosts: Sequence[str]) -> Tunnel:
        """The task's way to these hosts; what it is refused is told."""

        def refuse(refused: Refused) -> None:
            self._put(NetworkRefused(task_id, refused))

        return Tunnel(AllowList.of(hosts), self._beyond, partial(self._note, task_id), refuse)

    def _begun(self, task_id: str, command: str) -> None:
        self._agents().begun(task_id, command)

    def _note(self, task_id: str, text: str) -> None:
        self._agents().touch(task_id)
        self._agents().note(task_id, text)

    def _is_visited(self, task_id: str) -> bool:
        return visits.is_open(self._record(task_id))

    def _answer_for(self, task_id: str, tool_input: Mapping[str, Any]) -> str | None:
        """The person's answer to this very call, if there is one: the latest question's."""
        record = self._record(task_id)
        answers = {answer.number: answer.text for answer in record.answers}
        asked = [question for question in record.questions if question.tool_input == dict(tool_input)]
        return answers.get(asked[-1].number) if asked else None
