"""Everything that must be chosen and proven before a day may start; `start` and `doctor` ask for the same."""

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dayshift.claude import claude_binary
from dayshift.cost.prices import Prices, load_prices
from dayshift.guard.examples import check_examples
from dayshift.guard.policy import Policy
from dayshift.guard.policy_file import load_policy
from dayshift.home import Home, shipped_config
from dayshift.host import mounts
from dayshift.inputs.settings import Settings
from dayshift.notifying import channels
from dayshift.sandboxing import namespaces, toolchain
from dayshift.telegram import line

if TYPE_CHECKING:
    from dayshift.proving.selftest import Layer

VENDOR = "https://api.anthropic.com"
FREE_SPACE = 512 << 20  #: bytes below which no day is started, unless limits.free_gb is even less
LEAST_WORDS = (
    "set ANTHROPIC_API_KEY (or CLAUDE_CODE_OAUTH_TOKEN) to let agents work, or add --rehearse to play the day for $0"
)


class Unprepared(Exception):
    """Something a day needs is missing; one line each, with how to get it."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass(frozen=True, slots=True)
class Preparation:
    """What a daemon starts from."""

    home: Home
    settings: Settings
    policy: Policy
    prices: Prices
    cli: claude_binary.Cli
    tools: toolchain.Toolchain
    credential: Mapping[str, str]  #: headers with the real key; only the daemon ever holds it
    upstream: str
    provider: str  #: who bills: `anthropic`, the host of another upstream, or `rehearsal`
    subscription: bool  #: a person's plan pays: amounts are what the same use would cost by the token
    environment: Mapping[str, str]  #: the person's, to pick from by name
    rehearsal: bool


def prepare(
    home: Home, settings: Settings, environment: Mapping[str, str], rehearsal: bool, today: date
) -> Preparation:
    """Choose everything a day needs; Unprepared names all that is missing at once."""
    from dayshift.proving import selftest  # its server takes 0.3 s to import: `check` must not wait for it

    if elsewhere := namespaces.unsupported():
        raise Unprepared(elsewhere)
    missing: list[str] = []
    if settings.sandbox != "none":
        missing += selftest.missing_tools()
    missing += _too_full(home, settings.limits.free_gb) + _shared(home)
    missing += channels.problems(settings, environment, home) + line.problems(settings, environment)
    credential, subscription = _credential(environment)
    if not credential and not rehearsal:
        missing.append(f"no key: {LEAST_WORDS}")
    cli = _cli(settings, rehearsal, missing)
    policy = _policy(home, missing)
    if missing or cli is None or policy is None:
        raise Unprepared(missing)
    upstream = upstream_of(environment)
    return Preparation(
        home=home, settings=settings, policy=policy, prices=prices_of(settings, today), cli=cli,
        tools=toolchain.detect(environment.get("PATH", ""), Path(environment.get("HOME", "/nonexistent"))),
        credential=credential, upstream=upstream, provider="rehearsal" if rehearsal else provider_of(upstream),
        subscription=subscription, environment=environment, rehearsal=rehearsal,
    )  # fmt: skip


def upstream_of(environment: Mapping[str, str]) -> str:
    """Where requests go."""
    return environment.get("ANTHROPIC_BASE_URL", VENDOR).rstrip("/")


def provider_of(upstream: str) -> str:
    """Who bills what goes to that address, as `budget.providers` names it."""
    return "anthropic" if upstream == VENDOR else urlsplit(upstream).hostname or upstream


def prices_of(settings: Settings, today: date) -> Prices:
    """The prices in force, with the person's own before all others."""
    return load_prices(settings.prices, today)


def _credential(environment: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    if key := environment.get("ANTHROPIC_API_KEY"):
        return {"x-api-key": key}, False
    if token := environment.get("CLAUDE_CODE_OAUTH_TOKEN"):
        return {"authorization": f"Bearer {token}"}, True
    return {}, False


def _cli(settings: Settings, rehearsal: bool, missing: list[str]) -> claude_binary.Cli | None:
    try:
        return claude_binary.locate(settings.agent.cli, pinned_only=rehearsal and claude_binary.bundled() is not None)
    except claude_binary.NoCli as error:
        missing.append(str(error))
        return None


def policy_of(home: Home) -> Policy:
    """The guard's policy, the home's own or the program's; Unprepared if it does not hold together."""
    path = home.config / "policy.yaml"
    try:
        policy = load_policy(path if path.exists() else shipped_config() / "policy.yaml")
    except ValueError as error:
        raise Unprepared([str(error)]) from error
    if failed := check_examples(policy):
        raise Unprepared([f"{path}: {line}" for line in failed])
    return policy


def _policy(home: Home, missing: list[str]) -> Policy | None:
    try:
        return policy_of(home)
    except Unprepared as error:
        missing += error.lines
        return None


def _too_full(home: Home, floor: Decimal) -> list[str]:
    place = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
    free, needed = shutil.disk_usage(place).free, min(FREE_SPACE, int(floor * (1 << 30)))
    if free >= needed:
        return []
    return [f"only {free >> 20} MiB are free at {place}; {needed >> 20} MiB are needed: `dayshift clean` or make room"]


def _shared(home: Home) -> list[str]:
    reason = mounts.unfit(home.own, mounts.mounts())
    return [reason] if reason else []


def prove(prepared: Preparation) -> "list[Layer]":
    """Try the sandbox and the guard, layer by layer; nothing to try when the person chose `sandbox: none`."""
    from dayshift.proving import selftest
    from dayshift.proving.trial import Subject

    if prepared.settings.sandbox == "none":
        return []
    path = ":".join(map(str, prepared.tools.path))
    return asyncio.run(selftest.prove(Subject(prepared.cli.path, prepared.tools.folders, path)))


def must_hold(layers: "list[Layer]") -> None:
    """Unprepared unless every layer held."""
    broken = [f"the sandbox does not hold: {layer.name}: {layer.seen}" for layer in layers if not layer.held]
    if broken:
        raise Unprepared(broken)
