"""Programs that run another command given among their arguments."""

import re
from collections.abc import Collection, Iterator, Sequence

from dayshift.guard import spreaders
from dayshift.guard.inner_commands import ASSIGNMENT, LOOKED_THROUGH, Argv, Inner, Script, starts
from dayshift.guard.launchers import (
    DATA,
    EXEC_OPTIONS,
    JOINED,
    PLAIN,
    RUN_OPTIONS,
    SCRIPT_OPTIONS,
    SUBCOMMANDS,
    TEXT_OPTIONS,
    VALUED,
)
from dayshift.guard.words import HOLE, split

ENV_VALUED = frozenset(("-u", "--unset", "-C", "--chdir", "-a", "--argv0"))
ONE_COMMAND = frozenset(
    ("ssh", "autossh", "mosh", "rsh", "watch")
)  #: their words make one line; none is a line of its own
ONE_TEXT = frozenset(
    ("heroku", "sops", "netlify", "kamal", "dokku", "scalingo", "gigalixir", "convox", "cf", "nomad", "copilot")
)  #: take the command as one word
_ENCODED = re.compile(r"-(e|ec|en\w*)$", re.IGNORECASE)


def inner(name: str, args: Sequence[str], stdin: str | None = None) -> Iterator[Inner]:
    """Every command and script the program would run from these arguments; nothing if it is no wrapper."""
    yield from _scripts(name, args)
    if name == "command" and args and re.match(r"-[pvV]*[vV]", args[0]):
        return  # it only tells where the program is
    if name == "env":
        yield from _env(args)
    elif name == "xargs":
        yield from spreaders.xargs(args, stdin)
    elif name == "parallel":
        yield from spreaders.parallel(args)
    elif name in ("find", "gfind", "fd", "fdfind"):
        yield from spreaders.find(args)
    elif name == "socat":
        yield from spreaders.socat(args)
    elif name == "fzf":
        yield from spreaders.fzf(args)
    elif name in ("pwsh", "powershell") and any(map(_ENCODED.match, args)):
        yield Script(HOLE)
    elif name in JOINED:
        yield from _joined(name, args)
    elif name in PLAIN:
        yield from _after_options(args, PLAIN[name], VALUED.get(name))
    elif name in SUBCOMMANDS:
        yield from _subcommand(name, args)
    elif name.startswith(("ld-linux", "ld-musl")):
        yield from _after_options(args, 0)
    elif name not in DATA:
        yield from _behind_dashes(args)


def is_wrapper(name: str) -> bool:
    """True if the program is known to run a command among its arguments."""
    return name in PLAIN or name in JOINED or name in SUBCOMMANDS or name in ("env", "xargs", "parallel")


def assignments(args: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Variables a wrapper sets for what it runs."""
    for arg in args:
        if ASSIGNMENT.match(arg):
            name, _, value = arg.partition("=")
            yield name, value


def hidden(name: str, args: Sequence[str], known: Collection[str]) -> Iterator[Inner]:
    """What an unknown program may run, should it be a wrapper: words from a known program on, and words with blanks."""
    if name in DATA:
        return
    for place, arg in enumerate(args[:LOOKED_THROUGH]):
        option, given, value = arg.partition("=") if arg.startswith("-") else ("", "", arg)
        before = option if given else (args[place - 1] if place else "")
        if before in TEXT_OPTIONS:
            continue
        if before in RUN_OPTIONS:
            yield Script(value, certain=False)
        elif not option and place + 1 < len(args) and _last(arg) in known:
            rest = args[place:]
            if not all(_last(word) in known for word in rest):
                yield Argv(tuple(rest), certain=False)


def _last(word: str) -> str:
    return word.rsplit("/", 1)[-1]


def _behind_dashes(args: Sequence[str]) -> Iterator[Argv]:
    words = args[list(args).index("--") + 1 :] if "--" in args else ()
    if words and not words[0].startswith("-"):
        yield Argv(tuple(words), certain=False)


def _scripts(name: str, args: Sequence[str]) -> Iterator[Script]:
    options = SCRIPT_OPTIONS.get(name, ())
    for place, arg in enumerate(args):
        if arg[:1] == "+" and arg.startswith(("+!", "+:!")):  # what editors and pagers do first
            yield Script(arg.partition("!")[2])
        elif arg.startswith("SHELL=") and name in ("make", "gmake"):
            yield Script(arg.partition("=")[2])
        elif arg in EXEC_OPTIONS and place + 1 < len(args) and name not in DATA:
            yield Script(args[place + 1], certain=False)
        if not options:
            continue
        option, given, value = arg.partition("=")
        if given and option in options:
            yield Script(value.removeprefix("exec="))
        elif place + 1 < len(args) and (arg in options or _clustered(arg, options)):
            yield Script(_keyless(args[place + 1]).removeprefix("exec="))
        elif len(arg) > 3 and arg[:2] in options and arg[:2] != "-c" and arg[1] != "-":
            yield Script(arg[2:])


def _keyless(value: str) -> str:
    """Without the key that `bind -x` puts before a command."""
    return re.sub(r'^"[^"]*"\s*:?\s*', "", value)


def _clustered(arg: str, options: Sequence[str]) -> bool:
    return re.fullmatch(r"-[a-zA-Z]+", arg) is not None and f"-{arg[-1]}" in options


def _after_options(args: Sequence[str], skip: int, valued: frozenset[str] | None = None) -> Iterator[Argv]:
    """The command behind the wrapper's own options and `skip` words.

    Which options take a value is not known for all wrappers: a word behind an option may be its value or the command.
    """
    found = starts(args, valued)
    for _ in range(skip):
        found = sorted({start + 1 + later for start in found for later in starts(args[start + 1 :], valued)})
    for start in found:
        if args[start:]:
            yield Argv(tuple(args[start:]), certain=start == found[-1])


def _env(args: Sequence[str]) -> Iterator[Inner]:
    place = 0
    while place < len(args):
        arg = args[place]
        if arg in ENV_VALUED:
            place += 1
        elif arg.startswith(("-S", "--split-string")) or re.match(r"-[a-zA-Z]*S", arg):
            text = re.sub(r"^(--split-string=?|-[a-zA-Z]*?S)", "", arg)
            rest = args[place + 1 :]
            first, rest = (text, rest) if text else (rest[0] if rest else "", rest[1:])
            yield from _env([*split(first), *rest])
            return
        elif not (arg.startswith("-") or ASSIGNMENT.match(arg)):
            break
        place += 1
    if args[place:]:
        yield Argv(tuple(args[place:]))


def _joined(name: str, args: Sequence[str]) -> Iterator[Script]:
    for found in _after_options(args, JOINED[name], VALUED.get(name)):
        yield Script(" ".join(found.words))
    for arg in args:
        setting = re.match(r"(?:-o\s*)?(?:Proxy|Local|Remote|Known\w*)Command[=\s](.*)", arg)
        if setting:
            yield Script(setting[1])
        elif " " in arg and not arg.startswith("-") and name not in ONE_COMMAND:
            yield Script(arg)


def _subcommand(name: str, args: Sequence[str]) -> Iterator[Inner]:
    valued = VALUED.get(name)
    for place, arg in enumerate(args[:12]):
        skip = SUBCOMMANDS[name].get(arg)
        if skip is None or (name == "cargo" and any(not word.startswith(("-", "+")) for word in args[:place])):
            continue  # a plugin's name behind another subcommand is a package's
        rest = args[place + 1 :] if skip >= 0 else args[place:]
        if name == "nix" and arg == "run":
            yield from _flake(rest)
            return
        yield from _after_options(rest, max(skip, 0), valued)
        if valued is VALUED["kubectl"]:
            yield from _pod(rest)
        elif valued is VALUED["docker"]:
            yield from _container(rest) if arg == "run" else ()
        elif name in ONE_TEXT:
            yield from (Script(word, certain=False) for word in rest if " " in word and not word.startswith("-"))
        return
    if name not in DATA or name in VALUED:
        yield from _behind_dashes(args)


def _flake(args: Sequence[str]) -> Iterator[Argv]:
    """`nix run nixpkgs#git -- push` runs git."""
    words = [word for word in args if word != "--"]
    if words and "#" in words[0]:
        yield Argv((words[0].rpartition("#")[2], *words[1:]))


def _pod(args: Sequence[str]) -> Iterator[Argv]:
    """A pod's image named after a program runs that program, with what stands behind the dashes."""
    image = next((_image(value) for option, value in _options(args) if option == "--image"), "")
    if image and "--" in args:
        yield Argv((image, *args[list(args).index("--") + 1 :]), certain=False)


def _options(args: Sequence[str]) -> Iterator[tuple[str, str]]:
    for place, arg in enumerate(args):
        option, given, value = arg.partition("=")
        yield option, value if given else "".join(args[place + 1 : place + 2])


def _image(name: str) -> str:
    """The program an image is named after."""
    return name.rsplit("/", 1)[-1].partition(":")[0].partition("@")[0]


def _container(args: Sequence[str]) -> Iterator[Inner]:
    """A container's image named after a program runs that program; `--entrypoint` names another."""
    entry = next((value for option, _, value in (arg.partition("=") for arg in args) if option == "--entrypoint"), "")
    if "--entrypoint" in args[:-1]:
        entry = entry or args[list(args).index("--entrypoint") + 1]
    for found in _after_options(args, 0, VALUED["docker"]):
        image = _image(found.words[0])
        if entry:
            yield Argv((*split(entry), *found.words[1:]))
        elif len(found.words) > 1:
            yield Argv((image, *found.words[1:]), certain=False)
