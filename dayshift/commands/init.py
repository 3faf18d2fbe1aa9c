"""The command `init`: lays out a home in a folder and leaves alone what is there."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from dayshift import files
from dayshift.commandline import BAD_ENVIRONMENT, Context, Failure
from dayshift.home import Home, shipped_config
from dayshift.repository import git

EXAMPLE = Path(__file__).parent.parent / "templates" / "first-day.yaml"


@click.command
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.pass_obj
def init(context: Context, folder: Path) -> None:
    """Lay out a home in DIR: config, an example day file, the folders the program writes. Nothing is overwritten.

    \b
    Examples:
      dayshift init .
      dayshift init ~/shop-agents
    """
    root = folder.expanduser().resolve()
    if root.exists() and not root.is_dir():
        raise Failure(f"{root} is a file; give a folder, or the name of a new one")
    home = Home(root)
    try:
        home.make_folders()
        for path, content in _wanted(home):
            path.parent.mkdir(parents=True, exist_ok=True)
            made = files.publish_once(path, content)
            click.echo(f"{'made' if made else 'kept'}  {path.relative_to(root)}{'' if made else ' (it was there)'}")
        click.echo("\n".join(["", *_ignored(home), *_project(root), *_next_steps(root)]))
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}; nothing that was there is changed") from error


def _wanted(home: Home) -> Iterator[tuple[Path, bytes]]:
    """The files of a new home with their content."""
    sources = sorted(path for path in shipped_config().glob("*") if path.suffix in (".yaml", ".md"))
    if not sources:
        raise Failure(f"{shipped_config()} is not there to copy from; install dayshift anew", BAD_ENVIRONMENT)
    for source in sources:
        yield home.config / source.name, source.read_bytes()
    today = datetime.now(UTC).astimezone().date()
    yield home.tasks / EXAMPLE.name, EXAMPLE.read_text(encoding="utf-8").replace("{date}", str(today)).encode()
    yield home.root / ".gitignore", "".join(f"{line}\n" for line in _runtime(home)).encode()


def _runtime(home: Home) -> list[str]:
    """What the program writes, as lines of a .gitignore."""
    folders = (home.own, home.workspaces, home.status, home.questions, home.logs, home.results, home.feedback)
    return [f"/{folder.name}/" for folder in folders]


def _ignored(home: Home) -> list[str]:
    """What a .gitignore that was there lacks."""
    present = (home.root / ".gitignore").read_text(encoding="utf-8", errors="replace").splitlines()
    missing = [line for line in _runtime(home) if line not in present]
    return [f"Add to {home.root / '.gitignore'}: {' '.join(missing)}", ""] if missing else []


def _project(root: Path) -> list[str]:
    try:
        return [f"The agents will work on {git.find(root).work_tree}, the git repository this folder is in."]
    except git.NotARepository:
        return [f"{root} is in no git repository: set `project:` in the day file to the one the agents shall work on."]


def _next_steps(root: Path) -> list[str]:
    day = f"tasks/{EXAMPLE.name}"
    steps = {
        "dayshift doctor": "what is missing, and how to get it",
        f"dayshift check {day}": "order, cap, forecast; nothing is spent",
        f"dayshift start --rehearse {day}": "the whole day against a scripted model, for $0",
        f"dayshift start {day}": "the real day",
    }
    width = max(map(len, steps))
    return ["", "Next:", f"  cd {root}", *(f"  {step.ljust(width)}  {what}" for step, what in steps.items())]
