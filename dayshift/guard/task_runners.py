"""Programs that run a project's named tasks, and which of their words are such names."""

import re
from collections.abc import Callable, Sequence

from dayshift.guard.inner_commands import starts

RUN = frozenset(("run", "run-script", "run:script", "rum", "urn", "execute", "exec"))
RUN_BY_NAME = frozenset(("npm", "yarn", "pnpm", "bun"))  #: what they run is a script or an installed program
SHOWS = frozenset(
    ("--show", "--list", "-l", "--summary", "--dump", "--list-all", "-a", "--status", "--evaluate", "--choose")
)
SERVERS = frozenset(("mysql", "mongo", "mariadb", "sqlite3", "psql"))  #: services that are often called so
OWN_COMMANDS = frozenset(
    ("run", "exec", "dlx", "x", "add", "install", "test", "workspace", "remove", "why", "ci", "i", "version", "publish",
     "view", "ls", "help", "create", "init")
)  # fmt: skip


def _after_run(args: Sequence[str]) -> list[str]:
    first = next((place for place, word in enumerate(args) if not word.startswith("-")), 0)
    place = next((place + 1 for place, word in enumerate(args[: first + 3]) if word in RUN), 0)
    if args[:1] == ["workspaces"]:
        place = next((place + 1 for place, word in enumerate(args) if word in RUN), 0)
    elif place > first + 1 and "-" not in "".join(word[:1] for word in args[:place]):
        place = 0
    return [args[place + start] for start in starts(args[place:]) if place + start < len(args)]


def _workspace(args: Sequence[str]) -> list[str]:
    return _after_run(args[2:] if args[:1] == ["workspace"] else args)


def _all(args: Sequence[str]) -> list[str]:
    return [word for word in args if "=" not in word and not word.startswith("-")]


def _sessions(args: Sequence[str]) -> list[str]:
    return _all(args[: args.index("--")] if "--" in args else args)


def _shown(args: Sequence[str]) -> list[str]:
    """Nothing of what is only shown or listed."""
    return [] if SHOWS & {arg.partition("=")[0] for arg in args} else _all(args)


def _labels(args: Sequence[str]) -> list[str]:
    """The last steps of `run //db:migrate`, `+migrate`, `./tools+migrate`."""
    words = _sessions(args)
    return [re.split("[/:+]", word)[-1] for word in words] if "run" in words[:3] or "+" in "".join(words) else []


def _jobs(args: Sequence[str]) -> list[str]:
    """What `kubectl create job` makes, and from what."""
    if "create" not in args or not {"job", "jobs"} & set(args[:4]):
        return []
    return [f"run-{arg.rsplit('/', 1)[-1]}" for arg in args if not arg.startswith("-") or arg.startswith("--from=")]


def _playbooks(args: Sequence[str]) -> list[str]:
    return [re.sub(r"\.ya?ml$", "", word.rsplit("/", 1)[-1]) for word in _all(args)]


def _classes(args: Sequence[str]) -> list[str]:
    """Last steps of Java's class names: org.example.DbMigrator."""
    return [word.rsplit(".", 1)[-1] for word in _sessions(args) if re.fullmatch(r"(\w+\.)+[A-Z]\w*", word)][:1]


def _of_cargo(args: Sequence[str]) -> list[str]:
    first, *rest = _all(args) or [""]
    return rest if first in ("make", "xtask", "x", "run-script", "task") else _behind_dashes(args)


def _behind_dashes(args: Sequence[str]) -> list[str]:
    return list(args[args.index("--") + 1 :][:1]) if "--" in args and args[0] in RUN else []


def _services(args: Sequence[str]) -> list[str]:
    if args[:1] != ["compose"] or not {"up", "run", "start"} & set(args):
        return []
    return [called for name in _all(args[1:]) if name not in SERVERS for called in (name, f"run-{name}")]


def _compose(args: Sequence[str]) -> list[str]:
    return _services(["compose", *args])


def _started(args: Sequence[str]) -> list[str]:
    """What `dotnet run`, `dotnet exec` and `dotnet x.dll` start."""
    if not args or not (args[0] in ("run", "exec", "watch") or args[0].endswith(".dll")):
        return []
    return [re.sub(r"\.(dll|csproj|fsproj)$", "", word.rstrip("/").rsplit("/", 1)[-1]) for word in _all(args)]


def _split(args: Sequence[str]) -> list[str]:
    return _all(" ".join(args).split())


def _aliases(args: Sequence[str]) -> list[str]:
    return [name for arg in args if re.match(r"-[AMXT]:", arg) for name in re.split("[:/]", arg)[1:]]


TASK_RUNNERS: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "cargo": _of_cargo, "cargo-make": _all, "makers": _all, "dotnet": _started, "swift": _after_run,
    "vapor": _after_run, "stack": _after_run,
    "cabal": _after_run, "clj": _aliases, "clojure": _aliases, "go": _behind_dashes, "docker": _services,
    "npm": _after_run, "bun": _after_run, "lerna": _after_run, "composer": _after_run, "hatch": _after_run,
    "pipenv": _after_run, "poetry": _after_run, "uv": _after_run, "pdm": _after_run, "rye": _after_run,
    "mise": _after_run, "moon": _after_run, "pixi": _after_run,
    "pnpm": _workspace, "yarn": _workspace, "make": _all, "gmake": _all, "just": _shown, "task": _shown,
    "turbo": _sessions,
    "nx": _all, "invoke": _all, "inv": _all, "poe": _all, "tox": _sessions, "nox": _sessions,
    "bazel": _labels, "bazelisk": _labels, "buck": _labels, "buck2": _labels, "please": _labels, "plz": _labels,
    "pants": _labels, "earthly": _labels, "earth": _labels, "kubectl": _jobs, "oc": _jobs, "k3s": _jobs,
    "ansible-playbook": _playbooks, "act": _all, "devbox": _after_run, "mask": _all, "cmake": _all, "meson": _all,
    "scons": _all, "waf": _all, "melos": _after_run, "lage": _all, "runme": _after_run, "xc": _all, "phing": _all,
    "robo": _all, "castor": _all, "envoy": _after_run, "dep": _all, "dagger": _all, "tilt": _all, "skaffold": _all,
    "maid": _all, "java": _classes, "mill": _classes, "kotlin": _classes, "scala": _classes, "duty": _all,
    "pypyr": _all, "bob": _all, "rushx": _all, "wp-scripts": _all, "docker-compose":
    _compose, "podman-compose": _compose, "podman": _services, "nerdctl": _services, "foreman": _all, "honcho": _all,
    "overmind": _all, "mage": _all, "deno": _all,
    "grunt": _all, "gulp": _all, "npm-run-all": _all, "run-s": _all, "run-p": _all, "ant": _all, "fab": _all,
    "doit": _all, "thor": _all, "rush": _all, "wireit": _all, "ninja": _all, "sbt": _split, "lein": _all,
}  # fmt: skip


def tasks(name: str, args: Sequence[str]) -> list[str]:
    """The task names among the arguments; an option's value may be among them."""
    find = TASK_RUNNERS.get(name)
    return find(args) if find else []
