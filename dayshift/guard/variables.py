"""Environment variables whose value a program runs, or takes its settings from."""

from dayshift.guard import git_commands
from dayshift.guard.examiner import Examiner
from dayshift.guard.scope import Scope
from dayshift.guard.words import HOLE

RUN_VARIABLES = frozenset(
    ("GIT_EXTERNAL_DIFF", "GIT_PAGER", "PAGER", "GIT_EDITOR", "EDITOR", "VISUAL", "GIT_SEQUENCE_EDITOR", "GIT_SSH",
     "GIT_SSH_COMMAND", "GIT_ASKPASS", "MANPAGER", "BROWSER", "GIT_PROXY_COMMAND", "BASH_ENV", "ENV", "LESSOPEN",
     "PROMPT_COMMAND", "SSH_ASKPASS", "SUDO_ASKPASS", "LESSCLOSE", "FCEDIT", "BAT_PAGER", "DELTA_PAGER", "SUDO_EDITOR")
)  # fmt: skip
RUN_ENDINGS = ("PAGER", "EDITOR", "ASKPASS", "_RUNNER", "_WRAPPER")
PROMPTS = frozenset(("PS0", "PS1", "PS2", "PS4"))
OTHER_SETTINGS = frozenset(
    ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG", "GIT_EXEC_PATH", "GIT_TEMPLATE_DIR")
)
NO_SETTINGS = frozenset(("", "/dev/null", "/etc/gitconfig", "~/.gitconfig"))


def check(examiner: Examiner, name: str, value: str, scope: Scope, calls_git: bool) -> None:
    """Refuse a variable whose value is, or leads to, a forbidden command or setting."""
    if calls_git and name.startswith("GIT_") and name in RUN_VARIABLES and git_commands.is_of_project(value):
        examiner.refuse("unreadable", f"{name}={value}")
    elif name in RUN_VARIABLES or name.startswith("GIT_CONFIG_VALUE"):
        _run_by_variable(examiner, value, scope)
    elif name in PROMPTS:
        examiner.script(f"cat <<ε\n{value}\nε".replace("ε", "END_OF_PROMPT"), scope.child())
    elif calls_git and name in OTHER_SETTINGS and value not in NO_SETTINGS and not value.startswith("/usr/"):
        examiner.refuse("git-write", f"{name}={value}")
    elif name.startswith("GIT_TRACE") and "/" in value:
        examiner.path(value)
    elif name == "NODE_OPTIONS" and "data:" in value:
        examiner.refuse("unreadable", f"{name}={value}")
    elif name.endswith(RUN_ENDINGS):
        examiner.probe(value, scope)


def _run_by_variable(examiner: Examiner, value: str, scope: Scope) -> None:
    content = scope.text(value)
    if content is not None:
        examiner.script(content, scope.child())
    elif value and HOLE not in value and not value.startswith("-"):
        examiner.script(value, scope.child())
