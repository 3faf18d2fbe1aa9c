"""What being guarded costs: the sandbox a start and a command, the guard a tool call, each beside the same without it.

`python -m bench.sandbox [--runs N]`.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from dayshift.claude import claude_binary, claude_calls, claude_code
from dayshift.guard.judge import judge
from dayshift.guard.policy_file import load_policy
from dayshift.home import shipped_config
from dayshift.proving.trial import Subject, Trial

PATH = "/usr/bin:/bin"
CALLS = 20  #: tool calls of one run of the CLI
LOOP = 200  #: commands in one shell
ENVIRONMENT = {"PATH": PATH, "GIT_OPTIONAL_LOCKS": "0", "GIT_CONFIG_GLOBAL": "/dev/null"}
Contender = tuple[str, Callable[[], float]]


def in_turns(contenders: list[Contender], runs: int) -> dict[str, float]:
    """The median of each in milliseconds; they run in turns, so that whatever else happens meets each alike."""
    taken: dict[str, list[float]] = {name: [] for name, _ in contenders}
    for _ in range(runs):
        for name, measure in contenders:
            taken[name].append(measure() * 1000)
    return {name: statistics.median(times) for name, times in taken.items()}


def seconds(argv: list[str], folder: Path) -> float:
    """How long the command takes, start to end."""
    began = time.perf_counter()
    subprocess.run(argv, check=True, cwd=folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def starts(trial: Trial, runs: int) -> None:
    """One start of `true`: bare, in the barest bubblewrap, in an agent's sandbox."""
    repo = trial.place.repo
    print("one start of `true`, ms")
    report(in_turns([
        ("bare", lambda: seconds(["true"], repo)),
        ("bubblewrap --ro-bind / /", lambda: seconds(["bwrap", "--ro-bind", "/", "/", "true"], repo)),
        ("an agent's sandbox", lambda: seconds(trial.sandbox(False).argv(["true"]), repo)),
    ], runs))  # fmt: skip


def commands(trial: Trial, runs: int) -> None:
    """One command of a shell that is in the sandbox already; the shell's own start is taken off."""

    def each(command: str, wrap: Callable[[list[str]], list[str]]) -> float:
        loop = ["/bin/sh", "-c", f"n=0; while [ $n -lt $0 ]; do {command} > /dev/null; n=$((n + 1)); done"]
        many, none = (seconds(wrap([*loop, str(times)]), trial.place.repo) for times in (LOOP, 0))
        return (many - none) / LOOP

    inside = trial.sandbox(False).argv
    for command in ("/bin/true", "git rev-parse HEAD"):
        print(f"\none `{command}` of {LOOP} in a shell, ms")
        contenders: list[Contender] = [
            ("bare", partial(each, command, list)),
            ("in an agent's sandbox", partial(each, command, inside)),
        ]
        report(in_turns(contenders, max(3, runs // 4)))


def tool_calls(trial: Trial, runs: int) -> None:
    """A Bash call of the real CLI, with no hook and with the guard asked; the run's own start is taken off."""
    policy = load_policy(shipped_config() / "policy.yaml")
    managed = trial.folder / "managed" / "managed-settings.json"
    unasked = {"permissions": {"allow": ["Bash"]}}

    async def guard(_: str, call: dict[str, Any]) -> dict[str, Any]:
        verdict = judge(str(call.get("tool_name")), call["tool_input"], policy)
        return claude_calls.allow() if verdict.allowed else claude_calls.deny(verdict.reason)

    def run(settings: dict[str, Any], calls: int) -> float:
        managed.write_text(json.dumps(settings))
        turns: list[dict[str, Any]] = [*[{"bash": "git status --short"}] * calls, {"text": "done"}]
        began = time.perf_counter()
        ended = asyncio.run(trial.with_cli(turns, guard))
        if ended.returncode != 0:
            raise SystemExit(ended.stderr or ended.stdout)
        return time.perf_counter() - began

    def each(settings: dict[str, Any]) -> float:
        return (run(settings, CALLS) - run(settings, 0)) / CALLS

    print("\none Bash call in the CLI, with its request to the scripted model, ms")
    report(in_turns([
        ("no hook", lambda: each(unasked)),
        ("the guard asked", lambda: each(claude_code.managed_settings())),
    ], max(3, runs // 4)))  # fmt: skip


def report(medians: dict[str, float]) -> None:
    """One line a contender, with its distance from the first."""
    floor = next(iter(medians.values()))
    for name, median in medians.items():
        beside = "" if median == floor else f"   +{median - floor:.2f} ms, {median / floor:.1f} x"
        print(f"  {name:<28}{median:>9.2f}{beside}")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    cli = claude_binary.bundled()
    if cli is None:
        raise SystemExit("the CLI is not installed: pip install 'dayshift[cli]'")
    with tempfile.TemporaryDirectory(prefix="dayshift-bench-") as folder:
        trial = Trial(Path(folder), Subject(cli, (), PATH))
        trial.lay_out()
        starts(trial, runs)
        commands(trial, runs)
        tool_calls(trial, runs)


if __name__ == "__main__":
    main()
