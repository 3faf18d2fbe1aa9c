"""What a program is by its name and the form of its call: git, a database client, a migrator, a task runner."""

from collections.abc import Sequence
from itertools import pairwise

from dayshift.guard import git_commands, interpreters, project, requests
from dayshift.guard.examiner import Examiner
from dayshift.guard.names import asks_for_help, is_stdin, program
from dayshift.guard.scope import Scope
from dayshift.guard.task_runners import OWN_COMMANDS, RUN_BY_NAME, tasks
from dayshift.guard.words import HOLE

COPIERS = frozenset(("cp", "ln", "mv", "install", "rsync", "dd", "scp", "ditto"))
STARTS_PROJECT = frozenset(("cargo", "dotnet", "swift", "vapor", "stack", "cabal", "go"))
TASKS_SHOWN = dict.fromkeys(("rake", "rails"), frozenset(("-T", "-D", "-P", "--tasks", "--describe", "--prereqs")))
PATH_OPTIONS = ("--output=", "--output-directory=", "--directory=", "-o")


def check(examiner: Examiner, name: str, argv: list[str], scope: Scope) -> None:
    """Refuse the call if the program, called like this, is forbidden by what it is."""
    policy, args = examiner.policy, argv[1:]
    for rule, forms in policy.own.get(name, ()):
        if not forms.allows(args):
            examiner.refuse(rule, argv)
    if name == "git":
        _check_git(examiner, args, scope)
    elif name.startswith("git-") and "." not in name and name not in policy.programs:
        _check_git(examiner, [name.removeprefix("git-"), *args], scope)
    if name in policy.clients and not asks_for_help(args):
        examiner.refuse("database", argv)
    check_form(examiner, name, argv)
    _check_tasks(examiner, name, argv, scope)
    if name in COPIERS:
        _check_copy(examiner, argv)
    if name in requests.FETCHERS:
        requests.check(examiner, name, argv)


def check_form(examiner: Examiner, name: str, argv: list[str]) -> None:
    """Refuse a program that does harm in some forms only, if this is one of them."""
    forms = examiner.policy.programs.get(name)
    if forms is None or asks_for_help(argv[1:]) or argv[1:] == ["-v"] or argv[1:2] == ["help"]:
        return
    if name in TASKS_SHOWN and not TASKS_SHOWN[name].isdisjoint(argv[1:]):
        return
    if name == "gh" and "api" in argv[1:4] and _asks_only(argv[1:]):
        return
    bare = len(argv) == 1 and forms.only != ()  # most tools only print their help
    if not bare and not forms.allows(argv[1:]):
        examiner.refuse(forms.rule, argv)


def _asks_only(args: list[str]) -> bool:
    """True for a call of GitHub's interface that reads: GET, or a query in its own language."""
    methods = [after for option, after in pairwise(args) if option in ("-X", "--method")]
    methods += [arg.partition("=")[2] or arg[2:] for arg in args if arg.startswith(("--method=", "-X")) and arg != "-X"]
    if methods:
        return all(method.upper() in ("GET", "HEAD") for method in methods)
    sends = any(arg.startswith(("-f", "-F", "--field", "--raw-field", "--input")) for arg in args)
    return not sends or (
        "graphql" in args and "mutation" not in " ".join(args) and "--input" not in args and "@" not in " ".join(args)
    )


def check_script_names(examiner: Examiner, names: Sequence[str], argv: list[str]) -> None:
    """Refuse a script whose name says that it writes git or a database."""
    if len(names) == 1 and HOLE in names[0]:
        examiner.refuse("unreadable", argv)
    if any(examiner.policy.forbids_script(name) for name in names):
        examiner.refuse("script-name", argv)


def check_subcommand(examiner: Examiner, name: str, args: Sequence[str]) -> None:
    """Refuse a project's own program whose first words say that it migrates: `./app db upgrade`."""
    if any(map(examiner.policy.is_address, args)):
        examiner.refuse("database", [name, *args])
    if any(map(examiner.policy.forbids_option, args)):
        examiner.refuse("migration", [name, *args])
    words = [arg for arg in args[:2] if not arg.startswith("-")]
    if words and words[0] == args[0] and not asks_for_help(args) and examiner.policy.forbids_subcommand(words):
        examiner.refuse("migration", [name, *args])


def remember(name: str, args: Sequence[str], stdin: str | None, scope: Scope) -> None:
    """Keep in the scope what the program writes to files, as far as a later command may run them."""
    words = [word for word in args if not word.startswith("-")]
    if name == "tee":
        scope.wrote(words, HOLE if stdin is None else stdin)
    elif name == "dd":
        scope.wrote([word[3:] for word in args if word.startswith("of=")], HOLE if stdin is None else stdin)
    elif name == "mkfifo":
        scope.wrote(words, HOLE)
    elif name == "npm" and args[:2] == ["pkg", "set"]:
        project.remember(args[2:], scope)
    elif name in ("curl", "wget"):
        scope.wrote(_downloaded(args), HOLE)
    elif name in COPIERS and len(words) == 2:
        fed = is_stdin(words[0])
        content = (HOLE if stdin is None else stdin) if fed else scope.text(words[0])
        if content is not None:
            scope.wrote(words[1:], content)


def _downloaded(args: Sequence[str]) -> list[str]:
    return [after for option, after in pairwise(args) if option in ("-o", "-O", "--output")]


def _check_git(examiner: Examiner, args: list[str], scope: Scope) -> None:
    call = git_commands.parse(args)
    if not git_commands.reads_only(call, examiner.policy):
        examiner.refuse("git-write", ["git", *args])
    for script in git_commands.runs(call):
        examiner.script(script, scope.child())
    if call.name == "bundle":
        for path in call.args[1:]:
            examiner.path(scope.path(path))
    for place, arg in enumerate(call.args):
        if arg.startswith(PATH_OPTIONS):
            given = arg.removeprefix("-o") if arg.startswith("-o") else arg.partition("=")[2]
            examiner.path(scope.path(given or "".join(call.args[place + 1 : place + 2])))


def _check_tasks(examiner: Examiner, name: str, argv: list[str], scope: Scope) -> None:
    args = argv[1:]
    if name in ("make", "gmake") and interpreters.reads_no_file(args):
        examiner.refuse("unreadable", argv)
    names = [] if asks_for_help(args) else tasks(name, args)
    check_script_names(examiner, names, argv)
    if name in RUN_BY_NAME and names and names[-1] not in OWN_COMMANDS:
        words = tuple(word for word in args[args.index(names[-1]) :] if word != "--")
        if program(words[0]) in examiner.policy.named or name != "npm":
            examiner.probe(words, scope)
    if name in STARTS_PROJECT and args and (args[0] in ("run", "exec") or args[0].endswith(".dll")):
        rest = args[args.index("--") + 1 :] if "--" in args else args[1 if args[0].endswith(".dll") else 2 :]
        check_subcommand(examiner, name, rest)
    for task in project.tasks(name, args, names, scope):
        examiner.project_script(task.text, scope.inside(task.folder, task.variables))


def _check_copy(examiner: Examiner, argv: list[str]) -> None:
    """A copy or a link of a forbidden program is that program."""
    for word in argv[1:]:
        path = word.removeprefix("if=")
        source = program(path)
        if "bin/" in path and (source == "git" or source in examiner.policy.clients) and word != argv[-1]:
            examiner.refuse("git-write" if source == "git" else "database", argv)
