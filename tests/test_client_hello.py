"""The first words of a TLS client: real hellos are read, anything else is refused without harm."""

import contextlib
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayshift.egress.client_hello import LONGEST, RECORD_HEAD, Hello, complete, read, record_length


def spoken(name: str | None) -> bytes:
    """What a real client says at first."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def message(data: bytes) -> bytes:
    assert record_length(data[:RECORD_HEAD]) == len(data) - RECORD_HEAD
    return data[RECORD_HEAD:]


HELLO = message(spoken("packages.example.org"))


def with_extensions(*extensions: tuple[int, bytes]) -> bytes:
    """A hello that is as short as one can be, with these extensions."""
    listed = b"".join(kind.to_bytes(2) + len(body).to_bytes(2) + body for kind, body in extensions)
    body = bytes(34) + b"\0" + b"\0\2\x13\1" + b"\1\0" + len(listed).to_bytes(2) + listed
    return b"\1" + len(body).to_bytes(3) + body


def names(*listed: bytes, kind: int = 0) -> bytes:
    body = b"".join(bytes([kind]) + len(each).to_bytes(2) + each for each in listed)
    return len(body).to_bytes(2) + body


def test_a_real_hello_says_its_host() -> None:
    assert complete(HELLO)
    assert read(HELLO) == Hello("packages.example.org")
    assert read(message(spoken(None))) == Hello(None)


def test_a_hello_is_complete_with_its_last_byte() -> None:
    assert [complete(HELLO[:length]) for length in range(len(HELLO))] == [False] * len(HELLO)
    assert complete(HELLO + b"more")


def test_a_second_name_that_is_hidden_is_seen() -> None:
    hidden = with_extensions((0, names(b"packages.example.org")), (0xFE0D, b"anything"))
    assert read(hidden) == Hello("packages.example.org", hidden=True)


@pytest.mark.parametrize(
    "extensions",
    [
        [(0, names(b"a.example.org")), (0, names(b"b.example.org"))],
        [(0, names(b"a.example.org", b"b.example.org"))],
        [(0, names(b"a.example.org", kind=1))],
        [(0, names("ä.example.org".encode()))],
        [(0, b"")],
        [(0, b"\0\xffab")],
    ],
    ids=["twice", "two names", "no name of a host", "not ascii", "empty", "too short"],
)
def test_a_hello_with_no_single_name_is_refused(extensions: list[tuple[int, bytes]]) -> None:
    with pytest.raises(ValueError, match="hello"):
        read(with_extensions(*extensions))


@pytest.mark.parametrize(
    "head",
    [b"GET /", b"SSH-2", b"\0\0\0\x08\4", b"\x16\2\0\0\5", b"\x17\3\3\0\5", b"\x16\3\1\0\0", b"\x16\3\1\xff\xff"],
    ids=["http", "ssh", "postgres", "another protocol", "data", "empty", "too long"],
)
def test_what_is_no_handshake_is_refused_by_its_first_bytes(head: bytes) -> None:
    with pytest.raises(ValueError, match="no TLS handshake"):
        record_length(head)


def test_what_is_no_hello_or_too_long_is_refused_before_it_has_come() -> None:
    for start in (b"\2\0\0\5", b"\1" + (LONGEST + 1).to_bytes(3)):
        with pytest.raises(ValueError, match="no hello of a TLS client"):
            complete(start)


@given(st.data())
def test_no_bytes_do_more_than_to_be_refused(data: st.DataObject) -> None:
    """Cut, changed or invented: a Hello, or ValueError."""
    start = data.draw(st.integers(0, len(HELLO)))
    changed = HELLO[:start] + data.draw(st.binary(max_size=80)) + HELLO[start + data.draw(st.integers(0, 40)) :]
    with contextlib.suppress(ValueError):
        assert isinstance(read(changed), Hello)
