"""Which files an ordinary program would write, as far as its arguments tell."""

import re
from collections.abc import Collection, Sequence

EVERY_WORD = frozenset(
    ("rm", "rmdir", "unlink", "shred", "mv", "touch", "truncate", "chmod", "chown", "chgrp", "tee", "ln", "mkdir",
    "mkfifo", "mknod", "sponge", "ed", "ex", "patch", "chattr", "setfacl", "rename", "gio", "trash", "trash-put",
    "vim", "vi", "nvim", "nano", "emacs", "srm", "setfattr")
)  # fmt: skip
LAST_WORD = frozenset(
    ("zipfile", "tarfile", "cp", "install", "rsync", "scp", "ditto", "split", "csplit", "pax", "gcp", "ginstall",
     "xcopy", "convert", "magick", "ffmpeg", "sftp")
)  # fmt: skip
TARGET_OPTIONS = {
    "cp": ("-t", "--target-directory"), "install": ("-t", "--target-directory", "-d"), "curl": ("-o",
    "--output", "--output-dir"), "wget": ("-O", "-P", "--output-document", "--directory-prefix", "-o"), "unzip":
    ("-d",), "sort": ("-o", "--output"), "7z": ("-o",), "7za": ("-o",), "unrar": ("-op",), "unar": ("-o",),
    "bsdtar": ("-C",), "find": ("-fprint", "-fprintf", "-fls"),
    "git": ("--output", "-o"), "openssl": ("-out",), "tsc": ("--outDir", "--outFile"), "unxip": ("-d",),
    "base64": ("-o",), "patch": ("-o", "-d",
    "--directory", "--output"), "aria2c": ("-d", "-o"),
}  # fmt: skip


PACKERS = frozenset(
    ("gzip", "gunzip", "xz", "unxz", "bzip2", "bunzip2", "zstd", "unzstd", "lzma", "unlzma", "lz4", "compress",
     "uncompress", "pigz", "brotli", "lzip", "pbzip2")
)  # fmt: skip  #: put another file in the place of each one named
ONLY_READ = frozenset(("-c", "--stdout", "--to-stdout", "-t", "--test", "-l", "--list", "-dc", "-cd"))
FIRST_WORD = frozenset(("zip", "jar", "zipnote"))
OUTPUTS = frozenset(
    ("--output", "--out", "--outfile", "--out-file", "--output-file", "--outdir", "--out-dir", "--output-dir",
     "--output-directory", "--dest", "--destination", "--dest-dir", "--target-directory", "--target-dir", "--log-file",
     "--outDir", "--outFile", "--output-path", "--export", "--save", "--to-file", "--report-file", "--cache-dir")
)  # fmt: skip  #: options whose value is written, whatever the program
SHORT_OUTPUT = frozenset(
    ("go", "gcc", "cc", "g++", "clang", "clang++", "c++", "rustc", "pandoc", "gpg", "gpg2", "age", "dot", "iconv",
     "shuf", "esbuild", "protoc", "ghc", "ld", "7zr", "xmllint", "xsltproc", "yt-dlp", "sops", "jsonnet", "nasm", "as",
     "tcc", "swiftc", "zig", "nim", "ocamlc", "javac", "msgfmt", "strace", "tcpdump", "dasel", "mlr", "asciidoctor",
     "lessc", "terraform")
)  # fmt: skip  #: those that call it -o
INTO_FOLDER = frozenset(("unzip", "7z", "7za", "cpio", "wget", "split", "csplit", "patch", "unrar", "ar"))
#: what writes into the folder where it is called, unless told another
_OPTIONS = {name: OUTPUTS | {"-o"} for name in SHORT_OUTPUT}
_OPTIONS |= {name: OUTPUTS | frozenset(options) for name, options in TARGET_OPTIONS.items()}


def written(name: str, args: Sequence[str]) -> list[str]:
    """The paths this call would write or remove; reading a path does not count."""
    words = [arg for arg in args if not arg.startswith("-")]
    if name in EVERY_WORD:
        return words
    if name in PACKERS:
        return words if ONLY_READ.isdisjoint(args) else []
    targets = _targets(args, _OPTIONS.get(name, OUTPUTS))
    if name in FIRST_WORD:
        return [*targets, *words[:1]]
    if name in LAST_WORD:
        return [*targets, *words[-1:]]
    if name == "dd":
        return [arg[3:] for arg in args if arg.startswith("of=")]
    if name in ("sed", "gsed", "perl", "ruby", "yq", "gawk", "awk") and _in_place(args):
        return words
    if name in ("tar", "bsdtar", "gtar"):
        return _unpacked(args, words)
    if name == "find" and "-delete" in args:
        return [word for word in words if not word.startswith(("-", "*"))]
    if name in INTO_FOLDER and not targets:
        return ["."]
    return targets


def _ends_in(arg: str, options: Collection[str]) -> bool:
    return len(arg) > 2 and arg[0] == "-" and arg[1:].isalpha() and f"-{arg[-1]}" in options


def _targets(args: Sequence[str], options: Collection[str]) -> list[str]:
    found = []
    for place, arg in enumerate(args):
        if arg[:1] != "-":
            continue
        option, given, value = arg.partition("=")
        if given and option in options:
            found.append(value)
        elif place + 1 < len(args) and (arg in options or _ends_in(arg, options)):
            found.append(args[place + 1])
        elif arg[:2] in options and len(arg) > 2 and arg[1] != "-":
            found.append(arg[2:])
    return found


def _in_place(args: Sequence[str]) -> bool:
    return any(arg.startswith(("-i", "--in-place", "-pi", "-ni", "--inplace")) for arg in args)


def _unpacked(args: Sequence[str], words: Sequence[str]) -> list[str]:
    if args and re.match(r"-?[a-zA-Z]*[cru]|--(create|append|update)", args[0]):
        mode = args[0].lstrip("-")
        return _targets(args, ("-f", "--file")) or list(words[1:2] if words[:1] == [mode] and "f" in mode else ())
    if not args or not any("x" in arg for arg in [args[0], *(a for a in args if a.startswith("-"))][:4]):
        return []
    return (_targets(args, ("-C", "--directory")) or ["."]) + [word for word in words[1:] if word.startswith(".git")]
