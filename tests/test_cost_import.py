"""The commands `cost import` and `cost --other`, as processes on a real home."""

import json
from pathlib import Path

import pytest

from bench.author import Author
from bench.truth import UNPRICED
from dayshift.home import Home
from dayshift.money import to_usd
from tests.command_line import everything, run
from tests.test_transcripts import line, written


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.config.mkdir(parents=True)
    (made.config / "orchestrator.yaml").write_text("timezone: UTC\n")
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the CLI keeps its transcripts, for the HOME of the commands."""
    made = tmp_path / ".claude" / "projects" / "-src-shop"
    made.mkdir(parents=True)
    return made


def test_the_cli_s_own_folder_is_read_without_a_word(home: Home, folder: Path) -> None:
    written(folder, line(), line(), line(id="msg_2"))
    result = run(home, "cost", "import")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "1 files, 1 with something new: 2 new requests, $0.0101; $0.0101 in all\n"
    assert run(home, "cost", "import").stdout.startswith(
        "1 files, 0 with something new: 0 new requests, $0.00; $0.0101"
    )


def test_a_whole_tree_comes_to_its_truth_in_json(home: Home, tmp_path: Path) -> None:
    truth = Author(21).tree(tmp_path / "tree", 20 * 10**6)
    facts = json.loads(run(home, "cost", "import", "--from", tmp_path / "tree", "--json").stdout)
    assert (facts["new_requests"], facts["cost_usd"], facts["added_usd"]) == (truth.requests, *[to_usd(truth.pico)] * 2)
    assert (facts["unpriced"], facts["problems"]) == ({UNPRICED: truth.unpriced}, [])
    table = json.loads(run(home, "cost", "--other", "--by", "model", "--json").stdout)
    assert {row["key"]: row["requests"] for row in table["rows"]} == truth.by_model


def test_folders_that_overlap_count_once(home: Home, tmp_path: Path, folder: Path) -> None:
    written(folder, line())
    facts = run(home, "cost", "import", "--from", folder.parent, "--from", folder, "--json").stdout
    assert (json.loads(facts)["files"], json.loads(facts)["new_requests"]) == (1, 1)


def test_an_unpriced_model_is_named_with_the_cure_and_priced_after_it(home: Home, folder: Path) -> None:
    written(folder, line(model="glm-made-up-9"), line(id="msg_2"))
    result = run(home, "cost", "import")
    assert "unpriced: 1 requests of glm-made-up-9, not in these amounts" in result.stdout
    assert "under `prices:`, then run this again" in result.stdout
    assert "unknown" in run(home, "cost", "--other", "--by", "model").stdout
    (home.config / "orchestrator.yaml").write_text("prices: {glm-made-up-9: {input: 1, output: 1}}\n")
    assert "unpriced" not in run(home, "cost", "import").stdout


def test_a_folder_that_is_not_there_is_one_line(home: Home, tmp_path: Path) -> None:
    for words in (["cost", "import"], ["cost", "import", "--from", tmp_path / "nowhere"]):
        result = run(home, *words)
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.endswith(" is no folder; name one with transcripts: dayshift cost import --from DIR\n")
        assert result.stderr.count("\n") == 1


def test_this_home_s_own_agents_are_the_ledger_s(home: Home, tmp_path: Path) -> None:
    own = home.workspace("task-1") / "home" / ".claude" / "projects"
    own.mkdir(parents=True)
    written(own, line())
    result = run(home, "cost", "import", "--from", own)
    assert (result.returncode, "the ledger has what they spent" in result.stderr) == (2, True)
    assert json.loads(run(home, "cost", "import", "--from", tmp_path, "--json").stdout)["new_requests"] == 0


def test_a_link_to_the_cli_s_folder_is_followed_and_links_in_it_are_not(
    home: Home, folder: Path, tmp_path: Path
) -> None:
    written(folder, line())
    (folder / "more").symlink_to(tmp_path)
    (tmp_path / "linked").symlink_to(folder.parent)
    facts = json.loads(run(home, "cost", "import", "--from", tmp_path / "linked", "--json").stdout)
    assert (facts["files"], facts["new_requests"]) == (1, 1)


def test_what_is_broken_is_told_and_the_rest_taken_in(home: Home, folder: Path) -> None:
    written(folder, b'{"usage": half\n', line())
    result = run(home, "cost", "import")
    assert result.returncode == 0
    assert result.stdout.startswith(f"{folder}/s-1.jsonl: lines passed over: 1 broken\n1 files")


def test_bad_settings_end_the_import_before_anything_is_booked(home: Home, folder: Path) -> None:
    written(folder, line())
    (home.config / "orchestrator.yaml").write_text("timezone: Nowhere\n")
    result = run(home, "cost", "import")
    assert (result.returncode, result.stdout, "Nowhere" in result.stderr) == (2, "", True)


def test_the_table_of_other_use_is_for_the_eye_and_changes_nothing(home: Home, folder: Path) -> None:
    assert run(home, "cost", "--other").stdout.startswith("no other use is known; `dayshift cost import`")
    written(folder, line(), line(id="msg_2", at="2026-11-21T00:00:00.000Z"))
    run(home, "cost", "import")
    run(home, "cost", "--other")
    before = everything(home)
    lines = run(home, "cost", "--other").stdout.splitlines()
    assert [each.split()[:3] for each in lines[1:]] == [
        ["2026-11-20", "1", "$0.0050"], ["2026-11-21", "1", "$0.0050"], ["total", "2", "$0.0101"]
    ]  # fmt: skip
    assert everything(home) == before
    assert run(home, "cost", "--other", "--by", "task").returncode == 2
