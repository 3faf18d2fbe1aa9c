"""What shells and interpreters are given to run: scripts, code, modules and program files, each judged."""

from itertools import pairwise

from dayshift.guard import foreign, interpreters, languages, programs, shell_calls
from dayshift.guard.examiner import Examiner
from dayshift.guard.names import is_file, program
from dayshift.guard.scope import Scope
from dayshift.guard.words import HOLE


def check(examiner: Examiner, name: str, argv: list[str], stdin: str | None, scope: Scope, source: str) -> bool:
    """Judge what a shell, an interpreter or a program file would run; False if the call is none of these."""
    if name in shell_calls.SHELLS:
        _shell(examiner, argv, stdin, scope, source)
    elif languages.is_interpreter(name):
        _interpreter(examiner, name, argv, stdin, scope, source)
    elif name == "source":
        file(examiner, argv[1:], scope)
    elif name in languages.EVALUATED:
        for option, text in pairwise(argv):
            if option in languages.EVALUATED[name]:
                foreign.check_plain(examiner, text, argv, "elixir", scope)
    elif is_file(argv[0]):
        file(examiner, argv, scope)
    else:
        return False
    return True


def _shell(examiner: Examiner, argv: list[str], stdin: str | None, scope: Scope, source: str) -> None:
    call = shell_calls.parse(argv[1:])
    for text in shell_calls.start_scripts(program(argv[0]), argv[1:]):
        examiner.script(text, scope.child())
    for path in shell_calls.start_files(argv[1:]):
        file(examiner, [path], scope)
    if call.script is not None:
        rest = call.words
        examiner.script(call.script, scope.child(rest[0] if rest else argv[0], rest[1:]))
    elif call.words:
        file(examiner, list(call.words), scope)
    elif call.stdin and stdin is not None:
        examiner.script(stdin, scope.child(argv[0], call.arguments))
    elif call.stdin and source:
        file(examiner, [source, *call.arguments], scope)


def _interpreter(examiner: Examiner, name: str, argv: list[str], stdin: str | None, scope: Scope, source: str) -> None:
    call, language = interpreters.parse(name, argv[1:]), languages.plain(name)
    codes = ["\n".join(call.code)] if language in languages.EDITORS and call.code else list(call.code)
    written_here = [text for path in call.files if (text := scope.files.get(scope.path(path))) is not None]
    fed = stdin if call.stdin else None
    for text in (*codes, *written_here, *(() if fed is None else (fed,))):
        foreign.check(examiner, text, argv, language, scope)
        if fed is None:
            foreign.check_fed(examiner, text, argv, stdin, scope)
        if call.rest and foreign.runs(text):
            examiner.probe(call.rest, scope)
        if foreign.spawns(text) and "env" in text.lower():
            for value in (value[0] for name, value in scope.variables.items() if name in text and value):
                examiner.probe(value, scope)
    if call.module and call.program:
        _module(examiner, list(call.program), argv, scope)
    elif call.program:
        file(examiner, list(call.program), scope)
    elif call.stdin and stdin is None and source:
        file(examiner, [source], scope)


def _module(examiner: Examiner, words: list[str], argv: list[str], scope: Scope) -> None:
    """A module of Python's: named by its last step, or by the package it is in; some run the rest."""
    package, _, inside = words[0].partition(".")
    programs.check_script_names(examiner, [words[0].rsplit(".", 1)[-1]], argv)
    if words[0] in languages.CODE_MODULES:
        for text in words[1:]:
            foreign.check(examiner, text, argv, "python", scope)
    elif words[0] in languages.RUNNING_MODULES:
        for found in (["python", *words[start:]] for start in range(1, len(words))):
            examiner.probe(tuple(found), scope)
    elif inside and package in examiner.policy.named:
        examiner.argv([package, *words[1:]], None, scope)
    examiner.argv([words[0].replace("_", "-"), *words[1:]], None, scope)


def file(examiner: Examiner, argv: list[str], scope: Scope) -> None:
    """A program file: its content if it can be read, and its name."""
    if not argv:
        return
    name = program(argv[0])
    if HOLE in name:
        examiner.refuse("unreadable", argv)
    programs.check_form(examiner, name, argv)
    programs.check_script_names(examiner, [name], argv)
    path = scope.path(argv[0])
    content = scope.files.get(path)
    if content is not None:
        _written_here(examiner, content, argv, scope)
    elif (content := scope.of_tree(path)) is not None:
        with examiner.tolerantly():
            _of_tree(examiner, content, argv, scope)
    examiner.unknown(name, argv[1:], None, scope)


def _written_here(examiner: Examiner, content: str, argv: list[str], scope: Scope) -> None:
    language = languages.language(argv[0], content)
    if language:
        foreign.check(examiner, content, argv, language, scope)
    else:
        examiner.script(content, scope.child(argv[0], argv[1:]))


def _of_tree(examiner: Examiner, content: str, argv: list[str], scope: Scope) -> None:
    language = languages.language(argv[0], content)
    if language:
        foreign.check_file(examiner, content, argv, language, scope)
    else:
        examiner.script(content, scope.child(argv[0], argv[1:]))
