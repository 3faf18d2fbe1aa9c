"""Which files an ordinary program would write, as far as its arguments tell."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

EVERY_WORD = frozenset(
    ("rm", "rmdir", "unlink", "shred", "mv", "touch", "truncate", "chmod", "chown", "chgrp", "tee", "ln", "mkdir",
    "mkfifo", "mknod", "sponge", "ed", "ex", "patch", "chattr", "setfacl", "rename", "gio", "trash", "trash-put",
    "vim", "vi", "nvim", "nano", "emacs", "srm", "setfattr")
)  # fmt: skip
LAST_WORD = frozenset(
    ("cp", "install", "rsync", "scp", "ditto", "split", "csplit", "pax", "gcp", "ginstall", "xcopy", "sftp")
)
TARGET_OPTIONS = {
    "cp": ("-t", "--target-directory"), "install": ("-t", "--target-directory", "-d"), "curl": ("-o",
    "--output", "--output-dir"), "wget": ("-O", "-P", "--output-document", "--directory-prefix", "-o"), "unzip":
    ("-d",), "sort": ("-o", "--output"), "7z": ("-o",), "gcc": ("-o",), "find": ("-fprint", "-fprintf", "-fls"),
    "git": ("--output", "-o"), "openssl": ("-out",), "patch": ("-o", "-d",
    "--directory", "--output"), "aria2c": ("-d", "-o"),
}  # fmt: skip


def written(name: str, args: Sequence[str]) -> list[str]:
    """The paths this call would write or remove; reading a path does not count."""
    words = [arg for arg in args if not arg.startswith("-")]
    if name in EVERY_WORD:
        return words
    targets = _targets(args, TARGET_OPTIONS.get(name, ()))
    if name in LAST_WORD:
        return [*targets, *words[-1:]]
    if name == "dd":
        return [arg[3:] for arg in args if arg.startswith("of=")]
    if name in ("sed", "gsed", "perl", "ruby", "yq") and _in_place(args):
        return words
    if name in ("tar", "bsdtar", "gtar"):
        return _unpacked(args, words)
    if name == "find" and "-delete" in args:
        return [word for word in words if not word.startswith(("-", "*"))]
    return targets


def _targets(args: Sequence[str], options: Sequence[str]) -> list[str]:
    found = []
    for place, arg in enumerate(args):
        option, given, value = arg.partition("=")
        if given and option in options:
            found.append(value)
        elif arg in options and place + 1 < len(args):
            found.append(args[place + 1])
    return found


def _in_place(args: Sequence[str]) -> bool:
    return any(arg.startswith(("-i", "--in-place", "-pi", "-ni")) for arg in args)


def _unpacked(args: Sequence[str], words: Sequence[str]) -> list[str]:
    if not args or not any("x" in arg for arg in [args[0], *(a for a in args if a.startswith("-"))][:4]):
        return []
    return _targets(args, ("-C", "--directory")) + [word for word in words[1:] if word.startswith(".git")]


def names_git(step: str) -> bool:
    """True if this step of a path is .git, or a glob that would find it."""
    step = step.lower()
    return step == ".git" or (step.startswith(".") and any(c in step for c in "*?[") and fnmatchcase(".git", step))
