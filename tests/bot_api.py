"""A Bot API server on loopback that answers, checks and fails as Telegram's does.

In a test's own event loop: `async with BotApi().running() as api`.
Beside a real daemon: `with BotApi().serving() as api`.
"""

import asyncio
import contextlib
import json
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web
from aiohttp.web_request import FileField

from tests.bot_chats import BOT
from tests.bot_markup import Refused
from tests.bot_methods import METHODS, Blocked, Methods, Superseded

TOKEN = f"{BOT}:AAE-the-secret-half-of-the-token-000"


@dataclass(frozen=True, slots=True)
class Fault:
    """How a request fails. `cut`: the socket, before the request is obeyed, in the middle of the answer, or after
    the request was obeyed and nothing was answered."""

    status: int = 0
    description: str = ""
    retry_after: int = 0
    cut: str = ""


CONFLICT = Fault(
    409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
)
BAD_GATEWAY = Fault(502)
CUT_BEFORE, CUT_WHILE, CUT_AFTER = Fault(cut="before"), Fault(cut="while"), Fault(cut="after")


def flood(seconds: int) -> Fault:
    """Too many requests, to be repeated after that many seconds."""
    return Fault(429, f"Too Many Requests: retry after {seconds}", seconds)


@dataclass(slots=True)
class Call:
    """One request as it arrived."""

    method: str
    parameters: dict[str, Any]
    at: float = field(default_factory=time.monotonic)
    status: int | None = None  #: as answered; None: not, or not yet


class BotApi(Methods):
    """The server, with what goes on in its chats."""

    def __init__(self, chats: Sequence[int] = (42,), token: str = TOKEN) -> None:
        super().__init__(chats)
        self.token = token
        self.calls: list[Call] = []
        self.url = ""
        self._faults: list[tuple[str, Fault, int | None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runner: web.AppRunner | None = None
        self._port = 0

    # --- running --------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen; after a stop on the same port as before."""
        self._loop, self._news = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=60_000_000)
        app.router.add_get("/file/bot{token}/{path:.+}", self._download)
        app.router.add_route("*", "/bot{token}/{method}", self._receive)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        assert site._server is not None
        self._port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        self.url = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        """Nobody listens on the port any more; held requests end."""
        runner, self._runner = self._runner, None
        self._poll += 1
        self._news.set()
        if runner is not None:
            await runner.cleanup()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Listen for the block, in this event loop."""
        await self.start()
        try:
            yield self
        finally:
            await self.stop()

    @contextlib.contextmanager
    def serving(self) -> Iterator[Self]:
        """Listen for the block, in a thread of its own."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.start(), loop).result(10)
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self.stop(), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def environment(self, user: int = 42) -> dict[str, str]:
        """What leads a daemon here."""
        return {"TELEGRAM_BOT_TOKEN": self.token, "TELEGRAM_CHAT_ID": str(user), "TELEGRAM_BASE_URL": self.url}

    def wake(self) -> None:
        """Answer the request that is held."""
        if self._loop is not None and self._runner is not None:
            self._loop.call_soon_threadsafe(lambda: self._news.set())

    # --- for a test to read and to break --------------------------------------------------------------

    def fails(self, fault: Fault, times: int | None = 1, method: str = "") -> None:
        """The next requests (of that method) fail so; `times=None`: until `heals`."""
        self._faults.append((method, fault, times))

    def heals(self) -> None:
        """No request fails any more."""
        self._faults.clear()

    @property
    def failing(self) -> bool:
        """Whether the next request of some method still fails."""
        return bool(self._faults)

    def called(self, method: str) -> list[Call]:
        """The requests of that method, in order."""
        return [call for call in list(self.calls) if call.method == method]

    def waits(self, happened: Callable[[], object], seconds: float = 20) -> None:
        """Block until it has; for a server in a thread of its own."""
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline, self._told()
            time.sleep(0.01)

    async def comes(self, happened: Callable[[], object], seconds: float = 20) -> None:
        """Wait until it has; for a server in the test's own event loop."""
        deadline = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < deadline, self._told()
            await asyncio.sleep(0.002)

    def _told(self) -> str:
        last = "\n".join(f"{call.method} {call.parameters} -> {call.status}" for call in self.calls[-10:])
        return f"it did not happen; the last requests were\n{last}"

    # --- the wire -------------------------------------------------------------------------------------

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        if request.match_info["token"] != self.token:
            return _refusal(*self._wrong_token(request.match_info["token"]))
        call = Call(method, await _parameters(request))
        self.calls.append(call)
        fault = self._fault(method)
        if fault.cut == "before":
            return _cut(request)
        if fault.status:
            call.status = fault.status
            return _failed(fault)
        response = await self._answer(call)
        if fault.cut == "after":
            return _cut(request)
        call.status = response.status
        return await _half(request, response) if fault.cut == "while" else response

    def _wrong_token(self, token: str) -> tuple[int, str]:
        return (401, "Unauthorized") if re.fullmatch(r"\d+:[\w-]{30,}", token) else (404, "Not Found")

    def _fault(self, method: str) -> Fault:
        for place, (of, fault, times) in enumerate(self._faults):
            if of in ("", method):
                if times is not None:
                    self._faults[place] = (of, fault, times - 1)
                    self._faults = [each for each in self._faults if each[2] != 0]
                return fault
        return Fault()

    async def _answer(self, call: Call) -> web.Response:
        if call.method not in METHODS:
            return _refusal(404, "Not Found")
        try:
            return web.json_response({"ok": True, "result": await self.obey(call.method, call.parameters)})
        except Refused as refusal:
            return _refusal(400, f"Bad Request: {refusal}")
        except Blocked as refusal:
            return _refusal(403, f"Forbidden: {refusal}")
        except Superseded:
            return _failed(CONFLICT)

    async def _download(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["token"] != self.token:
            return _refusal(*self._wrong_token(request.match_info["token"]))
        self.calls.append(Call("download", {"path": request.match_info["path"]}))
        fault = self._fault("download")
        if fault.cut in ("before", "after"):
            return _cut(request)
        if fault.status:
            return _failed(fault)
        content = self.files.get(request.match_info["path"].removeprefix("documents/"))
        response = _refusal(404, "Not Found") if content is None else web.Response(body=content)
        return await _half(request, response) if fault.cut == "while" else response


async def _parameters(request: web.Request) -> dict[str, Any]:
    """What was asked for, from the address and from a body of any of the kinds Telegram takes."""
    found: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        found |= await request.json()
    else:
        for name, value in (await request.post()).items():
            found[name] = (value.filename, value.file.read()) if isinstance(value, FileField) else value
    return found


# --- answers that are none --------------------------------------------------------------------------


def _refusal(status: int, description: str, parameters: Mapping[str, Any] | None = None) -> web.Response:
    body = {"ok": False, "error_code": status, "description": description}
    return web.json_response({**body, **({"parameters": parameters} if parameters else {})}, status=status)


def _failed(fault: Fault) -> web.Response:
    if not fault.description:
        page = f"<html>\r\n<head><title>{fault.status}</title></head>\r\n<body>nginx</body>\r\n</html>\r\n"
        return web.Response(text=page, status=fault.status, content_type="text/html")
    after = {"retry_after": fault.retry_after} if fault.retry_after else None
    return _refusal(fault.status, fault.description, after)


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _half(request: web.Request, whole: web.Response) -> web.StreamResponse:
    """The first half of an answer, and then no socket."""
    body = bytes(whole.body) if isinstance(whole.body, bytes | bytearray) else b""
    response = web.StreamResponse(status=whole.status, headers={"Content-Type": whole.content_type})
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.abort()
    return response


def main() -> None:
    """Serve until interrupted, for a look at it by hand."""
    with BotApi().serving() as api:
        print(json.dumps(api.environment()), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
