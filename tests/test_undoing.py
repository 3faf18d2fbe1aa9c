"""An acceptance taken back: the tree is as it was to the byte, and what the person made since stays."""

import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dayshift import records
from dayshift.model import Record
from dayshift.reviewing import undoing
from dayshift.reviewing.passage import Refused
from tests.house import NINE
from tests.shop import KINDS, LINES, Edit, Shop, fingerprint, line, shell, write
from tests.test_landing import MANY, killed_at


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def accepted(shop: Shop, worked: Record) -> Record:
    shop.accept(worked)
    return replace(worked, review="accepted", reviewed_at=NINE)


def undone(shop: Shop, taken: Record) -> list[str]:
    return undoing.undo(shop.home, taken, NINE)


def refuses(shop: Shop, taken: Record) -> str:
    """Why; and every byte of the tree and of its git directory is as it was."""
    before = fingerprint(shop.tree)
    with pytest.raises(Refused) as refused:
        undone(shop, taken)
    assert fingerprint(shop.tree) == before
    return str(refused.value)


# --- to the byte -------------------------------------------------------------------------------------

#: What the person had in the tree before, of every kind that git does not keep, and what meets no kind of change.
MINE = shell(
    "chmod 600 lib/a.py; chmod 604 run.sh; chmod 700 src lib; chmod 640 README.md; mkdir -p docs/deep 'grüße wörld';"
    "chmod 750 docs 'grüße wörld'; echo mine > notes; git rm -q --cached dos.txt; git add notes; echo more >> notes"
)
MORE: list[Edit] = [line(3, "theirs"), write("docs/page.md", "new\n"), write("docs/deep/er/page.md", "new\n"),
                    shell("rm lib/a.py; echo 'exit 1' >> run.sh")]  # fmt: skip


@pytest.mark.parametrize("kind", [*KINDS, "more"])
def test_what_was_accepted_and_taken_back_leaves_the_tree_as_it_was_to_the_byte(shop: Shop, kind: str) -> None:
    worked = shop.works(*KINDS.get(kind, MORE))
    MINE(shop.tree)
    if kind == "more":
        shell("mkdir lib/empty; chmod 600 src/orders.py; git add --all")(shop.tree)
        line(18, "mine")(shop.tree)
    before = fingerprint(shop.tree)
    taken = accepted(shop, worked)
    assert fingerprint(shop.tree) != before
    assert undone(shop, taken) == [f"a: no longer accepted; its changes are out of {shop.tree}"]
    assert fingerprint(shop.tree) == before


def test_what_was_taken_back_is_accepted_again_whatever_the_receipt_says(shop: Shop) -> None:
    worked = shop.works(line(3, "theirs"))
    before = fingerprint(shop.tree)
    undone(shop, accepted(shop, worked))
    line(18, "mine")(shop.tree)
    taken = accepted(shop, worked)
    assert "theirs\n" in shop.text("src/orders.py")
    undone(shop, taken)
    shell("git checkout -q src")(shop.tree)
    assert shop.files() == {path: facts for path, facts in before.items() if not path.startswith(".git")}


def test_line_endings_that_git_would_even_out_come_back_as_they_were(shop: Shop) -> None:
    write(".gitattributes", "*.txt text\n*.py text eol=crlf\n")(shop.tree)
    shop.commits("attributes")
    worked = shop.works(write("dos.txt", "one\ntwo\nfour\n"), line(3, "theirs"))
    write("dos.txt", "one\r\ntwo\nthree\r\n")(shop.tree)
    write("src/orders.py", LINES.replace("line 9\n", "line 9\r\n"))(shop.tree)
    before = fingerprint(shop.tree)
    undone(shop, accepted(shop, worked))
    assert fingerprint(shop.tree) == before


def test_a_submodule_in_the_project_stays_as_it_is(shop: Shop, tmp_path: Path) -> None:
    shell(f"git init -q {tmp_path}/part; cd {tmp_path}/part; git commit -q --allow-empty -m x")(tmp_path)
    shell(f"git -c protocol.file.allow=always submodule add -q {tmp_path}/part part")(shop.tree)
    shop.commits("with a part")
    worked = shop.works(line(3, "theirs"), write("beside/part", "x\n"))
    write("part/mine.txt", "x\n")(shop.tree)
    before = fingerprint(shop.tree)
    undone(shop, accepted(shop, worked))
    assert fingerprint(shop.tree) == before


def test_odd_rights_of_a_program_come_back(shop: Shop) -> None:
    shell("chmod +x run.sh; git commit -qam runs")(shop.tree)
    worked = shop.works(shell("echo true >> run.sh; chmod -x run.sh"), shell("rm -r lib"))
    shell("chmod 744 run.sh; chmod 600 lib/a.py")(shop.tree)
    before = fingerprint(shop.tree)
    undone(shop, accepted(shop, worked))
    assert fingerprint(shop.tree) == before


def test_a_task_that_changed_nothing_is_taken_back_with_a_word(shop: Shop) -> None:
    assert undone(shop, accepted(shop, shop.works())) == ["a: no longer accepted; it had changed no file"]


# --- what the person made since ----------------------------------------------------------------------


def test_what_the_person_made_since_stays(shop: Shop) -> None:
    worked = shop.works(line(3, "theirs"), line(1, "theirs", "lib/a.py"), write("new.txt", "x\n"))
    taken = accepted(shop, worked)
    shell("git add --all; git commit -qm accepted; rm new.txt")(shop.tree)
    line(18, "mine")(shop.tree)
    write("notes.txt", "mine\n")(shop.tree)
    shell("chmod 700 src/orders.py; rm lib/a.py; echo 'A = 1' > lib/a.py")(shop.tree)
    undone(shop, taken)
    assert shop.text("src/orders.py") == LINES.replace("line 18\n", "mine\n")
    assert (shop.text("lib/a.py"), shop.text("notes.txt")) == ("A = 1\n", "mine\n")
    assert (shop.tree / "src/orders.py").stat().st_mode & 0o777 == 0o700
    assert not (shop.tree / "new.txt").exists()


def test_what_was_edited_in_a_renamed_file_goes_back_with_it(shop: Shop) -> None:
    taken = accepted(shop, shop.works(shell("mv src/old.py src/new.py")))
    line(5, "mine", "src/new.py")(shop.tree)
    undone(shop, taken)
    assert "mine\n" in shop.text("src/old.py") and not (shop.tree / "src/new.py").exists()


#: What the task did, what the person did since, and what is said of it.
MET: list[tuple[Edit, Edit, str]] = [
    (line(3, "theirs"), line(3, "mine"), "src/orders.py: you changed the same lines since"),
    (write("new.txt", "x\n"), write("new.txt", "mine\n"), "new.txt: was made by it, but you changed it since"),
    (shell("rm lib/a.py"), write("lib/a.py", "mine\n"), "lib/a.py: was removed by it, but lies in your tree again"),
    (write("README.md", "x\n"), shell("rm README.md"), "README.md: was changed by it, but you removed or moved it"),
    (write("logo.bin", b"\0a"), write("logo.bin", b"\0b"), "logo.bin: you changed the same lines since"),
    (shell("rm run.sh"), shell("mkdir run.sh; touch run.sh/x"), "run.sh: is a folder in your tree, with run.sh/x"),
]


def test_what_has_met_the_persons_own_is_refused_and_named_and_no_byte_has_changed(shop: Shop) -> None:
    *most, (_, a_folder, said_of_it) = MET
    taken = accepted(shop, shop.works(*(theirs for theirs, _, _ in MET), write("docs/goes.md", "x\n")))
    for _, mine, _ in most:
        mine(shop.tree)
    said = refuses(shop, taken)
    assert [why for _, _, why in most if f"    {why}" not in said] == []
    assert "goes.md" not in said and "git apply --3way --reverse" in said
    a_folder(shop.tree)
    assert said_of_it in refuses(shop, taken)


def test_of_an_acceptance_of_which_nothing_is_kept_the_tasks_own_changes_go_out(shop: Shop) -> None:
    """As it was accepted by a version before."""
    taken = accepted(shop, shop.works(line(3, "theirs")))
    line(18, "mine")(shop.tree)
    shutil.rmtree(shop.home.reviews)
    undone(shop, taken)
    assert shop.text("src/orders.py") == LINES.replace("line 18\n", "mine\n")


@pytest.mark.parametrize(("review", "why"), [("pending", "a was not reviewed; there is nothing to take back")])
def test_what_was_not_accepted_is_not_taken_back(shop: Shop, review: str, why: str) -> None:
    assert why in refuses(shop, replace(shop.works(line(3, "theirs")), review=review))


# --- cut short ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", [0, 2, 4])
def test_what_was_cut_short_between_two_files_is_finished_by_the_next_call(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    worked = shop.works(*MANY)
    line(18, "mine")(shop.tree)
    before = fingerprint(shop.tree)
    taken = accepted(shop, worked)
    with killed_at(monkeypatch, moment):
        undone(shop, taken)
    undone(shop, taken)
    assert fingerprint(shop.tree) == before
    shell("echo since >> README.md")(shop.tree)
    undone(shop, taken)  # once more, as after a crash between the tree and the record: nothing more to do
    assert shop.text("README.md").endswith("since\n")


def test_what_was_edited_after_the_cut_stays(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = accepted(shop, shop.works(line(3, "theirs"), line(1, "also", "README.md")))
    with killed_at(monkeypatch, 1):
        undone(shop, taken)
    line(18, "mine")(shop.tree)
    undone(shop, taken)
    assert shop.text("src/orders.py") == LINES.replace("line 18\n", "mine\n")
    assert shop.text("README.md") == "# Shop\n"


def test_after_an_edit_between_two_parts_of_the_acceptance_only_the_tasks_own_changes_go_out(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked = shop.works(line(3, "theirs"), line(3, "theirs", "src/old.py"))
    with killed_at(monkeypatch, 1):
        shop.accept(worked)
    for each in ("src/old.py", "src/orders.py"):
        shell(f"echo mine >> {each}")(shop.tree)
    undone(shop, accepted(shop, worked))
    assert (shop.text("src/orders.py"), shop.text("src/old.py")) == (LINES + "mine\n", LINES.upper() + "mine\n")


SLOWED = """
import sys, time
from pathlib import Path
from dayshift import records
from dayshift.reviewing import landing, undoing
from dayshift.home import Home
from tests.house import NINE
put = landing._put
def slow(*given):
    put(*given)
    print("put", flush=True)
    time.sleep(60)
landing._put = slow
home = Home(Path(sys.argv[1]))
undoing.undo(home, records.load_all(home)[0]["a"], NINE)
"""


def test_killed_in_the_middle_of_taking_back_it_is_finished_by_the_next(shop: Shop) -> None:
    worked = shop.works(*MANY)
    before = fingerprint(shop.tree)
    taken = accepted(shop, worked)
    records.save(shop.home, taken)
    words = [sys.executable, "-c", SLOWED, str(shop.home.root)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent) as process:
        assert process.stdout is not None and process.stdout.readline() == b"put\n"
        process.send_signal(signal.SIGKILL)
    assert fingerprint(shop.tree) != before and list(shop.tree.glob(".dayshift-accept-a-*"))
    undone(shop, taken)
    assert fingerprint(shop.tree) == before
