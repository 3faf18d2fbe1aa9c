"""The proof before the trust: inside the very sandbox an agent gets, everything forbidden is tried and must fail."""

import asyncio
import platform
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dayshift.attempts import Verdict
from dayshift.claude import claude_calls
from dayshift.clock import SystemClock
from dayshift.events import Bypassed, Event
from dayshift.proving.trial import BOUNDS, DATABASE, MARK, Subject, Trial
from dayshift.proxy.second_sight import SecondSight
from dayshift.repository import audit
from dayshift.sandboxing import namespaces, syscalls

STARTS, GUARD = "sandbox starts", "guard is asked, and fails closed"
SYSTEM_PATH = "/usr/bin:/bin"  #: where the attempts find their tools, whatever the agent's own says
NAMESPACES = ("namespace", "uid map")  #: in bubblewrap's words, where the kernel refuses it one
NOT_TRIED = ("126", "127")  #: a shell's word for a program that it cannot start: then nothing was proven
LINGER = 40  #: seconds that processes stay which are too many; they are ended as soon as they are seen
COMMANDS = ("touch denied", "touch failed", "echo forbidden")  #: tried by the real CLI


@dataclass(frozen=True, slots=True)
class Layer:
    """One protection: what was tried, whether it held, what was seen."""

    name: str
    tried: str
    held: bool
    seen: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """A shell script that exits with 0 if it got out or changed what is not the agent's."""

    name: str
    tried: str
    script: str


async def prove(subject: Subject) -> list[Layer]:
    """Every layer, tried in a throw-away repository. A sandbox that does not start at all is one layer that fails."""
    with tempfile.TemporaryDirectory(prefix="dayshift-selftest-") as folder:
        trial = Trial(Path(folder), subject)
        trial.lay_out()
        starts = await trial.inside("true")
        if starts.returncode != 0:
            why = starts.stderr.strip() or f"bubblewrap ended with {starts.returncode}"
            cures = namespaces.cures() if any(word in why for word in NAMESPACES) else []
            return [Layer(STARTS, "run `true`", False, "; ".join((why, *cures)))]
        with trial.host() as port:
            attempts = await _tried(trial, _attempts(trial, port))
        # side by side, since a day waits for them; the audit alone, since it compares
        bounds, guard, told = await asyncio.gather(_bounds(trial), _guard(trial), _stand_ins(trial))
        starts_well = Layer(STARTS, "run `true`", True, "as uid 1000, without capabilities")
        return [starts_well, *attempts, bounds, *guard, told, _audit(trial)]


def _attempts(trial: Trial, port: int) -> list[Attempt]:
    """What they reach for is really there, as the host can see."""
    git_dir, file = trial.project / ".git", trial.place.repo / ".git"
    python = f"{trial.sandbox(False).interpreter.program} -I -S -c"
    database = trial.place.repo / DATABASE
    return [
        Attempt("git directory is read-only", "move a ref with git, and write a file by hand",
                f"git update-ref refs/heads/escaped HEAD || echo x > {git_dir}/escaped"),
        Attempt("the worktree's .git file is fixed", "overwrite, remove, move it",
                f"echo x > {file} || rm {file} || mv {file} {file}.old"),
        Attempt("no network", "connect to a listener on the host's loopback",
                f"bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'"),
        Attempt("no host socket", "find a unix socket of the host, by its path and by its abstract name",
                f"test -e {trial.unix} || grep {trial.abstract} /proc/net/unix"),
        Attempt("no folder of the host is writable", "write beside the workspace and into /usr",
                f"echo x > {trial.outside}/escaped || echo x > /usr/escaped"),
        Attempt("nothing of the person's is visible", "read a file of theirs", f"cat {trial.secret}"),
        Attempt("no process of the host", "find one by what its environment carries",
                f"grep -al {MARK}={trial.abstract} /proc/[0-9]*/environ"),
        Attempt("no capability, no new namespace", "make a user namespace, mount a file system",
                "unshare -Ur true || mount -t tmpfs none /mnt"),
        Attempt("system calls are refused", "make a unix socket, which no mount would stop",
                f"{python} 'import socket; socket.socket(socket.AF_UNIX)'"),
        Attempt("known databases are read-only", "write into one, remove it, put another in its place",
                f"echo x >> {database} || rm {database} || mv /etc/passwd {database}"),
        Attempt("no file without a bound", "make one of a terabyte", f"truncate -s 1T {trial.place.repo}/large"),
    ]  # fmt: skip


async def _tried(trial: Trial, attempts: list[Attempt]) -> list[Layer]:
    """Try to get out, each time from a shell of its own; held is what failed."""
    told = """ > /dev/null 2> /tmp/said; printf '%s\\t%s\\n' $? "$(tail -n 1 /tmp/said)" """
    script = "\n".join([f"PATH={SYSTEM_PATH}", *(f"( {attempt.script} ){told}" for attempt in attempts)])
    ended = await trial.inside(script)
    lines = ended.stdout.replace(str(trial.folder), "…").splitlines()
    if len(lines) != len(attempts):
        return [Layer(STARTS, "try everything", False, f"the trial broke off: {ended.stderr.strip()[-300:]}")]
    return [_outcome(attempt, *line.split("\t", 1)) for attempt, line in zip(attempts, lines, strict=True)]


def _outcome(attempt: Attempt, code: str, said: str) -> Layer:
    return Layer(attempt.name, attempt.tried, code not in ("0", *NOT_TRIED), said.strip() or f"exit {code}")


async def _guard(trial: Trial) -> list[Layer]:
    """The real CLI tries three commands: the guard refuses one, fails on one, and lets one pass that it must not."""
    asked, seen = list[str](), list[Event]()

    def judge(_: str, tool: str, tool_input: Mapping[str, Any]) -> Verdict:
        return Verdict("forbidden" not in str(tool_input), "self-test")

    async def hook(_: str, call: dict[str, Any]) -> dict[str, Any]:
        asked.append(str(call.get("tool_input")))
        if "failed" in asked[-1]:
            raise RuntimeError("the guard fails, on purpose")
        return claude_calls.deny("self-test") if "denied" in asked[-1] else claude_calls.allow()

    turns: list[dict[str, Any]] = [{"bash": command} for command in COMMANDS]
    sight = SecondSight(judge, lambda *entry: None, seen.append, SystemClock())
    ended = await trial.with_cli([*turns, {"text": "done"}], hook, sight)
    if len(asked) < len(COMMANDS):
        said = f"the guard was asked {len(asked)} times: {(ended.stderr or ended.stdout)[-300:].strip()}"
        return [Layer(GUARD, "three commands of the real CLI", False, said)]
    return [_refused([mark for mark in ("denied", "failed") if (trial.place.repo / mark).exists()]), _seen(seen)]


def _refused(ran: list[str]) -> Layer:
    seen = f"ran all the same: {', '.join(ran)}" if ran else "both were refused"
    return Layer(GUARD, "two commands of the real CLI: one denied, on one the guard fails", not ran, seen)


def _seen(events: list[Event]) -> Layer:
    said = "; ".join(each.bypass.how for each in events if isinstance(each, Bypassed))
    tried = "a forbidden command of the real CLI that its hook allows"
    return Layer("second sight sees a bypass", tried, bool(said), f"it {said}" if said else "nothing was seen")


async def _bounds(trial: Trial) -> Layer:
    """Twice as many processes as there may be: whoever starts them is ended."""
    many = f"n=0; while [ $n -lt {2 * BOUNDS.processes} ]; do sleep {LINGER} & n=$((n + 1)); done; wait"
    check = await trial.bounded(many)
    tried = f"start {2 * BOUNDS.processes} processes where {BOUNDS.processes} may be"
    ended = f"the trial broke off: {check.tail[-300:]}" if check.exit_code else "all of them ran"
    return Layer("a run is bounded", tried, bool(check.stopped), check.stopped or ended)


async def _stand_ins(trial: Trial) -> Layer:
    """A git command that the shell puts together is told as it was run."""
    await trial.inside("$(printf gi%s t) commit --allow-empty -m hidden-from-the-guard")
    told = "hidden-from-the-guard" in trial.told()
    tried = "commit with a name the shell puts together"
    return Layer("stand-ins tell what was hidden", tried, told, "its exact words" if told else "nothing was told")


def _audit(trial: Trial) -> Layer:
    """A ref is moved on purpose, from outside: the audit must see it."""
    place = trial.place
    before = audit.fingerprint(place.project, place)
    place.project.run("update-ref", "refs/heads/moved-on-purpose", trial.commit)
    found = audit.told(audit.differences(before, audit.fingerprint(place.project, place)))
    seen = "; ".join(audit.described(*each) for each in found.items())
    return Layer("audit sees a change", "move a ref from outside the sandbox", "moved-on-purpose" in seen, seen)


def missing_tools() -> list[str]:
    """What the sandbox is made of and this machine lacks, each with how to get it."""
    packages = {"bwrap": "bubblewrap", "git": "git"}
    missing = [f"{tool} is missing; install it with `apt-get install {package}`" for tool, package in packages.items()
               if shutil.which(tool) is None]  # fmt: skip
    try:
        syscalls.known(platform.machine())
    except syscalls.UnknownMachine as error:
        missing.append(str(error))
    return missing
