"""Documents that nobody should write: read within limits and moments, refused with a place, or taken for what they say.

`DAYSHIFT_DOCUMENTS=100000 python -m pytest -p no:xdist -s tests/test_hostile_documents.py` tries so many.
"""

import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dayshift import files
from dayshift.inputs import document_shape, document_yaml, documents
from dayshift.inputs.documents import BadDocument
from dayshift.inputs.settings import Settings

TRIED = int(os.environ.get("DAYSHIFT_DOCUMENTS", "150"))
SECONDS = 5.0  #: for a single document on a busy machine

HOSTILE: dict[str, bytes] = {
    "an alias bomb": b"a: &a [x, x]\n"
    + b"".join(b"%c: &%c [*%c, *%c]\n" % (n, n, n - 1, n - 1) for n in range(98, 122)),
    "an alias of itself": b"a: &a [*a]\n",
    "nested lists": b"[" * 250_000,
    "nested mappings": b"{a: " * 60_000,
    "nested by indentation": b"".join(b" " * n + b"a:\n" for n in range(600)),
    "nested, and a star": b'"*.": 1\nb: ' + b"[" * 250_000,
    "a million brackets": b"[" * 10**6,
    "a key twice": b"max_agents: 1\nmax_agents: 2\n",
    "no UTF-8": b"max_agents: \xff\xfe\n",
    "UTF-16": "max_agents: 1\n".encode("utf-16"),
    "a nought": b"max_agents: 1\0\n",
    "a tag that makes things": b"!!python/object/apply:os.system [echo]\n",
    "two documents": b"a: 1\n---\nb: 2\n",
    "a merge": b"a: &a {b: 1}\nc:\n  <<: *a\n",
    "a key that is a list": b"? [a, b]\n: 1\n",
    "many anchors": b"".join(b"a%d: &a%d 1\n" % (n, n) for n in range(10_000)),
    "many keys": b"".join(b"a%d: 1\n" % n for n in range(20_000)),
    "one long line": b"a: " + b"x " * 120_000,
    "quotes without end": b'a: "' + b"x" * 200_000,
    "a block that never ends": b"a: |\n" + b"  x\n" * 60_000,
    "percent signs": b"%" * 200_000,
    "colons": b": " * 100_000,
    "question marks": b"? " * 100_000,
    "dashes": b"- " * 100_000,
    "tabs": b"\t" * 200_000,
    "stars": b"*." * 100_000,
}


def problems(path: Path) -> list[str]:
    """What is said of settings that are so written; nothing if they hold."""
    try:
        data, lines = document_yaml.load(path)
        document_shape.validate(Settings, data if data is not None else {}, lines, str(path))
    except BadDocument as error:
        assert error.problems and len(error.problems) <= documents.PROBLEMS_TOLD + 1
        return [str(each) for each in error.problems]
    return []


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_document_is_refused_in_a_moment_with_its_place(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "orchestrator.yaml"
    path.write_bytes(content)
    began = time.process_time()
    found = problems(path)
    assert time.process_time() - began < SECONDS
    assert found and all(line.startswith(str(path)) and len(line) < 2000 for line in found)


@pytest.mark.parametrize("size", [files.SIZE_LIMIT + 1, 100 << 20, 10 << 30])
def test_a_huge_document_is_refused_unread(tmp_path: Path, size: int) -> None:
    path = tmp_path / "orchestrator.yaml"
    with path.open("wb") as file:
        file.truncate(size)
    began = time.process_time()
    assert problems(path) == [f"{path}: orchestrator.yaml is larger than 256 KiB; give a text file of at most 256 KiB"]
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("target", ["/dev/zero", "/dev/tty", "/proc/self/mem"])
def test_a_link_to_what_is_no_file_is_refused_at_once(tmp_path: Path, target: str) -> None:
    path = tmp_path / "orchestrator.yaml"
    path.symlink_to(target)
    assert problems(path)


def test_a_document_that_is_a_fifo_waits_for_nobody(tmp_path: Path) -> None:
    path = tmp_path / "orchestrator.yaml"
    os.mkfifo(path)
    assert "is not a regular file" in problems(path)[0]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "orchestrator.yaml"
    path.write_bytes(b"\xef\xbb\xbfmax_agents: 3\n")
    assert document_yaml.load(path)[0] == {"max_agents": 3} and problems(path) == []


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf", "1e999", "-1e999", "NaN", "1e400", "0x7f", "9" * 5000])
@pytest.mark.parametrize("key", ["max_agents: {}", "budget: {{daily_usd: {}}}", "limits: {{memory_gb: {}}}"])
def test_no_number_without_measure_becomes_a_setting(tmp_path: Path, key: str, value: str) -> None:
    path = tmp_path / "orchestrator.yaml"
    path.write_text(key.format(value) + "\n")
    assert problems(path)


# --- whatever -----------------------------------------------------------------------------------------

TOKENS = st.sampled_from([
    "max_agents", "budget", "daily_usd", "limits", "tasks", "a", ": ", ":", "\n", "\n  ", "\n    ", "- ", "[", "]", "{",
    "}", ",", "&a ", "*a", "*.", "!!int ", "!", '"', "'", "|", ">", "#", "%", "---\n", "...\n", "? ", "~", "null",
    "true", "1", "-1", "1e999", ".nan", "\t", "\ufeff", "\x00", "\x85", "\u2028", "ü", "\U0001f600", "<<: ", "=", "0o7",
    "2026-11-20",
])  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def _yaml(value: Any) -> str:
    import yaml

    return yaml.safe_dump(value, allow_unicode=True)


DOCUMENTS = st.one_of(
    st.lists(TOKENS, max_size=60).map("".join).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=200),
    VALUES.map(_yaml).map(lambda text: text.encode("utf-8", "replace")),
)


def numbers(value: Any) -> Iterator[float]:
    """Every number in the data, however deep."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from numbers(each)
    if isinstance(value, float):
        yield value


@settings(max_examples=TRIED, deadline=None, suppress_health_check=list(HealthCheck))
@given(content=DOCUMENTS)
def test_any_document_is_read_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    for line in problems(path):
        assert line.startswith(str(path))
    try:
        data, _ = document_yaml.load(path)
    except BadDocument:
        return
    assert not any(math.isnan(each) for each in numbers(data))
