"""Code in other languages than the shell's, judged: the commands, files, repositories and databases it names."""

from dayshift.guard import code, languages
from dayshift.guard.examiner import Examiner
from dayshift.guard.protected import is_git
from dayshift.guard.scope import Scope
from dayshift.guard.words import HOLE

spawns = code.spawns
runs = code.runs_arguments


def check(examiner: Examiner, text: str, argv: list[str], language: str, scope: Scope) -> None:
    """Refuse code on a command line, or in a file that the same command wrote, that does what is forbidden."""
    if len(text) > code.LONGEST:
        examiner.refuse("unreadable", argv)
    if language in code.EDITS:
        _check_edit(examiner, text, scope)
        return
    if text.strip() == HOLE or code.hides(text):
        examiner.refuse("unreadable", argv)
    check_plain(examiner, text, argv, language, scope)


def check_plain(examiner: Examiner, text: str, argv: list[str], language: str, scope: Scope) -> None:
    """Refuse code that names in plain words what is forbidden; what it may hide is no reason."""
    text = code.as_list(text) if language in code.LISPS else text
    plain = code.without_prose(text)
    if any(driver.search(plain) for driver in examiner.policy.drivers):
        examiner.refuse("database", argv)
    _check_named(examiner, text, argv, language, scope)


def _check_named(examiner: Examiner, text: str, argv: list[str], language: str, scope: Scope) -> None:
    if code.writes_git_by_library(text):
        examiner.refuse("git-write", argv)
    if language in code.SPEAKS_SHELL or (language not in code.QUOTES and code.spawns(text, language)):
        examiner.probe(code.spoken(text), scope)
    for words in code.library_calls(text):
        examiner.probe(words, scope)
    _check_literals(examiner, text, argv, language, scope)


def check_fed(examiner: Examiner, text: str, argv: list[str], stdin: str | None, scope: Scope) -> None:
    """Refuse code that starts what it is fed: what that is must be known, and allowed."""
    if code.starts_input(text):
        if stdin is None or HOLE in stdin:
            examiner.refuse("unreadable", argv)
        examiner.script(stdin, scope.child())
    elif stdin and code.reads_input(text) and code.spawns(text):
        examiner.probe(stdin, scope)


def check_file(examiner: Examiner, text: str, argv: list[str], language: str, scope: Scope) -> None:
    """Refuse a program file of the work tree that does what is forbidden; a long one is looked through in parts.

    That it speaks with a database is no reason: so does every application, and none is in reach of one here.
    """
    if language in languages.EDITORS:
        return
    for start in range(0, len(text), code.LONGEST - code.OVERLAP):
        _check_named(examiner, text[start : start + code.LONGEST], argv, language, scope)


def _check_edit(examiner: Examiner, text: str, scope: Scope) -> None:
    run = code.sed_runs(text)
    if run is not None:
        examiner.script(run, scope.child())
    for path in code.sed_writes(text):
        examiner.path(scope.path(path))


def _check_literals(examiner: Examiner, text: str, argv: list[str], language: str, scope: Scope) -> None:
    if code.spawns(text, language):
        for words in code.commands(text):
            examiner.probe(words[0] if len(words) == 1 else words, scope)
    if code.writes_files(text) and any(is_git(scope.path(path)) for path in code.texts(text) if path):
        examiner.refuse("git-files", argv)
