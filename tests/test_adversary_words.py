"""Whatever an agent or a person writes, however broken or long, is told, and holds up nobody."""

import time
from datetime import UTC, datetime
from pathlib import Path

from dayshift.alerts import Alert, Kind
from dayshift.clock import SystemClock
from dayshift.conversation import Question
from dayshift.home import Home
from dayshift.inputs.settings import Settings
from dayshift.mailbox.status import TaskSpend
from dayshift.model import Record
from dayshift.notifying.outbox import Outbox
from dayshift.telegram import letters
from dayshift.telegram.line import problems
from dayshift.telegram.markup import block, said, split
from desk import Desk

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HALF = "half \ud83d of a pair"


def test_half_a_surrogate_pair_in_an_agents_words_is_kept_to_be_told(tmp_path: Path) -> None:
    """The CLI writes such halves; the daemon must not end over one."""
    alert = Alert("question:a@1:1", Kind.question, HALF, NOON, HALF, "a", 1, (HALF,))
    outbox = Outbox.open(tmp_path / "outbox.sqlite3")
    outbox.begin("telegram", NOON)
    assert outbox.add(alert)
    assert [each for _, each in outbox.pending("telegram")] == [alert]
    outbox.close()


def test_a_line_of_a_megabyte_is_packed_at_once() -> None:
    line = "x" * 1_000_000
    began = time.process_time()
    [piece] = letters.packed((block(line),), "a.diff")
    assert piece.file == ("a.diff", line.encode())
    assert time.process_time() - began < 1


def test_what_is_split_makes_the_whole_again_however_wide_its_characters_are() -> None:
    text = ("ab \U0001f600" * 3000) + "\n" + "\U0001f600" * 5000
    parts = split((said("begin "), block(text)), 4096)
    assert "".join(span.text for part in parts for span in part) == f"begin {text}"


def spent_nothing(record: Record) -> TaskSpend:
    raise AssertionError("nobody asks for it")


STEERING = "Which?\x1b]0;owned\x07\x1b[2J \x9b31m \ud83d\n12:00:00 other: done"


def test_a_question_neither_steers_the_screen_nor_forges_a_line_of_it(tmp_path: Path) -> None:
    home, said = Home(tmp_path), list[str]()
    home.make_folders()
    desk = Desk(home, SystemClock(), spent_nothing, said.append)
    desk.ask(Question("a", 1, STEERING, NOON, ("\x1b[2Jone",)))
    [shown] = said
    kept = (home.questions / "a.md").read_text()
    for text in (shown, kept):
        assert not set("\x1b\x07\x9b\ud83d") & set(text)
    assert "Which?" in shown and not any(line.startswith("12:00") for line in shown.splitlines())
    assert "12:00:00 other: done" in kept


def test_a_token_that_was_put_into_the_wrong_variable_is_not_shown() -> None:
    found = problems(Settings(), {"TELEGRAM_BOT_TOKEN": "1:secret", "TELEGRAM_CHAT_ID": "1:secret"})
    assert found and "secret" not in found[0] and "TELEGRAM_CHAT_ID" in found[0]
