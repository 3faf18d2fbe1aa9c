"""What the words of a shell command stand for, as far as a script alone can tell."""

import codecs
import re
import shlex
from collections.abc import Mapping

HOLE = "\ue000"  #: stands for text only a running shell would know; an input that contains it is unknown by itself

SETTINGS_PRINTED_BY: dict[str, tuple[list[str], ...]] = {
    "ssh-agent": ([], ["-s"], ["-c"]),
    "direnv": (["hook"], ["export"]),
    "pyenv": (["init"], ["virtualenv-init"]),
    "rbenv": (["init"],),
    "nodenv": (["init"],),
    "goenv": (["init"],),
    "jenv": (["init"],),
    "mise": (["activate"], ["env"]),
    "rtx": (["activate"],),
    "brew": (["shellenv"],),
    "fnm": (["env"],),
    "starship": (["init"],),
    "zoxide": (["init"],),
    "opam": (["env"],),
    "luarocks": (["path"],),
    "minikube": (["docker-env"], ["-p"]),
    "docker-machine": (["env"],),
    "conda": (["shell.bash"], ["shell.zsh"]),
    "micromamba": (["shell"],),
    "pixi": (["shell-hook"],),
    "atuin": (["init"],),
}  # what prints nothing but settings for the shell that evaluates it
PRINT_SETTINGS = frozenset(("dircolors", "lesspipe", "keychain", "register-python-argcomplete"))
_BACKSLASH = re.compile(r"\\\n|\\(.)", re.DOTALL)
_IN_DOUBLE_QUOTES = re.compile(r"\\([\"\\$`])|\\\n")
_ANSI = re.compile(r"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8}|c.|.)", re.DOTALL)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_MASK = re.compile(r"%%([0-9a-f]{6})")
_SINGLE = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b", "E": "\x1b"}


def masked(script: str) -> bytes:
    """The script in plain ASCII, for a parser that reads out of bounds, and can crash, on other characters.

    Each of them becomes `%%` and six hex digits, which the shell's grammar takes as letters of a word.
    """
    if script.isascii():
        return script.encode("ascii")
    return _NOT_ASCII.sub(lambda found: f"%%{ord(found[0]):06x}", script).encode("ascii")


def unmasked(source: bytes) -> str:
    """What `masked` made, as it was."""
    text = source.decode("ascii")
    return _MASK.sub(_unmasked, text) if "%%" in text else text


def _unmasked(found: re.Match[str]) -> str:
    value = int(found[1], 16)
    return chr(value) if 0x80 <= value <= 0x10FFFF else found[0]


def unescaped(text: str) -> str:
    """An unquoted word without its backslashes."""
    if "\\" not in text:
        return text
    return _BACKSLASH.sub(lambda found: found[1] or "", text)


def unquoted(text: str) -> str:
    """The inside of double quotes without the backslashes that mean something there."""
    return _IN_DOUBLE_QUOTES.sub(lambda found: found[1] or "", text) if "\\" in text else text


def ansi(text: str) -> str:
    """The inside of $'…' with its escapes decoded."""
    return _ANSI.sub(_ansi_escape, text) if "\\" in text else text


def _ansi_escape(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] in "xuU" and len(code) > 1:
        return _character(code[1:], 16)
    if code[0] in "01234567":
        return _character(code, 8)
    if code[0] == "c" and len(code) > 1:
        return chr(ord(code[1]) & 0x1F)
    return _SINGLE.get(code, code)


def _character(digits: str, base: int) -> str:
    value = int(digits, base)
    return chr(value) if value <= 0x10FFFF else HOLE


def split(line: str) -> list[str]:
    """A plain command line's words; a line that is not one stands as a single unknown word."""
    try:
        return shlex.split(line)
    except ValueError:
        return [HOLE]


def printed(argv: list[str], stdin: str | None, files: Mapping[str, str]) -> str:
    """What a command prints, with HOLE for what only running it would tell."""
    match argv:
        case ["echo", *rest]:
            return _echoed(rest)
        case ["printf", "--", form, *rest] | ["printf", form, *rest]:
            return _formatted(form, rest)
        case ["cat" | "tee", *rest] if argv[0] == "tee" or not rest or rest == ["-"]:
            return HOLE if stdin is None else stdin
        case ["tac"] if stdin is not None:
            return "\n".join(reversed(stdin.rstrip("\n").split("\n"))) + "\n"
        case ["cat", name]:
            return files.get(name, HOLE)
        case [":" | "true" | "false" | "cd" | "set" | "exit" | "return" | "test" | "sleep" | "mkdir" | "export", *_]:
            return ""
        case ["which" | "whence", name] | ["command" | "type", "-v" | "-p" | "-P", name]:
            return name if "/" in name else f"/usr/bin/{name}"
        case ["find", top, *_] if not top.startswith("-"):
            return f"{top}/{HOLE}\n"
        case ["ls", *rest] if any("/" in word or "*" in word for word in rest):
            return "\n".join(word if "/" in word else HOLE for word in rest if not word.startswith("-"))
        case [_, *rest] if _prints_settings(argv[0], rest):
            return ""
        case ["git", *rest] if "rev-parse" in rest:
            return _git_directory(rest)
        case ["base64", "-d" | "-D" | "--decode"] if stdin and HOLE not in stdin:
            return _decoded(stdin)
        case ["rev"] if stdin and HOLE not in stdin:
            return "\n".join(line[::-1] for line in stdin.split("\n"))
        case _:
            return HOLE


def _echoed(words: list[str]) -> str:
    flags = ""
    while words and re.fullmatch(r"-[neE]+", words[0]):
        flags += words[0]
        words = words[1:]
    text = " ".join(words)
    return (ansi(text) if "e" in flags else text) + ("" if "n" in flags else "\n")


def _formatted(form: str, words: list[str]) -> str:
    form = ansi(form)
    places = len(re.findall(r"%[sb]", form))
    if "%" in re.sub(r"%[sb%]", "", form):
        return HOLE
    if not places:
        return form.replace("%%", "%")
    rounds = max(1, -(-len(words) // places))
    missing = [""] * (rounds * places - len(words))
    filled = iter([*words, *missing])
    fill = lambda found: ansi(next(filled)) if found[0] == "%b" else next(filled)  # noqa: E731
    return "".join(re.sub(r"%[sb]", fill, form) for _ in range(rounds)).replace("%%", "%")


def _prints_settings(name: str, words: list[str]) -> bool:
    """True for what people put into `eval` to set up their shell; an installed program, so no path."""
    return words[:1] in SETTINGS_PRINTED_BY.get(name, ()) or (name in PRINT_SETTINGS and bool(words))


def _git_directory(words: list[str]) -> str:
    if "--git-path" in words:
        return ".git/" + words[-1]
    return ".git" if any(word.endswith(("git-dir", "git-common-dir")) for word in words) else HOLE


def _decoded(text: str) -> str:
    try:
        return codecs.decode(text.encode(), "base64").decode()
    except ValueError:
        return HOLE
