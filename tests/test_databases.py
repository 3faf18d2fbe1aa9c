"""Known local databases: which files they are, and that nothing in the real sandbox can write one."""

import contextlib
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dayshift.repository import databases
from dayshift.repository.databases import TooMany, Wanted, find, standing
from tests.enclosure import Enclosure, built
from tests.premises import CALLERS, NOBODY

HEADER = b"SQLite format 3\0" + bytes(84)


def made(path: Path, wal: bool = False) -> Path:
    """A real SQLite database of one row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA journal_mode={'wal' if wal else 'delete'}")
        database.execute("CREATE TABLE orders (name TEXT)")
        database.execute("INSERT INTO orders VALUES ('first')")
        database.commit()
    return path


# --- which they are --------------------------------------------------------------------------------

FILES = {
    "dev.db": (HEADER, True),
    "db.sqlite3": (HEADER, True),
    "data/Shop.SQLITE": (HEADER, True),
    "data/new.db": (b"", True),
    "data/dev.db-wal": (b"7\x7f\x06\x82", True),
    "warehouse.duckdb": (bytes(8) + b"DUCK", True),
    "old.mdb": (b"\0\1\0\0Standard Jet DB\0", True),
    "secret.db": (bytes(range(128, 256)), True),
    "zones/example.org.db": (b"$ORIGIN example.org.\n", False),
    "grüße.db": ("ü".encode() * 256 + b"x", False),
    "cut.db": (b"x" + "ü".encode() * 300, False),
    "dump.sql": (b"CREATE TABLE orders;", False),
    "dev.db.py": (HEADER, False),
    "tests/dev.db": (HEADER, False),
    "src/Fixtures/deep/dev.db": (HEADER, False),
    "tmp/dev.db": (HEADER, False),
    "node_modules/package/dev.db": (HEADER, False),
    ".venv/lib/dev.db": (HEADER, False),
    "contest/dev.db": (HEADER, True),
}


def laid_out(tree: Path) -> Path:
    for name, (content, _) in FILES.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(content)
    (tree / "link.db").symlink_to("/etc/passwd")
    (tree / "folder.db").mkdir()
    (tree / "linked").symlink_to(tree / "data")
    return tree


def test_a_database_has_the_name_of_one_and_is_no_text_and_serves_no_test(tmp_path: Path) -> None:
    found = find(laid_out(tmp_path), Wanted())
    assert sorted(found) == sorted(name for name, (_, known) in FILES.items() if known)
    assert found["dev.db"] == (tmp_path / "dev.db").stat().st_ino


def test_the_person_may_add_some_and_take_some_out(tmp_path: Path) -> None:
    found = find(laid_out(tmp_path), Wanted(["tests/*.db", "dump.sql"], ["data/*", "db.sqlite3"]))
    assert {"tests/dev.db", "dump.sql", "dev.db"} <= set(found)
    assert not any(name.startswith("data/") or name == "db.sqlite3" for name in found)


def test_more_than_can_be_bound_are_refused_with_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "MOST", 3)
    with pytest.raises(TooMany, match=r"8 databases .* more than the 3 .*workspace\.databases\.writable"):
        find(laid_out(tmp_path), Wanted(writable=["*.mdb"]))


def test_a_database_is_found_again_wherever_it_was_put(tmp_path: Path) -> None:
    known = find(laid_out(tmp_path), Wanted())
    assert standing(tmp_path, known) == sorted(tmp_path / name for name in known)
    (tmp_path / "data").rename(tmp_path / "aside")
    (tmp_path / "data").symlink_to("aside")
    (tmp_path / "old.mdb").unlink()
    (tmp_path / "old.mdb").write_bytes(HEADER)
    names = [str(path.relative_to(tmp_path)) for path in standing(tmp_path, known)]
    assert "aside/Shop.SQLITE" in names
    assert not any(name.startswith("data/") for name in names)


# --- that they stay as they are --------------------------------------------------------------------

DELETE = "/usr/bin/python3 -c \"import sqlite3; sqlite3.connect('{file}').execute('DELETE FROM orders')\""
ATTEMPTS = {
    "a shell": "echo x > {file}",
    "more at its end": "echo x >> {file}",
    "removed": "rm -f {file}",
    "moved": "mv {file} elsewhere",
    "replaced": "echo x > other && mv -f other {file}",
    "replaced by a link": "ln -sfn /tmp/other {file}",
    "another name": "ln {file} other && echo x > other",
    "emptied": "truncate -s 0 {file}",
    "copied over": "cp README.md {file}",
    "opened for all": "chmod 666 {file}",
    "in place": "sed -i s/first/second/ {file}",
    "dd": "dd if=/dev/zero of={file} bs=1 count=1 conv=notrunc",
    "its folder removed": "rm -rf data",
    "SQLite": DELETE,
    "SQLite with a WAL": DELETE,
    "its folder put aside": "mv data aside && echo x > aside/dev.db",
}
SELECT = "import sqlite3; print(sqlite3.connect('{file}').execute('SELECT * FROM orders').fetchall())"
READING = f'/usr/bin/python3 -c "{SELECT}"'


@pytest.fixture(params=CALLERS)
def house(request: pytest.FixtureRequest) -> Iterator[Enclosure]:
    with built(request.param) as house:
        for wal in (False, True):
            made(house.tree / "data" / ("wal.db" if wal else "dev.db"), wal)
        if house.caller:
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", house.tree / "data"], check=True)
        yield house


def held(house: Enclosure) -> list[bytes]:
    """The databases' content, wherever they are now."""
    return [path.read_bytes() for path in sorted(house.tree.rglob("*.db"))]


def failed(house: Enclosure, around: str = "{}", **facts: object) -> set[str]:
    """Which attempts failed, each tried in the same sandbox."""
    tried = {
        name: script.format(file=f"data/{'wal' if 'WAL' in name else 'dev'}.db") for name, script in ATTEMPTS.items()
    }
    lines = [around.format(f"({script}) >&2 || echo '{name}'") for name, script in tried.items()]
    done = house.inside("\n".join(lines), **facts)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines())


def test_no_way_of_writing_reaches_a_known_database(house: Enclosure) -> None:
    known, before = find(house.tree, Wanted()), held(house)
    assert failed(house, databases=standing(house.tree, known)) == set(ATTEMPTS)
    assert held(house) == before
    names = [str(path.relative_to(house.tree)) for path in standing(house.tree, known)]
    assert names == ["aside/dev.db", "aside/wal.db"], "the last attempt put their folder aside"
    assert house.inside("echo x > aside/dev.db", databases=standing(house.tree, known)).returncode != 0


def test_unprotected_every_one_of_these_ways_works(house: Enclosure) -> None:
    if not house.caller:
        assert failed(house, "cp -a data kept; {}; rm -rf data aside elsewhere other; mv kept data") == set()


def test_a_known_database_can_be_read_and_others_be_made(house: Enclosure) -> None:
    tree = house.tree
    known = find(tree, Wanted())
    for file in known:
        assert house.inside(READING.format(file=file), databases=standing(tree, known)).stdout == "[('first',)]\n"
    making = "import sqlite3; sqlite3.connect('data/own.db').execute('CREATE TABLE own (name)')"
    done = house.inside(f'/usr/bin/python3 -c "{making}" && rm data/own.db', databases=standing(tree, known))
    assert done.returncode == 0, done.stderr


def test_git_and_the_supervisor_go_on_as_usual(house: Enclosure) -> None:
    place = house.place
    known = find(place.repo, Wanted())
    done = house.inside("git status --short && git diff && echo x >> README.md", databases=standing(place.repo, known))
    assert (done.returncode, "?? data/" in done.stdout) == (0, True)
    if not house.caller:
        commit = place.keep("HEAD", "work")
        assert place.project.text("cat-file", "-t", f"{commit}:data/dev.db") == "blob"
        place.remove()
        assert not place.repo.exists()
