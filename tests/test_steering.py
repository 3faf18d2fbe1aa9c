"""Files that steer agents or run by themselves are known by their names, measured, and never passed over unread."""

import json
import subprocess

import pytest

from dayshift.evidence import Steering
from dayshift.repository import steering
from dayshift.repository.commits import head
from dayshift.repository.steering import AGENTS, BUILDS, EDITORS, HOOKS, INSTALLS, READS, steers
from dayshift.repository.workspace import Workspace

STEERS = {
    "CLAUDE.md": AGENTS, "docs/claude.md": AGENTS, "CLAUDE.local.md": AGENTS, "AGENTS.md": AGENTS, "GEMINI.md": AGENTS,
    ".claude/settings.json": AGENTS, ".claude/settings.local.json": AGENTS, ".claude/skills/x/SKILL.md": AGENTS,
    ".claude/agents/x.md": AGENTS, ".claude/commands/x.md": AGENTS, ".claude/hooks/x.sh": AGENTS, ".claude": AGENTS,
    "packages/a/.claude/settings.json": AGENTS, ".mcp.json": AGENTS, ".cursor/rules/x.mdc": AGENTS,
    ".cursorrules": AGENTS, ".windsurfrules": AGENTS, ".github/copilot-instructions.md": AGENTS,
    ".github/workflows/ci.yml": BUILDS, ".github/actions/x/action.yml": BUILDS, ".gitlab-ci.yml": BUILDS,
    ".husky/pre-commit": HOOKS, ".githooks/pre-push": HOOKS, ".pre-commit-config.yaml": HOOKS, "lefthook.yml": HOOKS,
    ".envrc": EDITORS, ".vscode/tasks.json": EDITORS, ".vscode/settings.json": EDITORS,
    ".devcontainer/devcontainer.json": EDITORS, ".npmrc": INSTALLS, ".yarnrc.yml": INSTALLS, "pip.conf": INSTALLS,
    ".gitattributes": READS, "src/.gitattributes": READS, ".gitmodules": READS,
}  # fmt: skip
ORDINARY = (
    "Makefile", "conftest.py", "src/claude.py", "README.md", ".gitignore", ".github/CODEOWNERS", "husky/x",
    "package.json", "claude.md.txt", ".github/ISSUE_TEMPLATE/bug.md", "docs/cursor/rules.md", "", "a/b",
)  # fmt: skip


@pytest.mark.parametrize(("path", "why"), STEERS.items())
def test_a_file_that_steers_is_known_by_its_name(path: str, why: str) -> None:
    assert steers(path) == why


@pytest.mark.parametrize("path", ORDINARY)
def test_an_ordinary_one_is_none(path: str) -> None:
    assert steers(path) is None


def changed(place: Workspace, **contents: str | None) -> dict[str, Steering]:
    """What a task steers that wrote these files; names with `_` for `/` and `.` first."""
    base = head(place.project)
    for name, text in contents.items():
        path = place.repo / name
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    commit = place.keep(base, "work")
    paths = place.diff_stat(base, commit).paths
    return {each.path: each for each in steering.changed(place.project, base, commit, paths)}


def committed(place: Workspace, **contents: str) -> Workspace:
    """The same task, started from a commit that has these files."""
    for name, text in contents.items():
        (place.project.work_tree / name).write_text(text)
    subprocess.run(["git", "add", "--all"], cwd=place.project.work_tree, check=True)
    subprocess.run(["git", "commit", "-qm", "more"], cwd=place.project.work_tree, check=True)
    made = Workspace(place.folder.parent / "task-2", place.project)
    made.make(head(place.project))
    return made


def test_what_a_task_changed_is_measured(place: Workspace) -> None:
    begun = committed(place, **{"CLAUDE.md": "one\n", "AGENTS.md": "one\n"})
    found = changed(begun, **{"CLAUDE.md": "one\ntwo\n", ".claude/settings.json": "{}\n", "AGENTS.md": None, "x": "x"})
    assert {path: (each.kind, each.insertions, each.deletions) for path, each in found.items()} == {
        "CLAUDE.md": ("changed", 1, 0), ".claude/settings.json": ("new", 1, 0), "AGENTS.md": ("removed", 0, 1)
    }  # fmt: skip


def test_what_instructions_take_in_steers_like_them(place: Workspace) -> None:
    begun = committed(place, **{"CLAUDE.md": "Read @docs/rules.md and @./more.md. Ask a@b.c\n"})
    found = changed(begun, **{"docs/rules.md": "x", "more.md": "x", "docs/other.md": "x"})
    assert {path: each.why for path, each in found.items()} == dict.fromkeys(
        ("docs/rules.md", "more.md"), f"{AGENTS}, as part of CLAUDE.md"
    )


@pytest.mark.parametrize(
    ("scripts", "why"),
    [
        ({"test": "jest", "postinstall": "node x.js"}, f"{INSTALLS}: postinstall"),
        ({"test": "jest", "prepare": "husky", "preinstall": "x"}, f"{INSTALLS}: preinstall, prepare"),
        ({"test": "jest --all"}, None),
        (["not", "scripts"], None),
    ],
)
def test_a_package_steers_only_by_what_runs_at_installs(place: Workspace, scripts: object, why: str | None) -> None:
    begun = committed(place, **{"package.json": json.dumps({"scripts": {"test": "jest"}})})
    found = changed(begun, **{"package.json": json.dumps({"scripts": scripts})})
    assert [each.why for each in found.values()] == ([why] if why else [])


def test_names_that_say_nothing_to_git_are_told_as_they_are(place: Workspace) -> None:
    assert [*changed(place, **{".claude/:(glob)*.md": "x", ".claude/line\nbreak": "x"})] == [
        ".claude/:(glob)*.md", ".claude/line\nbreak"
    ]  # fmt: skip
