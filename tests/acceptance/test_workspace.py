"""What an agent finds: the repository's instructions and skills, what builds need, and never the person's key."""

from pathlib import Path

import pytest

from .conftest import BuildHouse
from .house import House, left_behind, untouched
from .model import KEY, Model

TRACKED = {
    "CLAUDE.md": "Say marmalade-rule before you finish.\n",
    ".claude/skills/greet/SKILL.md": "---\nname: greet\ndescription: quince-skill greets people\n---\nSay hello.\n",
    ".gitignore": "node_modules/\n.cache/\n",
    "docs/PAGES.md": "Fifty orders a page, says elderberry-context.\n",
}
TURNS = [
    {"bash": "env | sort"},
    {"bash": "cat node_modules/left-pad/index.js; echo no >> node_modules/left-pad/index.js"},
    {"bash": "cat .setup-done; id -u; ls -a $HOME; cat /proc/self/status | grep CapEff"},
    {"bash": "cp node_modules/left-pad/index.js built.js"},
    {"text": "Done."},
]


class Worked:
    """A real day on a project with everything a project has."""

    def __init__(self, house: House, model: Model, cli: Path) -> None:
        self.house, self.model = house, model
        module = house.project / "node_modules" / "left-pad" / "index.js"
        module.parent.mkdir(parents=True)
        module.write_text("module.exports = pad\n")
        house.environment |= model.environment(cli) | {
            "DAYSHIFT_WORKSPACE__SHARE": "[node_modules]",
            "DAYSHIFT_WORKSPACE__SETUP": '["echo set-up-by-command > .setup-done", "test -e node_modules/left-pad"]',
            "DAYSHIFT_AGENT__ENVIRONMENT": "[FOR_AGENTS]",
            "FOR_AGENTS": "passed-by-name",
            "NOT_FOR_AGENTS": "kept-from-agents",
        }
        self.before = house.fingerprint()
        model.plays(house.workspace("build"), TURNS)
        task = {"id": "build", "context_files": ["docs/PAGES.md"], "deliverables": ["built.js"],
                "validate": ["grep -q pad node_modules/left-pad/index.js", "test -e .setup-done"]}  # fmt: skip
        self.ended = house.run("start", house.day(task), "--once")
        assert self.ended.code == 0, self.ended


@pytest.fixture(scope="module")
def worked(build: BuildHouse, cli: Path) -> "Worked":
    with Model().serving() as model:
        return Worked(build(tracked=TRACKED), model, cli)


def test_the_repositorys_instructions_skills_and_context_files_reach_the_model(worked: Worked) -> None:
    heard = worked.model.heard
    assert "marmalade-rule" in heard
    assert "quince-skill" in heard
    assert "elderberry-context" in heard


def test_the_real_key_reaches_the_provider_and_no_agent(worked: Worked) -> None:
    assert {seen.headers["x-api-key"] for seen in worked.model.server.requests} == {KEY}
    environment = dict(line.split("=", 1) for line in worked.model.results[0].splitlines() if "=" in line)
    assert environment["ANTHROPIC_API_KEY"] != KEY
    assert environment["ANTHROPIC_BASE_URL"].startswith("http://127.0.0.1:")
    assert environment["FOR_AGENTS"] == "passed-by-name"
    assert KEY not in worked.model.heard
    assert "NOT_FOR_AGENTS" not in environment and "kept-from-agents" not in worked.model.heard
    written = [path for path in worked.house.folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert written == []


def test_what_git_ignores_but_builds_need_is_there_and_read_only(worked: Worked) -> None:
    assert "module.exports = pad" in worked.model.results[1] and "ead-only file system" in worked.model.results[1]
    checks = worked.house.task("build", rehearsal=False)["checks"]
    assert [check["exit_code"] for check in checks] == [0, 0, 0]
    assert (worked.house.workspace("build") / "repo" / "built.js").read_text() == "module.exports = pad\n"
    assert "node_modules" not in (worked.house.workspace("build") / "changes.patch").read_text()


def test_setup_commands_ran_before_the_agent(worked: Worked) -> None:
    seen = worked.model.results[2].splitlines()
    assert seen[:2] == ["set-up-by-command", "1000"]
    assert seen[-1].split() == ["CapEff:", "0000000000000000"]


def test_the_persons_project_is_as_it_was(worked: Worked) -> None:
    assert untouched(worked.before, worked.house.fingerprint())
    assert left_behind(worked.house) == []


@pytest.mark.long
def test_a_setup_that_fails_and_a_copy_of_what_is_shared(house: House) -> None:
    """The step and its exit code are the reason; a copy may be written and is still not the person's."""
    cache = house.project / ".cache"
    cache.mkdir()
    (cache / "state").write_text("warm\n")
    (house.project / ".git" / "info" / "exclude").write_text(".cache/\n")
    before = house.fingerprint()
    house.environment |= {
        "DAYSHIFT_WORKSPACE__SHARE": "[.cache]",
        "DAYSHIFT_WORKSPACE__COPY_SHARED": "true",
        "DAYSHIFT_WORKSPACE__SETUP": '["test ! -e stop-here.md || { echo cannot; exit 7; }"]',
    }
    turns = [{"bash": "echo cold >> .cache/state && cp .cache/state state.txt"}, {"text": "Done."}]
    copying = {"id": "copying", "deliverables": ["state.txt"], "rehearsal": turns}
    ended = house.run("start", house.day(copying), "--rehearse", "--once")
    assert ended.code == 0, ended
    assert (house.workspace("copying") / "repo" / "state.txt").read_text() == "warm\ncold\n"
    assert untouched(before, house.fingerprint())

    victim = house.folder / "victim"
    victim.mkdir()
    house.environment |= {"DAYSHIFT_WORKSPACE__SHARE": "[web/cache]", "DAYSHIFT_WORKSPACE__SETUP": "[]"}
    (house.project / "web" / "cache").mkdir(parents=True)
    linking = {"id": "linking", "rehearsal": [{"bash": f"mv web old; ln -s {victim} web"}, {"text": "Done."}]}
    after = {"id": "after", "depends_on": ["linking"], "rehearsal": [{"text": "Done."}]}
    for copied in ("true", "false"):
        house.environment["DAYSHIFT_WORKSPACE__COPY_SHARED"] = copied
        linking["id"], after["id"], after["depends_on"] = f"linking-{copied}", f"after-{copied}", [f"linking-{copied}"]
        house.run("start", house.day(linking, after), "--rehearse", "--once")
        assert list(victim.iterdir()) == []
        assert "web/cache is left out: in the worktree a link stands in its way" in house.log(f"after-{copied}")

    house.environment["DAYSHIFT_WORKSPACE__SETUP"] = '["true", "echo cannot; exit 7"]'
    ended = house.run("start", house.day({"id": "failing", "rehearsal": turns}), "--rehearse", "--once")
    assert ended.code == 1
    failed = house.task("failing")
    assert failed["state"] == "failed"
    assert "workspace.setup `echo cannot; exit 7` exited with 7: cannot" in failed["reason"]
    assert failed["spend"] is None or failed["spend"]["requests"] == 0
    assert untouched(before, house.fingerprint())
