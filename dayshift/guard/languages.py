"""The programs that run code in other languages than the shell's, and where their command lines hold it."""

import re
from functools import lru_cache

CODE_OPTIONS = {
    "python": ("-c",), "pypy": ("-c",), "node": ("-e", "-p", "-pe", "--eval", "--print"), "nodejs": ("-e", "-p",
    "--eval", "--print"), "bun": ("-e", "--eval", "-p", "--print"), "deno": (), "ruby": ("-e",), "jruby": ("-e",),
    "perl": ("-e", "-E"), "php": ("-r",), "lua": ("-e",), "luajit": ("-e",), "tclsh": (), "wish": (), "expect":
    ("-c",), "osascript": ("-e",), "Rscript": ("-e",), "R": ("-e",), "julia": ("-e",), "elixir": ("-e", "--eval"),
    "groovy": ("-e",), "scala": ("-e",), "guile": ("-c",), "emacs": ("--eval", "--execute"), "iex": ("-e",),
    "ipython": ("-c",), "tsx": ("-e",), "ts-node": ("-e", "--eval"), "swift": ("-e",), "racket": ("-e",), "sbcl":
    ("--eval",), "ghc": ("-e",), "vim": ("-c", "--cmd"), "nvim": ("-c", "--cmd"), "vi": ("-c",), "ex": ("-c",),
    "gdb": ("-ex",), "lldb": ("-o",), "jshell": (), "raku": ("-e",), "octave": ("--eval",), "awk": ("-e",
    "--source"), "gawk": ("-e", "--source"), "mawk": (), "nawk": (), "sed": ("-e", "--expression"), "gsed": ("-e",),
    "bb": ("-e",), "clojure": ("-e", "--eval"), "psysh": (), "irb": ("-e",), "pry": ("-e",), "clj": ("-e", "--eval"),
    "py": ("-c",),
    "bpython": ("-c",), "ptpython": ("-c",), "zx": ("-e", "--eval"), "erl": ("-eval", "-run"), "kotlin": ("-e",),
    "ocaml": ("-e",), "crystal": ("-e",), "jrunscript": ("-e",), "qjs": ("-e",), "d8": ("-e",), "hy": ("-c",),
    "gnuplot": ("-e",), "maxima": ("--batch-string",), "m4": (), "bc": (), "dc": ("-e",), "nim": (), "dart": (),
    "latex": (), "pdflatex": (), "xelatex": (), "lualatex": (), "nimble": (), "factor": ("-e",), "gst": (), "fennel":
    ("-e",), "janet": ("-e",), "newlisp": ("-e",), "ecl": ("--eval", "-eval"), "clisp": ("-x",),
    "ghci": ("-e",), "sage": ("-c",), "pyston": ("-c",), "micropython": ("-c",), "graalpy":
    ("-c",), "jython": ("-c",), "truffleruby": ("-e",), "mruby": ("-e",), "electron": ("-e",),
}  # fmt: skip
EDITORS = frozenset(("awk", "gawk", "mawk", "nawk", "sed", "gsed"))
FIRST_WORD_IS_CODE = EDITORS | {"bb", "latex", "pdflatex", "xelatex", "lualatex"}
CLOJURES = frozenset(("clojure", "clj"))
READS_CODE = frozenset(CODE_OPTIONS) - FIRST_WORD_IS_CODE
CHECKS = {
    "node": frozenset(("--check", "-c")), "nodejs": frozenset(("--check", "-c")), "perl": frozenset(("-c", "-wc",
    "-cw")),
    "ruby": frozenset(("-c", "-wc", "-cw")), "php": frozenset(("-l", "--syntax-check")),
}  # fmt: skip  #: options with which nothing but the syntax of a file is looked at
CODE_MODULES = frozenset(("timeit",))  #: modules of Python's that run the code among their words
RUNNING_MODULES = frozenset(
    ("cProfile", "profile", "pdb", "trace", "coverage", "viztracer", "scalene", "memray", "pyinstrument", "kernprof",
     "debugpy", "ipdb", "line_profiler", "memory_profiler", "pudb", "runpy", "ddtrace", "IPython", "bdb",
     "faulthandler")
)  # fmt: skip  #: modules that run the program named among their words
EVALUATED = {"mix": ("-e", "--eval", "-r", "--require")}
VALUED = frozenset(("-W", "-X", "-r", "--require", "--import", "--loader", "-I", "-L", "-F", "-v", "-l", "-M", "-d"))
LANGUAGES = {
    "py": "python", "js": "node", "mjs": "node", "cjs": "node", "ts": "node", "rb": "ruby", "pl": "perl", "php": "php",
    "lua": "lua", "tsx": "node", "mts": "node", "exs": "elixir", "tcl": "tclsh", "r": "Rscript", "jl": "julia",
    "awk": "awk",
    "groovy": "groovy", "clj": "clojure", "scala": "scala", "go": "go", "ex": "elixir", "phar": "php",
}  # fmt: skip


def is_interpreter(name: str) -> bool:
    """True if the program runs code in some language other than the shell's."""
    return plain(name) in CODE_OPTIONS


@lru_cache(1024)
def plain(name: str) -> str:
    """The interpreter's name without its version: python3.12 is python."""
    return name if name in CODE_OPTIONS else re.sub(r"[\d.]+$", "", name) or name


def language(path: str, content: str) -> str | None:
    """The interpreter a program file is for, by its suffix or first line; None if it is the shell's."""
    known = LANGUAGES.get(path.rsplit(".", 1)[-1])
    if known:
        return known
    found = re.match(r"#!\s*(?:\S*/)?([\w.+-]+)(?:[ \t]+(?:-\S+[ \t]+)*([\w.+-]+))?", content)
    if not found:
        return None
    name = plain(found[2] if found[1] == "env" and found[2] else found[1])
    return name if is_interpreter(name) else None
