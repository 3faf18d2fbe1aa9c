"""Which ends of a daemon the next one tells the person about."""

from pathlib import Path

import pytest

from dayshift.home import Home
from service import only_one


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make_folders()
    return home


def test_a_daemon_that_ended_by_a_fault_is_mourned_once(home: Home) -> None:
    with pytest.raises(OSError, match="no space"), only_one(home, rehearsal=False):
        raise OSError("no space")
    with only_one(home, rehearsal=False) as earlier:
        assert earlier is not None and earlier["rehearsal"] is False
    with only_one(home, rehearsal=False) as earlier:
        assert earlier is None


def test_a_daemon_that_was_interrupted_by_the_person_is_not_mourned(home: Home) -> None:
    with pytest.raises(KeyboardInterrupt), only_one(home, rehearsal=False):
        raise KeyboardInterrupt
    with only_one(home, rehearsal=False) as earlier:
        assert earlier is None
