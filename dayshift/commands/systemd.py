"""The command `service`: the daemon of this home as a systemd user service."""

import getpass
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from dayshift import files
from dayshift.commandline import BAD_ENVIRONMENT, Context, Failure
from dayshift.commands.lookup import daemon, print_json
from dayshift.home import Home
from dayshift.host import unit_file

SECONDS = 60.0  #: for one call of systemctl; to stop the daemon takes at most 20
LINGERING = Path("/var/lib/systemd/linger")
NO_SESSION = "connect to bus"  #: what systemctl says to a user who has no systemd of their own, as after `su`


@click.group()
def service() -> None:
    """Keep the daemon of this home running as a systemd user service, also after a crash and a reboot.

    It takes up what was parked, and waits for days: `dayshift start FILE` hands one over. One service a home.

    \b
    Examples:
      dayshift service install
      dayshift service status
      dayshift service remove
    """


@service.command
@click.option("--no-start", is_flag=True, help="Write the unit, and leave it to you to enable and start it.")
@click.option("--force", is_flag=True, help="Overwrite a unit that was changed by hand.")
@click.pass_obj
def install(context: Context, no_start: bool, force: bool) -> None:
    """Write the unit, enable it, and start it if there is a key for it.

    Keys are read from ~/.config/dayshift/environment, which is made for you and belongs to you alone.

    \b
    Examples:
      dayshift service install
      dayshift --home ~/work service install --no-start
    """
    home = context.home
    if not (home.config / "orchestrator.yaml").is_file():
        raise Failure(f"{home.root} is no home yet: `dayshift init {shlex.quote(str(home.root))}` first")
    unit, keys = _unit(home), _keys()
    try:
        text = unit_file.render(_command(home), home.root, keys, os.environ.get("PATH", os.defpath))
    except unit_file.Unwritable as error:
        raise Failure(str(error)) from error
    _must_be_replaceable(unit, force, "overwrites it")
    unit.parent.mkdir(parents=True, exist_ok=True)
    files.write_atomically(unit, text, 0o644)
    click.echo(f"written: {unit}")
    _care_for_keys(keys)
    _let_begin(home, unit, keys, no_start)


@service.command
@click.option("--force", is_flag=True, help="Also take away a unit that was changed by hand.")
@click.pass_obj
def remove(context: Context, force: bool) -> None:
    """Stop the service, which parks its agents, and take its unit away. Keys and home stay.

    \b
    Examples:
      dayshift service remove
    """
    unit = _unit(context.home)
    if not unit.exists():
        return click.echo(f"there is no service of {context.home.root}")
    _must_be_replaceable(unit, force, "takes it away all the same")
    if (done := _called("disable", "--now", unit.name)).returncode != 0:
        click.echo(f"systemd could not be asked to stop it: {done.stderr.strip()}", err=True)
    (unit.parent / "default.target.wants" / unit.name).unlink(missing_ok=True)
    unit.unlink()
    _called("daemon-reload")
    return click.echo(f"removed: {unit}; what was at work goes on at the next `dayshift start`")


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a home's service."""

    unit: str
    path: str
    installed: bool
    changed_by_hand: bool
    enabled: str  #: systemctl's own word, empty if it cannot be asked
    active: str
    pid: int | None
    daemon_pid: int | None  #: of the daemon that runs in the home, whoever started it
    keys: str
    has_key: bool
    lingers: bool  #: whether it goes on when its user has logged out, and begins with the machine


@service.command
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@click.pass_obj
def status(context: Context, as_json: bool) -> None:
    """Show whether the service is installed, enabled and at work.

    \b
    Examples:
      dayshift service status
      dayshift service status --json
    """
    found = _standing(context.home)
    if as_json:
        return print_json(asdict(found))
    return click.echo("\n".join(_lines(found)))


def _standing(home: Home) -> Standing:
    unit, keys, runs = _unit(home), _keys(), daemon(home)
    text = _text(unit)
    pid = _asked("show", "--property", "MainPID", "--value", unit.name)
    return Standing(
        unit=unit.name, path=str(unit), installed=text is not None,
        changed_by_hand=text is not None and not unit_file.is_untouched(text),
        enabled=_asked("is-enabled", unit.name), active=_asked("is-active", unit.name),
        pid=int(pid) if pid.isdecimal() and pid != "0" else None, daemon_pid=runs["pid"] if runs else None,
        keys=str(keys), has_key=unit_file.holds_a_key(_text(keys) or ""), lingers=_lingers(),
    )  # fmt: skip


def _lines(found: Standing) -> list[str]:
    if not found.installed:
        by_hand = f"; a daemon that was started by hand runs (pid {found.daemon_pid})" if found.daemon_pid else ""
        return [f"no service is installed{by_hand}; `dayshift service install` makes one"]
    touched = " (changed by hand)" if found.changed_by_hand else ""
    at_work = f", pid {found.pid}" if found.pid else ""
    lines = [f"unit: {found.path}{touched}", f"enabled: {found.enabled or 'cannot be told'}",
             f"active: {found.active or 'cannot be told'}{at_work}",
             f"keys: {found.keys}{'' if found.has_key else ' (no key in it)'}"]  # fmt: skip
    if found.daemon_pid and found.daemon_pid != found.pid:
        lines.append(f"a daemon that was started by hand runs (pid {found.daemon_pid})")
    return lines + ([] if found.lingers else [_linger()])


# --- the unit --------------------------------------------------------------------------------------


def _config() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def _unit(home: Home) -> Path:
    return _config() / "systemd" / "user" / unit_file.name(home.root)


def _keys() -> Path:
    return _config() / "dayshift" / "environment"


def _command(home: Home) -> list[str]:
    """This very program, by absolute paths: whoever starts it has another PATH."""
    return [sys.executable, str(Path(sys.argv[0]).absolute()), "--home", str(home.root), "start", "--stay"]


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return None


def _must_be_replaceable(unit: Path, force: bool, anyway: str) -> None:
    """Nothing that a person wrote is lost unless they say so."""
    text = _text(unit)
    if force or text is None or unit_file.is_untouched(text):
        return
    whose = "was changed by hand" if unit_file.is_ours(text) else "was not written by dayshift"
    raise Failure(f"{unit} {whose}; --force {anyway}")


def _care_for_keys(keys: Path) -> None:
    """A place for keys that only its owner reads; what is there stays as it is."""
    keys.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with os.fdopen(os.open(keys, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(unit_file.KEYS)
        click.echo(f"made for your keys: {keys}")
    except FileExistsError:
        if keys.stat().st_mode & 0o077:
            click.echo(f"WARNING: others may read your keys: chmod 600 {shlex.quote(str(keys))}", err=True)


# --- systemd ---------------------------------------------------------------------------------------


def _let_begin(home: Home, unit: Path, keys: Path, no_start: bool) -> None:
    """Enable and start it, as far as that can be done; what is left to the person is said as commands."""
    start = f"systemctl --user start {unit.name}"
    if no_start or not shutil.which("systemctl"):
        why = "" if no_start else "there is no systemctl here; "
        click.echo(f"{why}to start it: systemctl --user daemon-reload && systemctl --user enable --now {unit.name}")
        return
    _systemctl("daemon-reload")
    _systemctl("enable", unit.name)
    click.echo(f"enabled: {unit.name}")
    if runs := daemon(home):
        click.echo(f"a daemon runs here already (pid {runs['pid']}); for the service: dayshift stop && {start}")
    elif not unit_file.holds_a_key(_text(keys) or ""):
        click.echo(f"not started, for {keys} has no key in it yet; write it there, then: {start}")
    else:
        _systemctl("start", unit.name)
        click.echo(f"started: {unit.name}; its words: journalctl --user --unit {unit.name} --follow")
    if not _lingers():
        click.echo(_linger())


def _systemctl(*words: str) -> None:
    """Have systemd do it; a Failure with its own words if it does not."""
    done = _called(*words)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"
        cure = f"; log in as {getpass.getuser()} itself, or: loginctl enable-linger {getpass.getuser()}"
        raise Failure(
            f"systemctl --user {shlex.join(words)}: {said}{cure if NO_SESSION in said else ''}", BAD_ENVIRONMENT
        )


def _asked(*words: str) -> str:
    """What systemd answers; nothing if it cannot be asked."""
    return _called(*words).stdout.strip() if shutil.which("systemctl") else ""


def _called(*words: str) -> "subprocess.CompletedProcess[str]":
    command = ["systemctl", "--user", *words]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=SECONDS, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(command, 1, "", "there is no systemctl here")
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def _lingers() -> bool:
    return (LINGERING / getpass.getuser()).exists()


def _linger() -> str:
    return f"it ends when you log out, and begins when you log in; else: loginctl enable-linger {getpass.getuser()}"
