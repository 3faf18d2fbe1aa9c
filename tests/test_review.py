"""A task's work as the person reads it, and the verdict on it."""

from pathlib import Path

import pytest

from dayshift.events import Review, Reviewed
from dayshift.home import Home
from dayshift.model import Record
from dayshift.reviewing import review
from dayshift.reviewing.verdict import reviewed
from dayshift.states import Done, Halted
from tests.house import NINE, SECOND, record
from tests.shop import KINDS, Shop, shell, write


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_the_patch_is_one_that_git_applies(shop: Shop, kind: str) -> None:
    worked = shop.works(*KINDS[kind])
    shell("git config color.ui always; git config diff.noprefix true; git config diff.submodule log")(shop.tree)
    (shop.home.root / "p").write_bytes(review.patch(worked))
    shell(f"git apply {shop.home.root}/p")(shop.tree)
    assert shop.files() == shop.files(shop.home.workspace("a") / "repo")


def test_the_measure_knows_every_path_whatever_its_name(shop: Shop) -> None:
    worked = shop.works(*KINDS["many"])
    measured = {each.path: each for each in review.changes(worked)}
    assert (measured["new.bin"].status, measured["new.bin"].insertions) == ("added", None)
    assert (measured['new\nline\tand "x"'].insertions, measured["src/old.py"].status) == (1, "removed")
    assert review.stat(worked).files == len(measured) == 15


def test_a_change_of_the_homes_own_configuration_is_named(shop: Shop) -> None:
    shop.home = Home(shop.tree)
    worked = shop.works(write("config/policy.yaml", "allow: everything\n"))
    assert review.warnings(shop.home, worked, review.changes(worked)) == [
        "read config/policy.yaml first: it is part of dayshift's own configuration"
    ]


def test_the_record_keeps_the_verdict_its_reason_and_its_time() -> None:
    done = record(Done(NINE), base="b", commit="c")
    rejected = reviewed(done, Reviewed("a", Review.reject, " slow \n"), NINE)
    assert isinstance(rejected, Record)
    assert (rejected.review, rejected.review_reason, rejected.reviewed_at) == ("rejected", "slow", NINE)
    accepted = reviewed(rejected, Reviewed("a", Review.accept, commit="c"), NINE + SECOND)
    assert isinstance(accepted, Record) and (accepted.review, accepted.review_reason) == ("accepted", "")
    for event, why in (
        (Reviewed("a", Review.reject, "slow"), "was accepted at 2026-11-20T09:00:01Z"),
        (Reviewed("a", Review.accept, commit="c"), "was accepted at"),
    ):
        assert why in str(reviewed(accepted, event, NINE))
    assert "say why" in str(reviewed(done, Reviewed("a", Review.reject, " "), NINE))
    assert "went on while" in str(reviewed(done, Reviewed("a", Review.accept, commit="earlier"), NINE))


def test_quarantined_work_may_be_rejected() -> None:
    held = record(Halted(NINE, "found"), runs=1, quarantined=1)
    assert isinstance(reviewed(held, Reviewed("a", Review.reject, "no"), NINE), Record)
