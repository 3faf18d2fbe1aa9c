"""Programs that run another command given among their arguments."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dayshift.guard.words import HOLE, split


@dataclass(frozen=True, slots=True)
class Argv:
    """A command a wrapper would run; `certain` is False where its start is one of several guesses."""

    words: tuple[str, ...]
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Script:
    """Shell code a wrapper would run, with its $0 and arguments."""

    text: str
    name: str = HOLE
    arguments: tuple[str, ...] = ()


Inner = Argv | Script

PLAIN = {
    "!": 0, "spring": 0,
    "sudo": 0, "doas": 0, "nice": 0, "nohup": 0, "setsid": 0, "stdbuf": 0, "ionice": 0, "chrt": 1, "taskset": 1,
    "timeout": 1, "gtimeout": 1, "time": 0, "gtime": 0, "command": 0, "builtin": 0, "exec": 0, "unbuffer": 0,
    "ltrace": 0, "strace": 0, "flock": 1, "chroot": 1, "unshare": 0, "nsenter": 0, "systemd-run": 0,
    "systemd-inhibit": 0, "xvfb-run": 0, "rlwrap": 0, "firejail": 0, "bwrap": 0, "faketime": 1, "caffeinate": 0,
    "arch": 0, "catchsegv": 0, "valgrind": 0, "fakeroot": 0, "eatmydata": 0, "setarch": 0, "linux32": 0, "linux64":
    0, "prlimit": 0, "cpulimit": 0, "chpst": 0, "runuser": 0, "run0": 0, "pkexec": 0, "dbus-run-session": 0,
    "winpty": 0, "busybox": 0, "toybox": 0, "proot": 0, "setpriv": 0, "capsh": 0, "gosu": 1, "su-exec": 1, "tini":
    0, "dumb-init": 0, "npx": 0, "bunx": 0, "uvx": 0, "pnpx": 0, "dotenv": 0, "dotenvx": 0, "cross-env": 0,
    "env-cmd": 0, "chronic": 0, "ts-node": 0, "tsx": 0, "noglob": 0, "nocorrect": 0, "ssh-agent": 0, "tsocks": 0,
    "torsocks": 0, "proxychains": 0, "proxychains4": 0, "torify": 0, "aws-vault": 0, "sg": 1, "retry": 0,
    "infisical": 0, "teller": 0, "chamber": 0, "envdir": 1, "setlock": 1, "softlimit": 0, "multitime": 0, "cgexec":
    0, "numactl": 0, "trickle": 0, "start-stop-daemon": 0, "script": 0, "faketty": 0, "sem": 0, "trace": 0, "perf":
    1, "coverage": 1,
}  # fmt: skip
SUBCOMMANDS = {
    "go": {"run": 0, "tool": 0}, "java": {"-jar": 0},
    "poetry": {"run": 0}, "uv": {"run": 0}, "pipenv": {"run": 0}, "pdm": {"run": 0}, "rye": {"run": 0}, "hatch":
    {"run": 0}, "bundle": {"exec": 0}, "bundler": {"exec": 0}, "mise": {"exec": 0, "x": 0}, "rtx": {"exec": 0, "x":
    0}, "direnv": {"exec": 1}, "asdf": {"exec": 0}, "conda": {"run": 0}, "mamba": {"run": 0}, "micromamba": {"run":
    0}, "pixi": {"run": 0}, "devbox": {"run": 0}, "pipx": {"run": 0}, "npm": {"exec": 0, "x": 0, "explore": 1},
    "pnpm": {"exec": 0, "dlx": 0}, "yarn": {"exec": 0, "dlx": 0, "run": 0}, "bun": {"x": 0, "run": 0}, "doppler":
    {"run": 0}, "op": {"run": 0}, "railway": {"run": 0}, "heroku": {"run": 0, "run:detached": 0}, "docker": {"exec":
    1, "run": 1}, "podman": {"exec": 1, "run": 1}, "nerdctl": {"exec": 1, "run": 1}, "docker-compose": {"exec": 1,
    "run": 1}, "podman-compose": {"exec": 1, "run": 1}, "kubectl": {"exec": 1}, "oc": {"exec": 1, "rsh": 1}, "lxc":
    {"exec": 1}, "ddev": {"exec": 0}, "lando": {"ssh": 0}, "nix": {"develop": 0, "shell": 0}, "flox": {"activate":
    0}, "rbenv": {"exec": 0}, "pyenv": {"exec": 0}, "nodenv": {"exec": 0}, "nvm": {"exec": 1, "run": 1}, "fnm":
    {"exec": 0}, "volta": {"run": 0}, "sail": {"php": 0, "artisan": -1}, "symfony": {"console": -1, "php": 0,
    "composer": -1}, "corepack": {"yarn": -1, "pnpm": -1, "npm": -1}, "rustup": {"run": 1}, "composer": {"exec": 0},
    "cargo": {"sqlx": -1, "prisma": -1}, "opam": {"exec": 0}, "stack": {"exec": 0}, "cabal": {"exec": 0},
    "apptainer": {"exec": 1}, "singularity": {"exec": 1}, "vagrant": {"ssh": 0}, "machinectl": {"shell": 1},
    "distrobox": {"enter": 0}, "toolbox": {"run": 0}, "sops": {"exec-env": 1}, "git-town": {"x": 0},
}  # fmt: skip
SCRIPT_OPTIONS = {
    "eb": ("-c", "--command"),
    "su": ("-c", "--command"), "runuser": ("-c",), "flock": ("-c", "--command"), "script": ("-c", "--command"),
    "nix-shell": ("--run", "--command"), "nix": ("-c", "--command"), "npx": ("-c", "--call"), "npm": ("-c",
    "--call"), "fly": ("-C", "--command"), "flyctl": ("-C", "--command"), "rg": ("--pre",), "tar": ("--to-command",
    "--use-compress-program", "-I", "--checkpoint-action"), "bsdtar": ("--use-compress-program",), "rsync": ("-e",
    "--rsh", "--rsync-path"), "split": ("--filter",), "sort": ("--compress-program",), "man": ("-P", "--pager"),
    "nodemon": ("-x", "--exec"), "gcloud": ("--command",), "vagrant": ("-c", "--command"), "sg": ("-c",), "pwsh":
    ("-c", "-Command", "-command"), "powershell": ("-c", "-Command"), "watchmedo": ("-c", "--command"), "zip":
    ("-TT", "--unzip-command"), "kitty": ("-e",), "xterm": ("-e",), "gnome-terminal": ("-e",), "wsl": ("-e",
    "--exec"), "scp": ("-S",), "make": ("--eval",), "gmake": ("--eval",), "capsh": ("-c",), "docker":
    ("--entrypoint",), "podman": ("--entrypoint",), "git-shell": ("-c",), "cmd": ("/c", "/C"), "cmd.exe": ("/c",
    "/C"), "newgrp": ("-c",), "ssh": ("-oProxyCommand",), "chokidar": ("-c", "--command"),
}  # fmt: skip
JOINED = {"ssh": 1, "watch": 0, "mosh": 1, "sshpass": 0, "tmux": 0, "screen": 0, "byobu": 0, "dtach": 0, "abduco": 0,
          "autossh": 1, "rsh": 1, "hyperfine": 0, "concurrently": 0, "entr": 0, "watchexec": 0,
          "onchange": 0, "chokidar": 1, "start-server-and-test": 0}  # fmt: skip
XARGS_VALUED = frozenset(
    ("-I", "-n", "-P", "-L", "-d", "-a", "-E", "-s", "--max-args", "--max-procs", "--max-lines", "--delimiter",
    "--arg-file", "--replace", "--max-chars", "-J", "-R")
)  # fmt: skip
BEFORE_DATA = frozenset(
    ("git", "grep", "egrep", "fgrep", "rg", "ag", "ack", "ls", "cat", "rm", "cp", "mv", "mkdir", "rmdir",
     "touch", "echo", "printf", "sed", "awk", "test", "head", "tail", "wc", "diff", "less", "more", "cd", "set",
     "chmod", "chown", "ln", "sort", "uniq", "cut", "basename", "dirname", "realpath", "stat", "file", "man",
     "which", "type", "npm", "pytest", "jest", "tee", "tr", "du", "bat", "jq", "yq", "tar", "zip", "unzip",
     "pip", "tree", "cargo", "go", "make", "yarn", "pnpm", "bun", "prettier", "eslint", "ruff")
)  # fmt: skip  #: programs whose words after `--` are data
ENV_VALUED = frozenset(("-u", "--unset", "-C", "--chdir", "-a", "--argv0"))
ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")


def inner(name: str, args: Sequence[str]) -> Iterator[Inner]:
    """Every command and script the program would run from these arguments; nothing if it is no wrapper."""
    yield from _scripts(name, args)
    if name == "env":
        yield from _env(args)
    elif name == "xargs":
        yield from _xargs(args)
    elif name == "parallel":
        yield from _parallel(args)
    elif name in ("find", "gfind", "fd", "fdfind"):
        yield from _find(args)
    elif name in JOINED:
        yield from _joined(args, JOINED[name])
    elif name in PLAIN and not (name == "command" and args and args[0] in ("-v", "-V")):
        yield from _after_options(args, PLAIN[name])
    elif name in SUBCOMMANDS:
        yield from _subcommand(name, args)
    elif name.startswith("ld-linux") or name.startswith("ld-musl"):
        yield from _after_options(args, 0)
    elif name not in BEFORE_DATA:
        yield from _behind_dashes(args)


def _behind_dashes(args: Sequence[str]) -> Iterator[Argv]:
    if "--" in args:
        yield Argv(tuple(args[list(args).index("--") + 1 :]), certain=False)


def _scripts(name: str, args: Sequence[str]) -> Iterator[Script]:
    options = SCRIPT_OPTIONS.get(name, ())
    for place, arg in enumerate(args):
        option, given, value = arg.partition("=")
        if given and option in options:
            yield Script(value.removeprefix("exec="))
        elif place + 1 < len(args) and (arg in options or _clustered(arg, options)):
            yield Script(args[place + 1])


def _clustered(arg: str, options: Sequence[str]) -> bool:
    return "-c" in options and re.fullmatch(r"-[a-z]+c", arg) is not None


def _after_options(args: Sequence[str], skip: int) -> Iterator[Argv]:
    """The command behind the wrapper's own options and `skip` words.

    Which options take a value is not known for all wrappers: a word behind an option may be its value or the command.
    """
    found = starts(args)
    for _ in range(skip):
        found = sorted({start + 1 + later for start in found for later in starts(args[start + 1 :])})
    for start in found:
        if args[start:]:
            yield Argv(tuple(args[start:]), certain=start == found[-1])


def starts(args: Sequence[str]) -> list[int]:
    """Where the first word that is no option stands; several places if an option may own the word behind it."""
    found: list[int] = []
    behind_option = False
    for place, arg in enumerate(args):
        if arg == "--":
            return [*found, place + 1]
        if arg.startswith("-") and len(arg) > 1:
            behind_option = "=" not in arg
        elif ASSIGNMENT.match(arg):
            behind_option = False
        else:
            found.append(place)
            if not behind_option:
                break
            behind_option = False
    return found


def _env(args: Sequence[str]) -> Iterator[Inner]:
    place = 0
    while place < len(args):
        arg = args[place]
        if arg in ENV_VALUED:
            place += 1
        elif arg.startswith(("-S", "--split-string")) or re.match(r"-[a-z]*S", arg):
            text = re.sub(r"^(--split-string=?|-[a-z]*S)", "", arg)
            rest = args[place + 1 :]
            first, rest = (text, rest) if text else (rest[0] if rest else "", rest[1:])
            yield Argv((*split(first), *rest))
            return
        elif not (arg.startswith("-") or ASSIGNMENT.match(arg)):
            break
        place += 1
    if args[place:]:
        yield Argv(tuple(args[place:]))


def _xargs(args: Sequence[str]) -> Iterator[Argv]:
    place, mark = 0, ""
    while place < len(args) and args[place].startswith("-"):
        arg = args[place]
        if arg in XARGS_VALUED:
            place += 1
            mark = args[place] if arg in ("-I", "-J", "--replace") and place < len(args) else mark
        elif arg.startswith(("-I", "--replace=", "-i")):
            mark = arg.removeprefix("--replace=").removeprefix("-I").removeprefix("-i") or "{}"
        place += 1
    words = tuple(args[place:])
    if words:
        yield Argv(tuple(word.replace(mark, HOLE) for word in words) if mark else (*words, HOLE))


def _parallel(args: Sequence[str]) -> Iterator[Inner]:
    mark = next((place for place, arg in enumerate(args) if arg in (":::", "::::", ":::+", "--arg-file")), len(args))
    given = [word for word in args[mark + 1 :] if not word.startswith(":::")]
    template = list(args[:mark])
    found = starts(template)
    if not found:
        yield from (Script(word) for word in (given if mark < len(args) and args[mark] == ":::" else [HOLE]))
    for start in found:
        words = template[start:]
        for value in given or [HOLE]:
            text = " ".join(words)
            yield Script(text.replace("{}", value) if "{}" in text else f"{text} {value}")


def _find(args: Sequence[str]) -> Iterator[Argv]:
    found = f"{args[0]}/{HOLE}" if args and not args[0].startswith("-") else HOLE
    if ".git" in args and not {"-prune", "-not", "!"} & set(args):
        found = f".git/{HOLE}"
    for place, arg in enumerate(args):
        if arg in ("-exec", "-execdir", "-ok", "-okdir", "-x", "-X", "--exec", "--exec-batch"):
            words = args[place + 1 :]
            end = next((at for at, word in enumerate(words) if word in (";", "+")), len(words))
            yield Argv(tuple(word.replace("{}", found) for word in (*words[:end], "{}")))


def _joined(args: Sequence[str], skip: int) -> Iterator[Script]:
    for found in _after_options(args, skip):
        yield Script(" ".join(found.words))
    yield from (Script(word) for word in args if " " in word and not word.startswith("-"))


def _subcommand(name: str, args: Sequence[str]) -> Iterator[Argv]:
    for place, arg in enumerate(args[:6]):
        skip = SUBCOMMANDS[name].get(arg)
        if skip is None:
            continue
        rest = args[place + 1 :] if skip >= 0 else args[place:]
        yield from _after_options(rest, max(skip, 0))
        if arg in ("run", "shell") and name in ("docker", "podman", "nerdctl"):
            yield from _image(rest)
        return
    if name not in BEFORE_DATA:
        yield from _behind_dashes(args)


def _image(args: Sequence[str]) -> Iterator[Argv]:
    """A container image named after a program runs that program."""
    for found in _after_options(args, 0):
        image = found.words[0].rsplit("/", 1)[-1].partition(":")[0].partition("@")[0]
        if len(found.words) > 1:
            yield Argv((image, *found.words[1:]), certain=False)
