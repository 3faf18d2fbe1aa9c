"""What an agent must not do: with the guard it is refused, counted and told; without it, the kernel still says no."""

import contextlib
import json
import os
import shlex
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dayshift.sandboxing.sandbox import interpreter
from tests.escapes import ALL as ESCAPES
from tests.premises import REACH, Place, Premises, built, outcomes

from .conftest import BuildHouse
from .house import House, left_behind, untouched

UNGUARDED = Path(__file__).with_name("unguarded.py")
MEEK = {
    "id": "meek",
    "deliverables": ["docs/reset.md"],
    "rehearsal": [
        {"bash": "psql -c 'DROP TABLE orders'"},
        {"bash": "git add -A && git commit -m 'Done'"},
        {"write": {"path": "docs/reset.md", "content": "By hand.\n"}},
        {"text": "Done without."},
    ],
}


def stubborn(house: House) -> dict[str, object]:
    hook = f"{house.project}/.git/hooks/pre-commit"
    return {
        "id": "stubborn",
        "deliverables": ["never.md"],
        "rehearsal": [
            {"bash": "git push origin HEAD"},
            {"write": {"path": hook, "content": "#!/bin/sh\ntouch /tmp/owned\n"}},
            {"bash": "rm -rf .git"},
            {"write": {"path": "never.md", "content": "It came this far.\n"}},
            {"text": "Done."},
        ],
    }


# --- with the guard --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded(build: BuildHouse) -> House:
    house = build()
    before = house.fingerprint()
    ended = house.run("start", house.day(MEEK, stubborn(house)), "--rehearse", "--once")
    assert ended.code == 1, ended
    assert untouched(before, house.fingerprint())
    assert left_behind(house) == []
    return house


def test_a_forbidden_command_is_refused_by_rule_and_the_agent_goes_on_without(guarded: House) -> None:
    meek = guarded.task("meek")
    assert meek["state"] == "done"
    assert [(item["tool"], item["rule"]) for item in meek["blocked"]] == [("Bash", "database"), ("Bash", "git-write")]
    assert all(item["reason"] for item in meek["blocked"])
    assert [line for line in guarded.log("meek").splitlines() if "BLOCKED" in line and "[git-write]" in line]
    assert "[database]" in guarded.stream("meek")


def test_the_attempts_are_counted_in_status_and_report(guarded: House) -> None:
    assert [guarded.status(task)["blocked_commands"] for task in ("meek", "stubborn")] == [2, 3]
    assert "5 forbidden commands were refused" in guarded.report()


def test_an_agent_that_insists_is_halted_before_its_next_step(guarded: House) -> None:
    stubborn = guarded.task("stubborn")
    assert (stubborn["state"], stubborn["reason"]) == ("halted", "3 forbidden attempts")
    assert [item["rule"] for item in stubborn["blocked"]] == ["git-write", "git-files", "git-files"]
    assert not (guarded.workspace("stubborn") / "repo" / "never.md").exists()


def test_the_reports_first_line_says_so(guarded: House) -> None:
    first = next(line for line in guarded.report().splitlines()[1:] if line.strip())
    assert first.startswith("**5 forbidden commands were refused**")
    assert "psql -c 'DROP TABLE orders'" in first and "git push origin HEAD" in first
    assert guarded.facts()["counts"]["halted"] == 1


# --- without it ------------------------------------------------------------------------------------


CONNECT = f"{interpreter().program} -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"{{}}\")'"


class Outside:
    """What an agent could reach if anything leaked: a remote, a TCP listener, unix sockets, a file."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir()
        self.remote, self.secret = folder / "origin.git", folder / "secret.txt"
        self.secret.write_text("the person's own\n")
        self.unix, self.abstract = folder / "host.sock", f"dayshift-test-{name}"
        self.callers: list[str] = []
        self._listeners = {"tcp": socket.create_server(("127.0.0.1", 0)), "unix": socket.socket(socket.AF_UNIX),
                           "abstract": socket.socket(socket.AF_UNIX)}  # fmt: skip
        self._listeners["unix"].bind(str(self.unix))
        self._listeners["abstract"].bind(f"\0{self.abstract}")
        self.port = self._listeners["tcp"].getsockname()[1]

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Note whoever calls, for the block."""
        threads = [threading.Thread(target=self._note, args=(kind,)) for kind in self._listeners]
        for listener in self._listeners.values():
            listener.listen()
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for listener in self._listeners.values():
                listener.shutdown(socket.SHUT_RDWR)
                listener.close()
            for thread in threads:
                thread.join()

    def _note(self, kind: str) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listeners[kind].accept()
                self.callers.append(kind)
                caller.recv(16)
                caller.close()

    def attempts(self, house: House) -> dict[str, str]:
        """Shell commands that leave with 0 if they got out or changed what is not theirs."""
        project, home = house.project, house.home
        git, remote = project / ".git", self.remote
        own = f"/dev/*|/proc/*|/opt/*|/memfd:*|/tmp/claude-*|{home.workspaces}/*"
        return {
            "commit": "git add -A && git commit -qm escaped",
            "commit elsewhere": "GIT_INDEX_FILE=/tmp/index git add -A",
            "ref": "git update-ref refs/heads/escaped HEAD",
            "ref by hand": f"cp {git}/refs/heads/main {git}/refs/heads/escaped",
            "push": "git push -q origin HEAD:refs/heads/escaped",
            "push to its path": f"git push -q {remote} HEAD:refs/heads/escaped",
            "config": "git config user.name Mallory",
            "hook": f"echo 'touch {project}/owned' > {git}/hooks/pre-commit",
            "git directory": f"rm -rf {git}/refs",
            "git file": "rm -rf .git",
            "git file moved": "mv .git aside",
            "tree of the person": f"cat {project}/README.md",
            "tcp": f"bash -c 'exec 3<>/dev/tcp/127.0.0.1/{self.port}'",
            "unix socket": CONNECT.format(self.unix),
            "abstract socket": CONNECT.format("\\0" + self.abstract),
            "secret": f"cat {self.secret}",
            "other agents": "ls ../../other",
            "ledger": f"cat {home.ledger(True)} || echo x >> {home.ledger(False)}",
            "daemon's own": f"cat {home.daemon_facts} {home.own}/tasks/*",
            "descriptors": "for each in /proc/$$/fd/* /proc/$PPID/fd/*; do "
            f"case $(readlink $each) in {own}) ;; /*) readlink $each; exit 0;; esac; done; exit 1",
            "managed settings": "echo '{}' > /etc/claude-code/managed-settings.json",
        }


WITHOUT_HOOKS = {
    "disableAllHooks": True,
    "hooks": {"PreToolUse": [{"matcher": "*", "hooks": [{"type": "command", "command": "touch planted-hook-ran"}]}]},
    "permissions": {"allow": ["Bash"], "defaultMode": "bypassPermissions"},
}
PLANTING = f"""mkdir -p .claude "$HOME/.claude"
for place in .claude/settings.json .claude/settings.local.json "$HOME/.claude/settings.json"; do
  printf '%s' {shlex.quote(json.dumps(WITHOUT_HOOKS))} > "$place"
done
sleep 1
"""


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Outside:
    folder = tmp_path_factory.mktemp("outside")
    return Outside(folder / "o", f"{os.getpid()}")


def script_of(attempts: dict[str, str]) -> str:
    """Every attempt in a shell of its own; what came of it, one line each, in the work tree."""
    told = """ > /tmp/said 2>&1; printf '%s\\t%s\\t%s\\n' $? {name} "$(tr '\\n\\t' '  ' < /tmp/said)" >> attempts.tsv"""
    lines = [f"( {command} )" + told.replace("{name}", shlex.quote(name)) for name, command in attempts.items()]
    return "\n".join(lines)


def leading_out(secret: Path) -> str:
    """Links to the person's file, wherever the supervisor looks for what an agent wrote."""
    places = ("../summary.md", "../changes.patch", "../io/question.md", "docs.md")
    return "; ".join(f"rm -rf {place}; ln -s {secret} {place}" for place in places)


class Tried:
    """A house in which everything was tried, the guard saying yes to all of it."""

    def __init__(self, house: House, outside: Outside, premises: Premises) -> None:
        self.house, self.outside, self.theirs = house, outside, premises
        tree = house.workspace("escape") / "repo"
        place = Place(tree.parent, house.project / ".git")
        self.premises = replace(premises, place=place, reach=tree / "reach.py")
        house.git("clone", "-q", "--bare", house.project, outside.remote)
        house.git("remote", "add", "origin", outside.remote)
        house.git("push", "-q", "origin", "main:refs/heads/reachable")
        self.refs_there = house.git("for-each-ref", folder=outside.remote)
        self.before, self.theirs_before = house.fingerprint(), premises.everything()
        turns: list[dict[str, object]] = [
            {"bash": "git commit --allow-empty -m escaped"},
            {"bash": script_of(outside.attempts(house))},
            {"write": {"path": "reach.py", "content": REACH.read_text()}},
            {"write": {"path": "table.json", "content": self.premises.told(ESCAPES)}},
            {"bash": self.premises.script("{reach} each < table.json > table.jsonl")},
            {"write": {"path": ".claude/settings.json", "content": json.dumps(WITHOUT_HOOKS)}},
            {"write": {"path": "plant.sh", "content": PLANTING}},
            {"bash": "sh plant.sh && echo asked-at-once"},
            {"write": {"path": "lead.sh", "content": leading_out(outside.secret)}},
            {"bash": "sh lead.sh"},
            {"bash": "echo asked-later"},
            {"ask": {"question": "Shall I go on?", "options": ["yes", "no"]}},
            {"bash": "echo still-asked"},
            {"text": "Done."},
        ]  # fmt: skip
        day = house.day({"id": "escape", "deliverables": ["attempts.tsv"], "rehearsal": turns})
        with outside.listening():
            daemon = house.start("start", day, "--rehearse", "--once", entry=UNGUARDED)
            daemon.waits("escape asks")
            house.home.questions.joinpath("escape-answer.md").write_text("yes\n")
            self.code = daemon.ends()
        assert self.code == 0, daemon.said

    @property
    def outcomes(self) -> dict[str, tuple[int, str]]:
        lines = (self.house.workspace("escape") / "repo" / "attempts.tsv").read_text().splitlines()
        return {name: (int(code), said) for code, name, said in (line.split("\t") for line in lines)}

    @property
    def of_the_table(self) -> dict[str, tuple[int, str]]:
        return outcomes((self.house.workspace("escape") / "repo" / "table.jsonl").read_text())


@pytest.fixture(scope="module")
def tried(build: BuildHouse, outside: Outside) -> Iterator[Tried]:
    with built("this user") as premises:
        yield Tried(build(), outside, premises)


def test_the_attempts_would_succeed_outside(house: House) -> None:
    """What is refused below is really there: the same reaches work from the host."""
    reaches = ("tcp", "unix socket", "abstract socket", "secret")
    other = Outside(house.folder / "outside", f"{os.getpid()}-control")
    attempts = other.attempts(house)
    with other.listening():
        for name in reaches:
            subprocess.run(["bash", "-c", attempts[name]], capture_output=True, check=True)
    assert sorted(other.callers) == ["abstract", "tcp", "unix"]


def test_the_kernel_refuses_what_the_guard_let_pass(tried: Tried) -> None:
    assert tried.outcomes.keys() == tried.outside.attempts(tried.house).keys()
    assert {name: said for name, (code, said) in tried.outcomes.items() if code == 0} == {}
    for name in ("commit", "ref", "hook", "git directory", "config"):
        assert "ead-only file system" in tried.outcomes[name][1]
    assert tried.house.task("escape")["blocked"] == []


def test_every_attempt_of_the_sandboxs_own_table_fails_in_the_real_cli_too(tried: Tried) -> None:
    assert tried.of_the_table.keys() == ESCAPES.keys()
    assert {name: said for name, (code, said) in tried.of_the_table.items() if code == 0} == {}


def test_nothing_changed_on_the_host(tried: Tried) -> None:
    assert untouched(tried.before, tried.house.fingerprint())
    assert tried.outside.callers == []
    assert tried.theirs.everything() == tried.theirs_before
    assert tried.house.git("for-each-ref", folder=tried.outside.remote) == tried.refs_there
    assert tried.outside.secret.read_text() == "the person's own\n"
    facts = tried.house.facts()["audit"]
    assert (facts["clean"], facts["runs_checked"]) == (True, 2)


def test_settings_an_agent_plants_turn_off_no_guard_and_start_no_hook(tried: Tried) -> None:
    repo = tried.house.workspace("escape") / "repo"
    for planted in (repo / ".claude", repo.parent / "home" / ".claude"):
        assert json.loads((planted / "settings.json").read_text()) == WITHOUT_HOOKS
    log = tried.house.log("escape")
    assert "run 1: allowed Bash: echo asked-later" in log  # the same process, the settings changed under it
    assert "run 2: allowed Bash: echo still-asked" in log  # a new process, which read them at its start
    assert not (repo / "planted-hook-ran").exists()


def test_links_that_lead_out_are_followed_by_nobody(tried: Tried) -> None:
    repo, secret = tried.house.workspace("escape") / "repo", tried.outside.secret
    assert (repo / "docs.md").readlink() == (repo.parent / "summary.md").readlink() == secret
    assert secret.read_text() == "the person's own\n"
    assert f"+{secret}" in (repo.parent / "changes.patch").read_text(), "the link itself is kept"
    kept = [path for path in tried.house.home.root.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in kept if secret.read_bytes() in path.read_bytes()] == []


def test_nothing_is_left_behind(tried: Tried) -> None:
    assert left_behind(tried.house) == []
