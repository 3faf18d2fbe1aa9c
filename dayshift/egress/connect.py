"""A CONNECT request, read within limits, and the answers to it. What else the request says is dropped.

It knows the network's names, since a request is read into one of them or refused.
"""

import asyncio

from dayshift.attempts import Refused
from dayshift.egress import network

HEAD_LIMIT = 16 * 1024  #: of a request's head
HEAD_SECONDS = 10.0

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
UNRECOGNIZED_NAME = bytes([21, 3, 3, 0, 2, 2, 112])  #: the TLS alert, fatal
CURE = "If the work needs it, say so in your summary or ask: the person can add it to `network:`."
ONLY_TLS = "only https passes here, by CONNECT. Write https:// where http:// stands."


class NoWay(Exception):
    """A connection is not made; what the client hears instead, and the refusal that the person is told of, if any."""

    def __init__(self, answer: bytes, words: str, refused: Refused | None = None) -> None:
        super().__init__(words)
        self.answer, self.refused = answer, refused


def no_way(status: int, phrase: str, words: str, refused: Refused | None = None) -> NoWay:
    """An answer in HTTP. The phrase says what it is about as well, since most clients show no more."""
    body = f"dayshift: {words}\n".encode()
    allow = "Allow: CONNECT\r\n" if status == 405 else ""
    head = f"HTTP/1.1 {status} {phrase}\r\n{allow}Content-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
    return NoWay(f"{head}Connection: close\r\n\r\n".encode() + body, words, refused)


def refusal(refused: Refused) -> NoWay:
    """The answer to a connection that may not be made."""
    what = f"{refused.target} is refused: {refused.why}"
    return no_way(403, what, f"{what}. {CURE}", refused)


async def asked(reader: asyncio.StreamReader) -> tuple[str, int]:
    """The host and port that the client wants; NoWay for anything but a CONNECT, EOFError if it hangs up."""
    try:
        async with asyncio.timeout(HEAD_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise no_way(431, "Request Header Fields Too Large", f"more than {HEAD_LIMIT} bytes of headers") from None
    except TimeoutError:
        raise no_way(408, "Request Timeout", "the request did not end in time") from None
    return _destination(head.split(b"\r\n", 1)[0].decode("latin-1").split(" "))


def _destination(words: list[str]) -> tuple[str, int]:
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise no_way(400, "Bad Request", "that is no request of HTTP/1.1")
    if words[0] != "CONNECT":
        raise no_way(405, "Only https passes", ONLY_TLS)
    try:
        return network.destination(words[1])
    except ValueError as error:
        raise no_way(400, "Bad Request", f"CONNECT needs host:port; {error}") from None
