"""Programs that run a project's named tasks, and which of their words are such names."""

from collections.abc import Callable, Sequence

from dayshift.guard.wrappers import starts

RUN = frozenset(("run", "run-script", "run:script", "rum", "urn", "execute"))
RUN_BY_NAME = frozenset(("npm", "yarn", "pnpm", "bun"))  #: what they run is a script or an installed program
OWN_COMMANDS = frozenset(
    ("run", "exec", "dlx", "x", "add", "install", "test", "workspace", "remove", "why", "ci", "i", "version", "publish",
     "view", "ls", "help", "create", "init")
)  # fmt: skip


def _after_run(args: Sequence[str]) -> list[str]:
    place = next((place + 1 for place, word in enumerate(args) if word in RUN), 0)
    return [args[place + start] for start in starts(args[place:]) if place + start < len(args)]


def _workspace(args: Sequence[str]) -> list[str]:
    return _after_run(args[2:] if args[:1] == ["workspace"] else args)


def _all(args: Sequence[str]) -> list[str]:
    return [word for word in args if "=" not in word and not word.startswith("-")]


def _behind_dashes(args: Sequence[str]) -> list[str]:
    return list(args[args.index("--") + 1 :][:1]) if "--" in args else []


def _services(args: Sequence[str]) -> list[str]:
    return _all(args[1:]) if args[:1] == ["compose"] and {"up", "run", "start"} & set(args) else []


TASK_RUNNERS: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "cargo": _behind_dashes, "dotnet": _behind_dashes, "go": _behind_dashes, "docker": _services,
    "npm": _after_run, "bun": _after_run, "lerna": _after_run, "composer": _after_run, "hatch": _after_run,
    "pdm": _after_run, "rye": _after_run, "mise": _after_run, "moon": _after_run, "pixi": _after_run,
    "pnpm": _workspace, "yarn": _workspace, "make": _all, "gmake": _all, "just": _all, "task": _all, "turbo": _all,
    "nx": _all, "invoke": _all, "inv": _all, "poe": _all, "tox": _all, "nox": _all, "mage": _all, "deno": _all,
    "grunt": _all, "gulp": _all, "npm-run-all": _all, "run-s": _all, "run-p": _all, "ant": _all, "fab": _all,
    "doit": _all, "thor": _all, "rush": _all, "wireit": _all, "ninja": _all, "sbt": _all, "lein": _all,
}  # fmt: skip


def tasks(name: str, args: Sequence[str]) -> list[str]:
    """The task names among the arguments; an option's value may be among them."""
    find = TASK_RUNNERS.get(name)
    return find(args) if find else []
