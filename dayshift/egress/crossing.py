"""Two connections joined: every byte passes on, at the pace of the slower side, until both have said all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

CHUNK = 64 * 1024
HELD = 256 * 1024  #: bytes held of what the other side has not taken yet
IDLE_SECONDS = 300.0  #: without a byte in either direction
LAST_SECONDS = 60.0  #: the same, once one side has said all
ENDING_SECONDS = 5.0  #: for what is held to leave


@dataclass(frozen=True, slots=True)
class Stream:
    """One connection, both ways."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


@asynccontextmanager
async def ending(stream: Stream) -> AsyncIterator[Stream]:
    """The connection for the block, closed at its end; what is held may then still leave, unless something broke."""
    try:
        yield stream
        stream.writer.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDING_SECONDS):
                await stream.writer.wait_closed()
    finally:
        stream.writer.transport.abort()


class Crossing:
    """Carries between the agent's side and the world's, and counts."""

    def __init__(self, inside: Stream, outside: Stream) -> None:
        self._inside, self._outside = inside, outside
        self._idle = IDLE_SECONDS
        self.sent = self.received = 0

    async def carry(self, first: bytes) -> None:
        """Send what was read already, then all that comes. OSError or TimeoutError if a side breaks off."""
        for each in (self._inside, self._outside):
            each.writer.transport.set_write_buffer_limits(HELD)
        self.sent += len(first)
        self._outside.writer.write(first)
        async with asyncio.timeout(self._idle) as patience:
            out = asyncio.create_task(self._flow(self._inside, self._outside, patience))
            back = asyncio.create_task(self._flow(self._outside, self._inside, patience))
            try:
                done, _ = await asyncio.wait({out, back}, return_when=asyncio.FIRST_EXCEPTION)
            finally:
                out.cancel()
                back.cancel()
                await asyncio.gather(out, back, return_exceptions=True)
        for ended in done:
            ended.result()

    async def _flow(self, origin: Stream, target: Stream, patience: asyncio.Timeout) -> None:
        while chunk := await origin.reader.read(CHUNK):
            if origin is self._inside:
                self.sent += len(chunk)
            else:
                self.received += len(chunk)
            self._moved(patience)
            target.writer.write(chunk)
            await target.writer.drain()
            self._moved(patience)
        target.writer.write_eof()
        self._idle = LAST_SECONDS
        self._moved(patience)

    def _moved(self, patience: asyncio.Timeout) -> None:
        patience.reschedule(asyncio.get_running_loop().time() + self._idle)
