"""The torture in its short form, and that it would see what it looks for. DAYSHIFT_SEED repeats a storm."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.acceptance.house import CLEAN, ROOT
from torture.parts import LAST_LINE, Part, part
from torture.provider import Served
from torture.strangers import strangers
from torture.truth import Line, booked_wrongly

SEED = os.environ.get("DAYSHIFT_SEED") or str(random.SystemRandom().randrange(10**9))
SHORT = ["--kills", "60", "--holder-kills", "8", "--reboots", "12"]
SERVED = Served("a", 1, 24_001, "req_1", cost=70, most=90)


@pytest.mark.timeout(900)
def test_nothing_is_lost_doubled_or_left_behind_however_often_the_plug_is_pulled(tmp_path: Path) -> None:
    """It ends with exit code 1 and tells seed, home and every fault otherwise."""
    environment = {**CLEAN, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-m", "torture", "--seed", SEED, *SHORT], cwd=ROOT, env=environment, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize(("lines", "fault"), [
    ([Line(1, "a", 1, 24_001, "settled", 70, "req_1")], ""),
    ([Line(1, "a", 1, 24_001, "estimated", 90, "")], ""),
    ([Line(1, "a", 1, 24_001, "void", 0, ""), Line(2, "a", 1, 24_001, "settled", 70, "req_1")], ""),
    ([], "0 lines"),
    ([Line(1, "a", 1, 24_001, "void", 0, "")], "0 lines"),
    ([Line(1, "a", 1, 24_001, "settled", 70, "req_1"), Line(2, "a", 1, 24_001, "estimated", 90, "")], "2 lines"),
    ([Line(1, "a", 1, 24_001, "settled", 71, "req_1")], "is settled as"),
    ([Line(1, "a", 1, 24_001, "settled", 70, "req_2")], "is settled as"),
    ([Line(1, "a", 1, 24_001, "estimated", 69, "")], "below its price"),
    ([Line(1, "a", 2, 24_001, "settled", 70, "req_1")], "on run 2"),
])  # fmt: skip
def test_a_cost_that_is_lost_doubled_or_wrong_is_seen(lines: list[Line], fault: str) -> None:
    told = " ".join(booked_wrongly(SERVED, lines))
    assert fault in told
    assert bool(fault) == bool(told)


def test_a_signal_to_a_stranger_is_seen(tmp_path: Path) -> None:
    with strangers(tmp_path, 3) as (calm, warned, killed):
        warned.process.send_signal(signal.SIGTERM)
        killed.process.kill()
        killed.process.wait()
        deadline = time.monotonic() + 10
        while not warned.harm() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert (calm.harm(), killed.harm()) == ("", "it died of -9")
        assert f"signal 15 from {os.getpid()}" in warned.harm()


def played(each: Part, answer: str = "left") -> list[dict[str, object]]:
    """A whole conversation of that part, every call of which goes well."""
    messages: list[dict[str, object]] = [{"role": "user", "content": [{"type": "text", "text": "Do it."}]}]
    while (blocks := [dict(block) for block in each.next(messages).blocks])[-1]["type"] == "tool_use" or len(
        messages
    ) < 2:
        blocks[-1]["id"] = f"toolu_{len(messages)}"
        said = (
            f"the person's answer to your question: {answer}\nGo on with it."
            if "Ask" in blocks[-1]["name"]
            else "exit 0"
        )
        messages.append({"role": "assistant", "content": blocks})
        result = {"type": "tool_result", "tool_use_id": blocks[-1]["id"], "is_error": "Ask" in blocks[-1]["name"]}
        messages.append({"role": "user", "content": [{**result, "content": said}]})
    return messages


def test_a_part_goes_on_from_wherever_its_conversation_was_cut() -> None:
    chosen = (part("task-001", random.Random(seed), "/w", 6) for seed in range(100))
    asking = next(each for each in chosen if any(step.kind == "ask" for step in each.steps))
    whole = played(asking)
    assert asking.next(whole).blocks[-1]["text"] == "All of it is done."
    assert LAST_LINE in str(whole[-2])
    assert [answer for _, answer in asking.answers(whole)] == ["left"]
    for cut in range(1, len(whole), 2):  # behind each result, and with a call that was talked over
        again = asking.next(whole[:cut])
        assert again.blocks[-1]["input"] == whole[cut]["content"][-1]["input"]  # type: ignore[index]
