"""The daemon as a process: alone in its home, its log kept, the one before it mourned for."""

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from daemon import Daemon
from dayshift import files, locks, records
from dayshift.clock import SystemClock, rfc3339
from dayshift.failpoints import passing
from dayshift.home import Home
from dayshift.host.stragglers import Threads
from dayshift.logbook import chronicle, crash_file, daemon_log
from dayshift.logbook.redaction import Redaction
from dayshift.mailbox import inbox
from dayshift.model import Day
from dayshift.proving.preparation import Preparation

if TYPE_CHECKING:  # handed in: the Orchestrator starts the service, and modules that import each other are none
    from orchestrator import Orchestrator

LOCK_PATIENCE = 5.0  #: seconds; a command that does something in a daemon's place holds the lock until it is done


@contextmanager
def only_one(home: Home, rehearsal: bool) -> Iterator[Mapping[str, Any] | None]:
    """Own the home for the block; locks.Locked if another daemon does. Who owns it stands in daemon.json.

    Yields what is left there of an earlier daemon, which then ended without a word.
    """
    with locks.lock(home.daemon_lock, patience=LOCK_PATIENCE):
        inbox.forget_stops(home)  # at once: from now on a stop is meant for this daemon
        earlier = files.read_json(home.daemon_facts)
        facts = {"pid": os.getpid(), "started_at": rfc3339(SystemClock().now()), "rehearsal": rehearsal}
        files.write_json(home.daemon_facts, facts)
        passing("daemon.named")
        try:
            yield earlier if isinstance(earlier, dict) else None
        except Exception:  # a fault, a full disk: the person may be away, so the next daemon tells them
            raise
        except BaseException:  # the person's own Ctrl-C
            home.daemon_facts.unlink(missing_ok=True)
            raise
        home.daemon_facts.unlink(missing_ok=True)


def serve(
    orchestrator: "type[Orchestrator]",
    prepared: Preparation,
    day: Day | None,
    once: bool,
    announce: Callable[[str], None],
    owned: Callable[[], None] = lambda: None,
) -> int:
    """Run the daemon in this process until the day is over; locks.Locked if one owns the home. `owned` hears when this
    one does."""
    prepared.home.make_folders()
    home, rehearsal = prepared.home, prepared.rehearsal
    with only_one(home, rehearsal) as earlier, _logged(prepared), crash_file.of_signals(home):
        owned()
        chronicle.daemon_began(prepared.settings, rehearsal)
        if rehearsal:
            _forget_pretended_spending(home)
        with asyncio.Runner(loop_factory=_loop) as runner:
            code = runner.run(_run(orchestrator, prepared, day, once, announce, earlier))
        chronicle.daemon_ended(code)
        return code


def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_default_executor(Threads(thread_name_prefix="dayshift"))
    return loop


async def _run(
    orchestrator: "type[Orchestrator]",
    prepared: Preparation,
    day: Day | None,
    once: bool,
    announce: Callable[[str], None],
    earlier: Mapping[str, Any] | None,
) -> int:
    daemon = Daemon(orchestrator, prepared, announce, SystemClock())
    if earlier is not None:
        daemon.mourn({**earlier, "crash_file": crash_file.left_by(prepared.home, earlier)})
    return await daemon.run(day, once)


def _forget_pretended_spending(home: Home) -> None:
    """Every rehearsal begins with full caps, unless it goes on with tasks of the one before."""
    known, _ = records.load_all(home)
    if not any(record.rehearsal and not record.ended for record in known.values()):
        for file in (home.ledger(rehearsal=True), home.outbox(rehearsal=True)):
            for path in home.own.glob(f"{file.name}*"):
                path.unlink()


def _logged(prepared: Preparation) -> AbstractContextManager[None]:
    """The daemon's log, as the settings want it."""
    how, redaction = prepared.settings.log, Redaction.of(prepared.settings, prepared.environment)
    return daemon_log.kept(prepared.home.logs / "daemon.log", how.format, how.max_mb, how.keep, redaction)
