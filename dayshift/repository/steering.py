"""Files that steer agents, or that run by themselves: what an agent changes in them works on after its task is over.

It joins git and the workspace, which say what changed. Such a change is no offence, since a task may ask for it; but
nobody should take one over unread.
"""

import json
import os
import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from dayshift import files
from dayshift.evidence import Steering
from dayshift.repository.commits import holds, read_at
from dayshift.repository.git import GitError, Repository

AGENTS, EDITORS, HOOKS = "steers agents", "runs in editors and shells", "runs at git commands"
INSTALLS, BUILDS, READS = "runs at installs", "runs on a build server", "turns what git reads and writes"

#: Names in lower case, of a file or of a folder with all in it, wherever it lies.
NAMES = {
    **dict.fromkeys(
        ("claude.md", "claude.local.md", "agents.md", "agent.md", "gemini.md", ".claude", ".mcp.json", ".cursor",
         ".cursorrules", ".windsurf", ".windsurfrules", ".clinerules", ".gemini", ".codex", ".agents"),
        AGENTS,
    ),
    **dict.fromkeys((".envrc", ".vscode", ".devcontainer", ".devcontainer.json", ".zed"), EDITORS),
    **dict.fromkeys(
        (".husky", ".githooks", ".pre-commit-config.yaml", ".pre-commit-config.yml", "lefthook.yml", "lefthook.yaml",
         ".lefthook.yml", ".lefthook.yaml", "lefthook-local.yml", ".lefthook", ".overcommit.yml"),
        HOOKS,
    ),
    **dict.fromkeys((".npmrc", ".yarnrc", ".yarnrc.yml", ".pnpmfile.cjs", "pip.conf", "bunfig.toml"), INSTALLS),
    **dict.fromkeys((".gitlab-ci.yml", ".circleci"), BUILDS),
    **dict.fromkeys((".gitattributes", ".gitmodules", ".gitconfig"), READS),
}  # fmt: skip
#: The same below .github, of which the rest is harmless.
ON_GITHUB = {"workflows": BUILDS, "actions": BUILDS, "copilot-instructions.md": AGENTS, "instructions": AGENTS}
LIFECYCLE = frozenset({
    "preinstall", "install", "postinstall", "preprepare", "prepare", "postprepare", "prepublish", "dependencies",
})  # fmt: skip
MOST_FILES = 50  #: of one folder
IMPORT = re.compile(r"(?:^|\s)@([\w./-]+)")
#: What the CLI and a shell read in a HOME; the CLI writes other files there, and none of these.
IN_HOME = (
    ".claude/settings.json", ".claude/settings.local.json", ".claude/CLAUDE.md", ".claude/agents", ".claude/commands",
    ".claude/skills", ".claude/hooks", ".claude/rules", ".claude/output-styles", ".bashrc", ".bash_profile", ".profile",
    ".zshenv", ".zshrc", ".npmrc", ".config/git", ".config/pip", ".ssh",
)  # fmt: skip


def steers(path: str) -> str | None:
    """What a file of that name steers, in words; None if it is an ordinary one."""
    parts = path.lower().rstrip("/").split("/")
    for place, part in enumerate(parts):
        if part in NAMES:
            return NAMES[part]
        if part == ".github" and place + 1 < len(parts) and parts[place + 1] in ON_GITHUB:
            return ON_GITHUB[parts[place + 1]]
    return None


def changed(project: Repository, base: str, commit: str, paths: Iterable[str]) -> tuple[Steering, ...]:
    """Of the paths that differ between the commits, those that steer or run by themselves."""
    imported = _imported(project, commit)
    known = [(path, steers(path) or imported.get(path) or _lifecycle(project, base, commit, path)) for path in paths]
    return tuple(_measured(project, base, commit, path, why) for path, why in known if why)


def _measured(project: Repository, base: str, commit: str, path: str, why: str) -> Steering:
    said = project.text("diff", "--numstat", "--no-renames", base, commit, "--", f":(literal){path}").split("\t")
    added, removed = (int(word) if word.isdigit() else 0 for word in (*said[:2], "", "")[:2])
    before, after = holds(project, base, path), holds(project, commit, path)
    kind = "changed" if before and after else "new" if after else "removed"
    return Steering(path, why, kind, added, removed)


def _imported(project: Repository, commit: str) -> dict[str, str]:
    """The files that the repository's instructions take in, and what that makes of them."""
    found: dict[str, str] = {}
    for name in ("CLAUDE.md", "AGENTS.md"):
        text = _read(project, commit, name)
        found |= {path.removeprefix("./").rstrip("."): f"{AGENTS}, as part of {name}" for path in IMPORT.findall(text)}
    return found


def _lifecycle(project: Repository, base: str, commit: str, path: str) -> str | None:
    if path.rsplit("/", 1)[-1] != "package.json":
        return None
    before, after = (_scripts(_read(project, each, path)) for each in (base, commit))
    names = sorted(name for name in LIFECYCLE if before.get(name) != after.get(name))
    return f"{INSTALLS}: {', '.join(names)}" if names else None


def _scripts(text: str) -> dict[str, object]:
    try:
        scripts = json.loads(text)["scripts"]
    except (ValueError, KeyError, TypeError):
        return {}
    return scripts if isinstance(scripts, dict) else {}


def _read(project: Repository, commit: str, path: str) -> str:
    try:
        return read_at(project, commit, path)
    except GitError:
        return ""


def left(worktree: Repository, home: Path) -> list[str]:
    """What a task's next run finds and no patch shows: files of the kind that git ignores, or that lie in its HOME."""
    words = ("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z")
    said = worktree.run(*words, check=False).decode(errors="replace").split("\0")
    ignored = [each for path in said if path and steers(path) for each in _files(worktree.work_tree, path)]
    return [*dict.fromkeys(ignored), *(f"HOME/{name}" for name in IN_HOME if os.path.lexists(home / name))]


def _files(tree: Path, path: str) -> list[str]:
    """The path, or if it is a folder what lies in it; of much, some."""
    if not path.endswith("/"):
        return [path]
    below = (folder / name for folder, _, names in files.walk(tree / path) for name in sorted(names))
    return [str(each.relative_to(tree)) for each in islice(below, MOST_FILES)] or [path]
