"""How verdicts given in a terminal take effect: through the daemon if one runs, else here, in its place."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from dayshift import locks
from dayshift.commandline import BAD_ENVIRONMENT, BAD_INPUT, Failure
from dayshift.commands.lookup import daemon, task_record, withdraw
from dayshift.home import Home
from dayshift.mailbox import inbox
from dayshift.markdown import clean
from dayshift.model import Record
from dayshift.repository.git import GitError, NotARepository
from dayshift.reviewing import acceptance, enactment, verdict
from dayshift.reviewing.passage import Refused

LOOK_AGAIN_SECONDS = 1.0
PATIENCE = 0.5  #: seconds; a command that asks whether a daemon runs holds the lock for an instant

Answer = tuple[bool, Sequence[str]]


def give(home: Home, asked: dict[str, Any]) -> list[str]:
    """Let the verdict take effect, and say what came of it; Failure with the reason if it has none."""
    ok, lines = by_daemon(home, asked) or _here(home, asked)
    if not ok:
        raise Failure(clean("\n".join(lines)), BAD_INPUT)
    return list(lines)


def by_daemon(home: Home, asked: dict[str, Any]) -> Answer | None:
    """The daemon's word; None if none runs, or it ended without one: then nothing is left for the next."""
    if daemon(home) is None:
        return None
    request = inbox.submit(home, asked)
    for _ in range(inbox.REPLY_SECONDS):
        if answer := inbox.reply(home, request, LOOK_AGAIN_SECONDS):
            return answer
        if daemon(home) is None:
            withdraw(home, request)
            return None
    late = f"the daemon has not answered within {inbox.REPLY_SECONDS} s; see agent_logs/daemon.log"
    raise Failure(f"{late}. What you asked for is kept until it is done", BAD_ENVIRONMENT)


def _here(home: Home, asked: Mapping[str, Any]) -> Answer:
    """Do as the daemon would, in its place."""
    ids = enactment.tasks(asked)
    try:
        with locks.lock(home.daemon_lock, patience=PATIENCE):
            return True, _done(home, [task_record(home, each) for each in ids], asked)
    except locks.Locked:
        raise Failure("a daemon started or ended just now; repeat the command", BAD_ENVIRONMENT) from None
    except Refused as refused:
        return False, refused.lines
    except (GitError, NotARepository) as error:
        raise Failure(f"nothing was done with {', '.join(ids)}: {error}", BAD_ENVIRONMENT) from error


def _done(home: Home, records: Sequence[Record], asked: Mapping[str, Any]) -> Sequence[str]:
    now = datetime.now(UTC)
    found = enactment.carried_out(home, records, asked, now)
    for record, event in zip(records, found, strict=True):
        outcome = verdict.reviewed(record, event, now)
        if isinstance(outcome, str):
            raise Refused(outcome)
        acceptance.mark(home, outcome, now)
    return found[-1].told
