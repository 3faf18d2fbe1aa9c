"""How long a run is waited for: for a sign of life, for its exit, and for its holder to keep its limits."""

from pathlib import Path

from dayshift import files
from dayshift.holder import GRACE_SECONDS, processes
from dayshift.running import lifetime, patience
from dayshift.running.patience import AWAY_SECONDS, HOLDER_GRACE, RESULT_GRACE, Lapse, Patience
from tests.house import SECOND, FakeClock

MOST_QUIET = 600.0


class Watched:
    """A run that is looked at every second."""

    def __init__(self, folder: Path, seconds: float = 3600.0, silence: float = MOST_QUIET) -> None:
        self.clock = FakeClock()
        files.write_json(folder / "launch.json", {"seconds": seconds})
        files.write_json(folder / "start.json", {"boot": processes.boot_id(), "started": 0.0, "monotonic": 0.0})
        self.patience = Patience(self.clock, folder, silence)
        self.patience.begin()

    def lapses(self, seconds: float, closed: bool = False, busy: bool = False) -> list[tuple[int, Lapse]]:
        """What it is late with in that time, and after how many seconds."""
        found = []
        for second in range(1, int(seconds) + 1):
            self.clock.time += SECOND
            if lapse := self.patience.lapse(closed, busy):
                found.append((second, lapse))
        return found


def test_silence_is_noticed_once_and_only_while_no_model_answers(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    assert watched.lapses(2000, busy=True) == []
    watched.patience.touch()
    assert watched.lapses(1200) == [(MOST_QUIET + 1, Lapse.sign)]


def test_a_run_that_does_not_exit_after_its_word_is_noticed_though_a_model_answers(tmp_path: Path) -> None:
    assert Watched(tmp_path).lapses(100, closed=True, busy=True) == [(RESULT_GRACE + 1, Lapse.exit)]


def test_a_sign_of_life_begins_the_silence_anew(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    for _ in range(5):
        assert watched.lapses(MOST_QUIET) == []
        watched.patience.touch()


def test_a_daemon_that_stood_still_itself_takes_nobody_for_silent(tmp_path: Path) -> None:
    watched = Watched(tmp_path, seconds=10**6)
    watched.clock.time += 7200 * SECOND
    assert watched.patience.lapse(False, False) is None
    assert watched.lapses(AWAY_SECONDS) == []
    assert watched.lapses(MOST_QUIET + 30)[0][1] is Lapse.sign


def test_a_holder_that_does_not_end_its_run_in_time_is_noticed_again_and_again(tmp_path: Path) -> None:
    watched = Watched(tmp_path, seconds=100, silence=lifetime.ENDLESS)
    late = 100 + HOLDER_GRACE
    assert watched.lapses(late + 15) == [(late + 1, Lapse.end), (late + HOLDER_GRACE + 2, Lapse.end)]


def test_a_holder_that_was_told_to_end_its_run_has_the_grace_whatever_time_was_left(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.patience.told_to_end()
    watched.lapses(5)
    watched.patience.told_to_end()  # said twice, it has no more of it
    assert watched.lapses(HOLDER_GRACE) == [(HOLDER_GRACE + 1 - 5, Lapse.end)]


def test_the_grace_of_a_holder_leaves_it_the_time_it_gives_its_run() -> None:
    assert patience.HOLDER_GRACE > 2 * GRACE_SECONDS
