"""The scripted model in the test's own process, so that a real day meets it and the test sees what arrives there."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dayshift.rehearsing.rehearsal import Rehearsal
from dayshift.rehearsing.written_turns import parse_turns
from tests.conftest import stopped

KEY = "sk-ant-the-real-key"
PART = "part"  #: every task of a real day has the same upstream, so all play one part


class Model:
    """The upstream of a real day."""

    def __init__(self) -> None:
        self.server = Rehearsal()

    @contextlib.contextmanager
    def serving(self) -> Iterator["Model"]:
        """Listen for the block, in a thread of its own."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.server.start(), loop).result(10)
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(stopped(self.server), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def plays(self, workspace: Path, turns: Sequence[Mapping[str, Any]]) -> None:
        places = {"workspace": str(workspace), "repo": str(workspace / "repo")}
        self.server.play(PART, parse_turns(turns), places)

    def environment(self, cli: Path) -> dict[str, str]:
        """What makes a day a real one that meets this model."""
        return {
            "ANTHROPIC_BASE_URL": f"{self.server.url}/{PART}",
            "ANTHROPIC_API_KEY": KEY,
            "DAYSHIFT_AGENT__CLI": str(cli),
        }

    @property
    def heard(self) -> str:
        """Everything that was said to the model, as text."""
        return "\n".join(json.dumps(seen.body, ensure_ascii=False) for seen in self.server.requests)

    @property
    def results(self) -> list[str]:
        """The tool results of the longest conversation, in order."""
        longest: list[dict[str, Any]] = max(
            (seen.body["messages"] for seen in self.server.requests), key=len, default=[]
        )
        blocks = [block for message in longest if isinstance(message["content"], list) for block in message["content"]]
        return [_text(block["content"]) for block in blocks if block.get("type") == "tool_result"]


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "\n".join(str(block.get("text", "")) for block in content)
