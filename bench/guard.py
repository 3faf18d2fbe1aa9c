"""How fast and how right the guard is on its corpora: `python -m bench.guard`."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from dayshift.guard.judge import judge
from dayshift.guard.policy import Policy
from dayshift.guard.policy_file import load_policy

ROOT = Path(__file__).resolve().parent.parent
CORPORA = ("guard_corpus.jsonl", "guard_corpus_2.jsonl")
ROUNDS = 5


def measured(commands: Sequence[str], policy: Policy) -> tuple[float, float]:
    """Median and 99th percentile of one judgement, in microseconds; each command counts with its best round."""
    best = []
    for command in commands:
        rounds = []
        for _ in range(ROUNDS):
            start = time.perf_counter_ns()
            judge("Bash", {"command": command}, policy)
            rounds.append(time.perf_counter_ns() - start)
        best.append(min(rounds) / 1000)
    best.sort()
    return best[len(best) // 2], best[int(len(best) * 0.99)]


def row(name: str, policy: Policy) -> str:
    """One corpus in one line."""
    cases = [json.loads(line) for line in (ROOT / "tests" / name).read_text(encoding="utf-8").splitlines()]
    median, late = measured([case["command"] for case in cases], policy)
    allowed = [judge("Bash", {"command": case["command"]}, policy).allowed for case in cases]
    to_block = [said for case, said in zip(cases, allowed, strict=True) if case["expect"] == "block"]
    to_allow = [said for case, said in zip(cases, allowed, strict=True) if case["expect"] == "allow"]
    recall, wrong = to_block.count(False) / len(to_block), to_allow.count(False) / len(to_allow)
    return f"{name:22}{len(cases):>10}{median:>12.1f}{late:>10.1f}{recall:>10.2%}{wrong:>14.2%}"


def main() -> None:
    """Print the table."""
    policy = load_policy(ROOT / "config" / "policy.yaml")
    print(f"{'corpus':22}{'commands':>10}{'median µs':>12}{'p99 µs':>10}{'recall':>10}{'wrong blocks':>14}")
    for name in CORPORA:
        print(row(name, policy))


if __name__ == "__main__":
    main()
