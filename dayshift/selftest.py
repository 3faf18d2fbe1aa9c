"""The proof before the trust: inside the very sandbox an agent gets, everything forbidden is tried and must fail."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dayshift import audit, claude_code, namespaces
from dayshift.trial import MARK, Subject, Trial

STARTS = "sandbox starts"


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
            return [Layer(STARTS, "run `true`", False, "; ".join((why, *namespaces.cures())))]
        with trial.host() as port:
            attempts = [await _tried(trial, attempt) for attempt in _attempts(trial, port)]
        return [
            Layer(STARTS, "run `true`", True, "as uid 1000, without capabilities"),
            *attempts,
            await _guard(trial),
            _audit(trial),
        ]


def _attempts(trial: Trial, port: int) -> list[Attempt]:
    """What they reach for is really there, as the host can see."""
    git_dir, file = trial.project / ".git", trial.place.repo / ".git"
    connect = "echo | socat -t1 -"
    return [
        Attempt("git directory is read-only", "move a ref with git, and write a file by hand",
                f"git update-ref refs/heads/escaped HEAD || echo x > {git_dir}/escaped"),
        Attempt("the worktree's .git file is fixed", "overwrite, remove, move it",
                f"echo x > {file} || rm {file} || mv {file} {file}.old"),
        Attempt("no network", "connect to a listener on the host's loopback",
                f"bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'"),
        Attempt("no host socket", "connect to a unix socket of the host by its path and by its abstract name",
                f"{connect} UNIX-CONNECT:{trial.unix} || {connect} ABSTRACT-CONNECT:{trial.abstract}"),
        Attempt("no folder of the host is writable", "write beside the workspace and into /usr",
                f"echo x > {trial.outside}/escaped || echo x > /usr/escaped"),
        Attempt("nothing of the person's is visible", "read a file of theirs", f"cat {trial.secret}"),
        Attempt("no process of the host", "read the environment of one",
                f"cat /proc/[0-9]*/environ | grep -q {MARK}={trial.abstract}"),
        Attempt("no capability, no new namespace", "make a user namespace, mount a file system",
                "unshare -Ur true || mount -t tmpfs none /mnt"),
    ]  # fmt: skip


async def _tried(trial: Trial, attempt: Attempt) -> Layer:
    """Try to get out; held if that failed."""
    ended = await trial.inside(attempt.script)
    said = ended.stderr.replace(str(trial.folder), "…").strip().splitlines()
    return Layer(attempt.name, attempt.tried, ended.returncode != 0, said[0] if said else f"exit {ended.returncode}")


async def _guard(trial: Trial) -> Layer:
    """The real CLI tries two commands: the guard refuses one and fails on the other. Neither may run."""
    name, tried = "guard is asked, and fails closed", "two commands of the real CLI: one denied, on one the guard fails"
    marks, asked = [trial.place.repo / word for word in ("denied", "failed")], []

    async def hook(_: str, call: dict[str, Any]) -> dict[str, Any]:
        asked.append(call)
        if len(asked) > 1:
            raise RuntimeError("the guard fails, on purpose")
        return claude_code.deny("self-test")

    ended = await trial.with_cli([{"bash": "touch denied"}, {"bash": "touch failed"}, {"text": "done"}], hook)
    if len(asked) < len(marks):
        said = (ended.stderr or ended.stdout)[-300:].strip()
        return Layer(name, tried, False, f"the guard was asked {len(asked)} times: {said}")
    ran = [mark.name for mark in marks if mark.exists()]
    return Layer(name, tried, not ran, f"ran all the same: {', '.join(ran)}" if ran else "both were refused")


def _audit(trial: Trial) -> Layer:
    """A ref is moved on purpose, from outside: the audit must see it."""
    place = trial.place
    before = audit.fingerprint(place.project, place.repository)
    place.project.run("update-ref", "refs/heads/moved-on-purpose", trial.commit)
    found = audit.findings(before, audit.fingerprint(place.project, place.repository), 1, proven=True)
    seen = "; ".join(finding.what for finding in found)
    return Layer("audit sees a change", "move a ref from outside the sandbox", "moved-on-purpose" in seen, seen)


def missing_tools() -> list[str]:
    """What the sandbox is made of and this machine lacks, each with how to get it."""
    packages = {"bwrap": "bubblewrap", "socat": "socat", "git": "git"}
    return [f"{tool} is missing; install it with `apt-get install {package}`" for tool, package in packages.items()
            if shutil.which(tool) is None]  # fmt: skip
