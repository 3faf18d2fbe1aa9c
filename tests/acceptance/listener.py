"""An HTTP server on loopback for the length of a block, in a thread of its own: what daemons take for the provider."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping

from aiohttp import web

LONGEST = 64 << 20  #: bytes of a request
PATIENCE = 10.0  #: seconds for it to begin, and to end

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.contextmanager
def listening(posts: Mapping[str, Handler], loop: asyncio.AbstractEventLoop) -> Iterator[str]:
    """Answer what is posted to these paths, on a free port of 127.0.0.1; which address that is. It ends the loop."""
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(_started(posts), loop).result(PATIENCE)
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        asyncio.run_coroutine_threadsafe(_stop(runner), loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _started(posts: Mapping[str, Handler]) -> web.AppRunner:
    app = web.Application(client_max_size=LONGEST)
    for path, handler in posts.items():
        app.router.add_post(path, handler)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner


async def _stop(runner: web.AppRunner) -> None:
    """Whatever is still held lets go."""
    await runner.cleanup()
    held = asyncio.all_tasks() - {asyncio.current_task()}
    for task in held:
        task.cancel()
    await asyncio.gather(*held, return_exceptions=True)
