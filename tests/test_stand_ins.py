"""Stand-ins in the real sandbox: they tell exactly how they were called, nobody can read or change what was told, and
git and the database clients work as if they were not there.

When the tests run as root, everything is tried once more as a normal user.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dayshift.holder import argv
from dayshift.holder.argv import DROPPED, Argv
from dayshift.sandboxing import stand_ins
from dayshift.sandboxing.evasion import Called, read
from dayshift.sandboxing.stand_ins import REAL, RECORDS
from tests.premises import CALLERS, NOBODY, SYSTEM_PATH, Ended, Premises, built

CLIENTS = ("psql", "pg_dump", "sqlite3", "redis-cli")
SHELLS = [shell for shell in ("/bin/dash", "/bin/bash", "/bin/busybox") if Path(shell).exists()]


class Stage:
    """Premises with stand-ins in the sandbox, and a holder's end of their FIFO."""

    def __init__(self, house: Premises) -> None:
        self.house, self.spool = house, house.folder / "spool"
        self.spool.mkdir()
        path = [Path(each) for each in SYSTEM_PATH.split(":")]
        self.shown = stand_ins.shown(house.folder / "stand-ins", path, ["git", *CLIENTS], [])
        self.argv = Argv(str(self.spool))
        if house.caller:
            for place in (self.spool, self.spool / "argv.fifo"):
                os.chown(place, NOBODY, NOBODY)

    def run(self, script: str) -> Ended:
        shown = {**self.shown, RECORDS: self.spool / "argv.fifo"}
        return self.house.inside(script, read_only_at=shown)

    @property
    def told(self) -> list[Called]:
        """What the stand-ins have told so far."""
        self.argv.finish()
        lines = (self.spool / "argv").read_bytes().split(b"\n")
        return [call for line in lines if (call := read(line))]

    @property
    def commands(self) -> list[str]:
        return [call.command for call in self.told]


@pytest.fixture(params=CALLERS)
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with built(request.param) as house:
        yield Stage(house)


# --- what is told -----------------------------------------------------------------------------------


def test_a_call_is_told_exactly_by_whatever_way_it_comes(stage: Stage) -> None:
    done = stage.run(r"""
        git status --short
        /usr/bin/git log -1 --format=%s
        cd src; env -i PATH=/usr/bin git rev-parse --show-prefix
        printf 'log -1\0' | xargs -0 sh -c 'git $0'
        {python} -c 'import subprocess; subprocess.run(["git", "status", "a b", "c\nd\te\\f", ""])'
        GIT_DIR=/nowhere git status; cp /usr/bin/git /tmp/tool; ln -s /usr/bin/git /tmp/link
        /tmp/tool commit -m x; /tmp/link tag v1; /usr/lib/git-core/git stash; /usr/lib/git-core/git-add .
    """.replace("{{", "{").replace("}}", "}"))  # fmt: skip
    assert [call.arguments for call in stage.told] == [
        ("status", "--short"), ("log", "-1", "--format=%s"), ("rev-parse", "--show-prefix"), ("log", "-1"),
        ("status", "a b", "c\nd\te\\f", ""), ("status",), ("commit", "-m", "x"), ("tag", "v1"), ("stash",), (".",),
    ], done  # fmt: skip
    assert [call.name for call in stage.told] == [*["git"] * 9, "git-add"]
    folders = [call.folder.removeprefix(str(stage.house.place.repo)) for call in stage.told]
    assert folders == ["", "", *["/src"] * 8]
    assert stage.told[5].git_dir == "/nowhere"
    assert [stage.told[number].by for number in (0, 4)] == ["sh", stage.house.script("{python}").rsplit("/", 1)[1]]


def test_a_long_call_is_cut_and_says_so(stage: Stage) -> None:
    assert stage.run("git log -1 $(seq 3000)").returncode == 128
    (call,) = stage.told
    assert (call.whole, call.arguments[:3]) == (False, ("log", "-1", "1"))
    assert (stage.spool / "argv").stat().st_size < 4096


@pytest.mark.skipif(shutil.which("psql") is None, reason="there is no psql here")
def test_a_client_that_looks_at_its_name_is_what_it_was(stage: Stage) -> None:
    done = stage.run("psql --version; pg_dump --version; sqlite3 :memory: 'select 42'")
    said = done.stdout.splitlines()
    assert [line.split()[0] for line in said] == ["psql", "pg_dump", "42"], done.stderr
    assert [call.name for call in stage.told] == ["psql", "pg_dump", "sqlite3"]


def test_what_git_calls_by_itself_is_not_told(stage: Stage) -> None:
    core = "/usr/lib/git-core/git-submodule status"
    stage.run(f"git submodule status; git stash list; {core}; git -c alias.x='!git tag' x")
    told = ["git submodule status", "git stash list", "git -c 'alias.x=!git tag' x", "git tag"]
    assert stage.commands == told  # the last by a shell, to which git handed the alias


# --- everything else stays as it was ------------------------------------------------------------------

AS_USUAL = """
    git --exec-path; git --version; git status --short; git log --oneline; git diff --stat; git branch --all
    git show HEAD:README.md; git ls-files | wc -l; git blame -s src/orders.py; git submodule status; echo $?
    git grep -n ORDERS; git cat-file --batch-check < /dev/null; echo HEAD | git cat-file --batch-check
    git hash-object --stdin < README.md; printf 'a\\nb\\n' | git stripspace; git no-such-command; echo $?
    name=kept _ds_name=kept IFS=, git var GIT_PAGER; env | grep _ds_; git rev-parse --verify nothing; echo $?
    git -c core.pager=cat --paginate log -1 --format=%H; git upload-pack --help > /dev/null 2>&1; echo $?
    /usr/lib/git-core/git-log -1 --format=%s; git-upload-pack --advertise-refs . | head -c 4; echo
    (cd /tmp; git init -q made; cd made; echo x > x; git add x; git -c user.name=T -c user.email=t@t commit -qm x
     git clone -q . ../copy; git -C ../copy log --format=%s; git -C ../copy fsck
     git worktree add -q ../tree; ls ../tree)
    git diff --no-index README.md src/orders.py; echo $?; git archive HEAD | tar -t; git bisect log; echo $?
    git log --format=%s | head -0; sh -c 'exec git status --short'; echo $?
    git rev-parse HEAD; git config --get-regexp 'remote.*'; git check-ignore -v x; echo $?; git stash list; git describe
"""


def test_git_works_as_if_it_were_not_there(stage: Stage) -> None:
    script = AS_USUAL.replace("{", "{{").replace("}", "}}")
    bare, done = stage.house.inside(script), stage.run(script)
    assert done.stdout == bare.stdout and done.stderr == bare.stderr
    assert len(bare.stdout.splitlines()) > 40
    assert len(stage.told) > 35


def test_without_anybody_to_tell_it_works_all_the_same(stage: Stage) -> None:
    done = stage.house.inside("git log -1 --format=%s && git status --short", read_only_at=stage.shown)
    assert (done.returncode, done.stdout.splitlines()[0], done.stderr) == (0, "words", "")


def test_nobody_waits_for_a_holder_that_is_busy(stage: Stage) -> None:
    """Nobody reads while this runs, and it tells more than a pipe usually holds."""
    done = stage.run("for i in $(seq 30); do git log -1 $(seq 3000) 2>/dev/null; echo on; done | wc -l")
    assert done.stdout.strip() == "30"
    assert len(stage.told) == 30


# --- who can do what to it ----------------------------------------------------------------------------


ATTEMPTS = (
    f"timeout 1 cat {RECORDS}",
    f"timeout 1 sh -c 'exec 3<>{RECORDS}'",
    f"exec 3>{RECORDS}; timeout 1 cat /proc/self/fd/3",
    f"exec 3>{RECORDS}; chmod 600 /proc/self/fd/3",
    f"chmod 600 {RECORDS}",
    f"rm {RECORDS}",
    f"mv {RECORDS} /tmp/x",
    f"ln {RECORDS} /tmp/x",
    "echo 'exit 0' > /usr/bin/git",
    "rm /usr/bin/git",
    f"echo x > {REAL}/usr/bin/git",
    "ls {house}/spool",
)


def test_an_agent_can_add_to_it_and_nothing_else(stage: Stage) -> None:
    outcomes = {attempt: stage.run(attempt).returncode for attempt in ATTEMPTS}
    assert [attempt for attempt, code in outcomes.items() if code == 0] == []
    stage.run("git status")
    assert stage.commands == ["git status"]


def test_rubbish_beside_it_garbles_no_record(stage: Stage) -> None:
    stage.run(
        f"printf 'half a rec' > {RECORDS}; git status; head -c 5000 /dev/zero > {RECORDS}; git log -1;"
        f" printf 'whole\\t1' > {RECORDS}; git diff"
    )
    assert stage.commands == ["git status", "git log -1", "git diff"]


def test_records_of_many_at_once_stay_apart(stage: Stage) -> None:
    stage.run("for i in $(seq 40); do git --version $i $(seq 200) > /dev/null 2>&1 & done; wait")
    assert sorted(int(call.arguments[1]) for call in stage.told) == list(range(1, 41))
    assert all(call.whole and len(call.arguments) == 202 for call in stage.told)


def test_more_than_there_is_room_for_is_dropped_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(argv, "MOST", 20)
    kept = Argv(str(tmp_path))
    for each in (b"\nten bytes", b"\nelev bytes", b"\nlate"):
        os.write(kept.source, each)
        kept.take()
    kept.finish()
    assert (tmp_path / "argv").read_bytes() == b"\nten bytes" + DROPPED


# --- the script ---------------------------------------------------------------------------------------

ODD = ["", " ", "\n", "\t", "\\", "\\n", "a\nb", "%s", "-n", "*", "$HOME", "`x`", "'\"", "é漢", "\x01\x7f", "x" * 2000]


@pytest.mark.parametrize("shell", SHELLS)
def test_odd_words_are_told_exactly_whatever_shell_is_the_systems(
    tmp_path: Path, shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Argv(str(tmp_path))
    monkeypatch.setattr(stand_ins, "RECORDS", tmp_path / "argv.fifo")
    monkeypatch.setattr(stand_ins, "REAL", tmp_path / "real")
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "usr").symlink_to("/usr")
    (tmp_path / "argv.fifo").chmod(0o600)
    script = stand_ins.shown(tmp_path, [Path("/usr/bin")], ["true"], [])[Path("/usr/bin/true").resolve()]
    words = [shell, *(["sh"] if shell.endswith("busybox") else [])]
    for given in (ODD, ODD[::-1], *([each] for each in ODD)):
        assert subprocess.run([*words, script, *given], cwd=tmp_path, check=True, capture_output=True).stderr == b""
    kept.finish()
    told = [call for line in (tmp_path / "argv").read_bytes().split(b"\n") if (call := read(line))]
    assert [call.arguments for call in told] == [tuple(ODD), tuple(ODD[::-1]), *((each,) for each in ODD)]
