"""The channels that settings and environment name, besides Telegram: made, or what is wrong with them.

Joins settings, where they stand; courier, whose Channels they are; push and program, which they are made of.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dayshift.alerts import Kind
from dayshift.home import Home
from dayshift.inputs.settings import Settings
from dayshift.notifying import program, push
from dayshift.notifying.courier import Channel
from dayshift.notifying.program import Program
from dayshift.notifying.push import Push, Unknown

WEBHOOK, EXAMPLE = "DISCORD_WEBHOOK_URL", "https://discord.com/api/webhooks/1234/abcd"
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")


@dataclass(frozen=True, slots=True)
class Address:
    """One URL and the kinds it is given, under the name of the setting it comes from."""

    setting: str
    url: str
    kinds: frozenset[Kind]


def channels(settings: Settings, environment: Mapping[str, str], home: Home) -> list[Channel]:
    """Every channel, each place once; those that have `problems` are left out."""
    made: list[Channel] = []
    for address in _places(settings, environment).values():
        try:
            made.append(Push(address.url, address.kinds))
        except Unknown:
            continue
    if settings.notify.command:
        made.append(Program(settings.notify.command, home.root, environment))
    return made


def problems(settings: Settings, environment: Mapping[str, str], home: Home) -> list[str]:
    """What is wrong with the channels, a line each with its cure; no secret is in it, and nothing is sent."""
    found = []
    for number, channel in enumerate(settings.notify.channels):
        place = f"notify.channels.{number}.url"
        found += [f"{place}: the variable {name} is not set; set it, or take the channel out"
                  for name in _variables(channel.url) if not environment.get(name)]  # fmt: skip
    for address in _addresses(settings, environment):
        if address.setting == WEBHOOK and not push.is_discord(address.url):
            found.append(
                f"{WEBHOOK}: is no webhook of Discord; it looks like {EXAMPLE} (channel settings, Integrations)"
            )
            continue
        try:
            Push(address.url, address.kinds)
        except Unknown as error:
            found.append(f"{address.setting}: {error}")
    if settings.notify.command and (why := program.missing(settings.notify.command, home.root, environment)):
        found.append(f"notify.command: {why}; write its path, or install it")
    return found


def _places(settings: Settings, environment: Mapping[str, str]) -> dict[str, Address]:
    """The addresses by the channels' names. One that is given twice gets what either is given; of the webhook in the
    environment the settings may choose the kinds."""
    found: dict[str, Address] = {}
    for address in _addresses(settings, environment):
        name = push.named(address.url)
        known = found.get(name)
        if known is None:
            found[name] = address
        elif address.setting != WEBHOOK:
            found[name] = Address(known.setting, known.url, known.kinds | address.kinds)
    return found


def _addresses(settings: Settings, environment: Mapping[str, str]) -> Iterator[Address]:
    """Those whose variables are set."""
    for number, channel in enumerate(settings.notify.channels):
        if all(environment.get(name) for name in _variables(channel.url)):
            url = _VARIABLE.sub(lambda found: environment[found[1] or found[2]], channel.url)
            yield Address(f"notify.channels.{number}.url", url, frozenset(channel.events))
    if webhook := environment.get(WEBHOOK):
        yield Address(WEBHOOK, webhook, frozenset(Kind))


def _variables(url: str) -> list[str]:
    return [braced or bare for braced, bare in _VARIABLE.findall(url)]
