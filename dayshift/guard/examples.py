"""The examples that stand beside the rules of a policy, judged."""

from collections.abc import Iterator

from dayshift.attempts import Verdict
from dayshift.guard.judge import judge
from dayshift.guard.policy import Policy, Rule


def check_examples(policy: Policy) -> list[str]:
    """The examples in the policy that are not judged as their rule says, one line each."""
    return [line for rule in policy.rules.values() for line in _wrong(rule, policy)]


def _wrong(rule: Rule, policy: Policy) -> Iterator[str]:
    for example in rule.match:
        verdict = _judged(rule, example, policy)
        if verdict.rule != rule.id:
            yield f"{rule.id}: match: should refuse {example!r}, but {_outcome(verdict)}; correct one of them"
    for example in rule.no_match:
        verdict = _judged(rule, example, policy)
        if not verdict.allowed:
            yield f"{rule.id}: no_match: should not refuse {example!r}, but {_outcome(verdict)}; correct one of them"


def _judged(rule: Rule, example: str, policy: Policy) -> Verdict:
    if rule.of_paths:
        return judge("Write", {"file_path": example}, policy)
    return judge("Bash", {"command": example}, policy)


def _outcome(verdict: Verdict) -> str:
    return "it is allowed" if verdict.allowed else f"{verdict.rule} does"
