"""The systemd user unit that keeps a home's daemon: its name, its text, and whether somebody changed it. Pure."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

OURS = re.compile(r"^# checksum: ([0-9a-f]{16})$", re.MULTILINE)
LONGEST_SLUG = 40
NOT_IN_A_PROGRAM = frozenset("\"'\\")

#: After the head, every line is as it stands but for the places in braces.
BODY = """\
[Unit]
Description=dayshift in {described}
# A start that ends at once, five times in five minutes: then something is wrong that no further start cures.
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=exec
WorkingDirectory={folder}
# What agents find as tools is what this PATH leads to.
Environment={path}
# Keys stand there and never here: this file is open to all.
EnvironmentFile=-{environment}
ExecStart={command}
# 2 is wrong input, e.g. a daemon that was started by hand; it would be the same at the next start.
Restart=on-failure
RestartSec=5
RestartPreventExitStatus=2
# It was told to end before its day had begun.
SuccessExitStatus=130
# SIGTERM parks every agent, writes the report and ends the daemon within 15 seconds.
TimeoutStopSec=20
# Only the daemon is told to end, and it ends its agents. Each agent is kept by a holder that outlives a daemon which
# crashed or is upgraded; the next one takes it up. By systemd's default every restart would kill them all.
KillMode=process
# When memory runs out, agents go first, by their own score. systemd's default would take that for the daemon's end.
OOMPolicy=continue

[Install]
WantedBy=default.target
"""

KEYS = """\
# What the daemon of dayshift gets from its environment. One NAME=value a line; keep this file to yourself (chmod 600).
#ANTHROPIC_API_KEY=
#CLAUDE_CODE_OAUTH_TOKEN=
#TELEGRAM_BOT_TOKEN=
#TELEGRAM_CHAT_ID=
"""
KEY = re.compile(r"^\s*(?:ANTHROPIC_API_KEY|CLAUDE_CODE_OAUTH_TOKEN)=\s*['\"]?\S", re.MULTILINE)


class Unwritable(ValueError):
    """A path that no unit file can hold; the message names it."""


def name(home: Path) -> str:
    """The unit of that home: readable, and no other home's."""
    slug = re.sub(r"[^A-Za-z0-9_]+", "-", home.name).strip("-")[:LONGEST_SLUG]
    digest = hashlib.sha256(str(home).encode("utf-8", "surrogateescape")).hexdigest()[:6]
    return "-".join(filter(None, ["dayshift", slug, digest])) + ".service"


def render(command: Sequence[str], home: Path, environment: Path, path: str) -> str:
    """The unit's text; Unwritable if a path has a line break or another control character in it."""
    for each in (*command, str(home), str(environment), path):
        if not each.isprintable():
            raise Unwritable(f"{each!r} has characters in it that no unit file can hold; move it, or rename it")
    program, *words = command
    if set(program) & NOT_IN_A_PROGRAM:
        raise Unwritable(f"systemd starts no program with quotes or backslashes in its path: {program}")
    body = BODY.format(
        described=_literal(str(home)), folder=_literal(str(home)), path=_quoted(f"PATH={path}"),
        environment=_literal(_no_pattern(str(environment))),
        command=" ".join([_quoted(program), *(_quoted(each.replace("$", "$$")) for each in words)]),
    )  # fmt: skip
    return f"{_head(body)}\n{body}"


def _head(body: str) -> str:
    return (
        "# Written by `dayshift service install`, taken away by `dayshift service remove`.\n"
        "# To change something: `systemctl --user edit` and this file's name. What is changed in here is left alone.\n"
        f"# checksum: {_checksum(body)}\n"
    )


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def is_ours(text: str) -> bool:
    """Whether that unit was written by this program, changed since or not."""
    return OURS.search(text) is not None


def is_untouched(text: str) -> bool:
    """Whether it is as this program, or an earlier release of it, wrote it."""
    found = OURS.search(text)
    return found is not None and found[1] == _checksum(text.partition("\n\n")[2])


def holds_a_key(environment: str) -> bool:
    """Whether that environment file names what opens a model."""
    return KEY.search(environment) is not None


def _literal(text: str) -> str:
    """As it stands: systemd takes what follows a percent sign for something else."""
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    """One word of a line, whatever is in it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_literal(escaped)}"'


def _no_pattern(path: str) -> str:
    """A path where systemd would look for a pattern."""
    return re.sub(r"([*?\[])", r"[\1]", path)
