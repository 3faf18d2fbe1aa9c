"""What the stand-ins tell, read and judged: what is held against an agent, and what is nobody's fault."""

import shlex
from pathlib import Path

import pytest

from dayshift.attempts import EVASION, Blocked
from dayshift.guard.judge import judge
from dayshift.guard.policy_file import load_policy
from dayshift.sandboxing.evasion import NO_GIT_WRITE, Called, Evasions, Heard, Place, read
from tests.house import NINE

POLICY = load_policy(Path(__file__).parent.parent / "config" / "policy.yaml")
INSIDE = "sh build.sh"


class Ground:
    """A worktree with a nested repository and a known database, beside a folder that is none of its business."""

    def __init__(self, folder: Path) -> None:
        self.repo, self.git_dir = folder / "task" / "repo", folder / "shop" / ".git"
        self.elsewhere, self.nested = folder / "tmp" / "x", self.repo / "vendor" / "lib"
        for each in (self.repo / "src", self.git_dir / "hooks", self.elsewhere, self.nested / ".git"):
            each.mkdir(parents=True)
        (self.repo / ".git").write_text(f"gitdir: {self.git_dir}\n")
        (self.repo / "dev.db").write_bytes(b"SQLite")
        (self.repo / "out").symlink_to(self.elsewhere)
        self.evasions = self.hearing()

    def hearing(self, *counted: str) -> Evasions:
        place = Place(self.repo, self.git_dir, lambda: [self.repo / "dev.db"])
        return Evasions(lambda tool, given: judge(tool, given, POLICY), place, counted)

    def tells(self, command: str, at: str = "", git_dir: str = "", inside: str = INSIDE) -> Heard | None:
        """What is made of that call, made in that folder of the worktree."""
        name, *arguments = shlex.split(command.format(**vars(self)))
        fields = [str(len(arguments)), name, str(self.repo / at.format(**vars(self))), "sh",
                  git_dir.format(**vars(self)), "", *arguments]  # fmt: skip
        heard = list(self.evasions.heard(["\t".join(("whole", *fields)).encode()], inside))
        return heard[0] if heard else None


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


@pytest.mark.parametrize(
    ("command", "facts"),
    [
        ("git commit -m x", {}),
        ("git add .", {"at": "src"}),
        ("git push origin main", {}),
        ("git-commit -m x", {}),
        ("git -C {repo} commit -m x", {"at": "{elsewhere}"}),
        ("git -C .. -C repo tag v1", {}),
        ("git --git-dir={git_dir} update-ref refs/heads/x HEAD", {"at": "{elsewhere}"}),
        ("git --git-dir .git commit -m x", {}),
        ("git commit -m x", {"at": "{elsewhere}", "git_dir": "{git_dir}"}),
        ("git commit -m x", {"at": "{elsewhere}", "git_dir": "{repo}/.git"}),
        ("git -c core.editor=true commit", {}),
        ("git -c alias.x=commit x", {}),
        ("git config core.hooksPath .husky", {}),
        ("git init", {}),
        ("git init .", {}),
        ("git-receive-pack {git_dir}", {}),
        ("git commit -m x", {"inside": "pytest -q"}),  # its own repository is no throw-away one
        ("psql -h db.example.org -c 'drop table t'", {}),
        ("psql postgresql://db.example.org/shop", {}),
        ("psql", {}),
        ("redis-cli flushall", {}),
        ("mysql -hdb.example.org shop", {}),
        ("sqlite3 dev.db 'drop table t'", {}),
        ("sqlite3 {repo}/src/../dev.db .dump", {"at": "{elsewhere}"}),
    ],
)  # fmt: skip
def test_what_was_hidden_counts(ground: Ground, command: str, facts: dict[str, str]) -> None:
    heard = ground.tells(command, **facts)
    assert heard is not None and heard.aside == ""


@pytest.mark.parametrize(
    ("command", "facts"),
    [
        ("git commit -m x", {"at": "{elsewhere}"}),
        ("git commit -m x", {"at": "vendor/lib"}),
        ("git commit -m x", {"at": "{nested}"}),
        ("git commit -m x", {"at": "out"}),
        ("git commit -m x", {"at": "gone/since"}),
        ("git -C {elsewhere} commit -m x", {}),
        ("git -C vendor/lib tag v1", {}),
        ("git --git-dir={elsewhere}/.git commit -m x", {}),
        ("git commit -m x", {"git_dir": "{elsewhere}/.git"}),
        ("git clone https://example.org/x", {}),
        ("git config --global user.name x", {}),
        ("git config -f /tmp/settings a.b c", {}),
        ("git archive --remote=/tmp/r HEAD", {}),
        ("git-upload-pack {elsewhere}", {}),  # one git reads for another, in whatever folder that stands
        ("git upload-pack {repo}", {}),
        ("git-receive-pack {elsewhere}", {}),
        ("git clone -q {repo} {elsewhere}/copy", {}),
        ("git init", {"at": "{elsewhere}"}),
        ("git init -q fixtures/made", {}),
        ("psql", {"inside": "pytest -q tests"}),
        ("psql", {"inside": "npm run test:unit"}),
        ("redis-cli flushall", {"inside": "make check"}),
        ("sqlite3 dev.db .dump", {"inside": "python3 test_orders.py"}),
        ("psql -h 127.0.0.1 -p 5433 shop", {}),
        ("psql -h /tmp/pg shop", {}),
        ("psql 'host=localhost dbname=shop'", {}),
        ("psql postgresql:///shop?host=/tmp/pg", {}),
        ("mysql --host=localhost shop", {}),
        ("mongosh mongodb://[::1]:27017/shop", {}),
        ("sqlite3 :memory: 'select 1'", {}),
        ("sqlite3 made-here.db 'select 1'", {}),
        ("sqlite3 /tmp/x.db 'select 1'", {}),
        ("initdb -D data", {}),
        ("pg_ctl -D data start", {}),
    ],
)  # fmt: skip
def test_what_is_a_throw_away_is_noted_and_not_counted(ground: Ground, command: str, facts: dict[str, str]) -> None:
    heard = ground.tells(command, **facts)
    assert heard is not None and heard.aside


@pytest.mark.parametrize(
    "command",
    ["git status", "git log -5", "git --version", "git config --get user.name", "git diff --stat", "git commit --help",
     "psql --version", "sqlite3 --help", "git stash list", "git -C vendor/lib rev-parse HEAD", "git"],
)  # fmt: skip
def test_what_is_allowed_is_not_even_noted(ground: Ground, command: str) -> None:
    assert ground.tells(command) is None


def test_a_repository_that_was_made_and_is_gone_again_was_a_throw_away(ground: Ground) -> None:
    (ground.repo / "made").mkdir()
    ground.tells("git init -q made")
    heard = ground.tells("git commit -m x", at="made")
    assert heard is not None and heard.aside == "not the agent's repository"


def test_one_tool_call_costs_one_attempt_whatever_it_hides(ground: Ground) -> None:
    told = [ground.tells(command) for command in ("git add .", "git commit -m x", "git push")]
    assert [each.aside for each in told if each] == ["", "counted already", "counted already"]


def test_a_command_line_counts_once_in_a_run(ground: Ground) -> None:
    told = [ground.tells("git add .", at=at, inside=inside) for at, inside in (("", "make a"), ("src", "make b"))]
    assert [each.aside for each in told if each] == ["", "counted already"]
    assert ground.tells("git add .", inside="make c") is None


def test_what_an_earlier_daemon_heard_counts_no_more_but_what_comes_then_does(ground: Ground) -> None:
    ground.evasions = ground.hearing("git add .")
    told = [ground.tells(command, inside="") for command in ("git add .", "git commit -m x")]
    told += [ground.tells(command, inside="make b") for command in ("git add -A", "git tag v1")]
    assert [each.aside for each in told if each] == ["counted already", "counted already", "", "counted already"]


def test_what_nobody_counted_yet_counts_although_its_tool_call_is_not_known(ground: Ground) -> None:
    told = [ground.tells(command, inside="") for command in ("git add .", "git commit -m x")]
    assert [each.aside for each in told if each] == ["", "counted already"]


def test_it_says_what_was_hidden_and_in_what(ground: Ground) -> None:
    heard = ground.tells("git commit -m 'a b'")
    assert heard is not None
    assert heard.text == "EVASION: git commit -m 'a b' [git-write], run by sh inside sh build.sh"
    reason = f"hidden from the guard (git-write): run inside `sh build.sh`; {NO_GIT_WRITE}"
    assert heard.blocked(NINE) == Blocked(NINE, "Bash", "git commit -m 'a b'", EVASION, reason)


@pytest.mark.parametrize(
    "line",
    [
        "whole\t\u00b2\tgit\t/x\tbash\t\t\tcommit",  # a digit that is no number
        "whole\t" + "9" * 5000 + "\tgit\t/x\tsh\t\t\tcommit",
        "whole\t1\tgit\t/a\0b\tsh\t\t\tcommit",
        "whole\t1\tgit\t/a\tsh\t/g\0\t\tcommit",
        "whole\t1\tgit\t" + "/long" * 2000 + "\tsh\t\t\tcommit",
        "whole\t3\tgit\t/\tsh\t\t\t-C\t" + "a" * 300 + "\tcommit",
        "whole\t2\tsqlite3\t/\tsh\t\t\ta\0.db\t.dump",
    ],
)
def test_a_record_that_an_agent_forged_stops_nobody(ground: Ground, line: str) -> None:
    heard = list(ground.evasions.heard([line.encode()], ""))
    assert all(each.aside for each in heard)
    assert ground.tells("git commit -m x") is not None


# --- records ----------------------------------------------------------------------------------------


def test_a_record_is_read_exactly() -> None:
    line = rb"whole" + b"\t2\tgit\t/a b\tsh\t/g\t\tcommit\t-m a\\nb\\tc\\\\nd"
    assert read(line) == Called("git", ("commit", "-m a\nb\tc\\nd"), "/a b", "sh", "/g")


@pytest.mark.parametrize(
    "line",
    [b"", b"x", b"whole", b"whole\t1\tgit", b"whole\tmany\tgit\t/\tsh\t\t\tstatus", b"\xff\t\xfe", b"dropped",
     b"half\t0\tgit\t/\tsh\t\t"],
)  # fmt: skip
def test_what_is_no_record_is_passed_over(line: bytes) -> None:
    assert read(line) is None


def test_a_cut_record_says_so_and_is_judged_by_what_is_there(ground: Ground) -> None:
    line = f"cut\t3\tgit\t{ground.repo}\tsh\t\t\tcommit\t-m\twor".encode()
    (heard,) = ground.evasions.heard([line, b"rubbish"], INSIDE)
    assert heard.call.command == "git commit -m wor …"


def test_bytes_that_are_no_text_do_no_harm(ground: Ground) -> None:
    line = b"whole\t2\tgit\t" + bytes(ground.repo) + b"\tsh\t\t\tcommit\t-m\xff\xfe\x01"
    (heard,) = ground.evasions.heard([line], INSIDE)
    assert heard.verdict.rule == "git-write"
