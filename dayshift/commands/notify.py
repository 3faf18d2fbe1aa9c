"""The command `notify`: the ways to the person, and a test message over each of them."""

import asyncio
import html
import os
from collections.abc import Mapping
from typing import Any

import click

from dayshift.alerts import Alert, Kind
from dayshift.clock import SystemClock
from dayshift.commandline import BAD_ENVIRONMENT, BAD_INPUT, OK, Context, Failure
from dayshift.commands.lookup import print_json
from dayshift.commands.outlook import read_settings
from dayshift.commands.tables import aligned
from dayshift.inputs.settings import Settings
from dayshift.logbook.redaction import Redaction
from dayshift.notifying.channels import channels, problems
from dayshift.notifying.courier import Channel, Later, Undeliverable

TITLE, TEXT = "dayshift: a test message", "If you can read this, dayshift reaches you here."
NONE = (
    "no channel is configured; set TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID, or DISCORD_WEBHOOK_URL, or write\n"
    "  notify: [{url: 'ntfy://YOUR-TOPIC'}]\n"
    "into config/orchestrator.yaml; https://appriseit.com/services/ lists the URLs of all services"
)


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@click.pass_context
def notify(context: click.Context, as_json: bool) -> int:
    """List the channels and what each of them is told; what is wrong with one stands below.

    \b
    Examples:
      dayshift notify
      dayshift notify --json
      dayshift notify test
      dayshift notify test discord-1a2b3c
    """
    if context.invoked_subcommand:
        return OK
    home, settings = context.obj.home, read_settings(context.obj)
    found = [(each.name, sorted(each.kinds)) for each in _channels(context.obj, settings)]
    wrong = problems(settings, os.environ, home)
    if as_json:
        print_json({"channels": [{"name": name, "events": kinds} for name, kinds in found], "problems": wrong})
    elif not found and not wrong:
        click.echo(NONE)
    else:
        rows = [("channel", "is told"), *((name, _listed(kinds)) for name, kinds in found)]
        click.echo("\n".join([*(aligned(rows, left=2) if found else []), *(f"WRONG {line}" for line in wrong)]))
    return BAD_ENVIRONMENT if wrong else OK


@notify.command
@click.argument("channel", required=False)
@click.pass_obj
def test(context: Context, channel: str | None) -> int:
    """Send a test message over CHANNEL, or over all of them.

    \b
    Examples:
      dayshift notify test
      dayshift notify test ntfy-1a2b3c
    """
    settings = read_settings(context)
    wrong = problems(settings, os.environ, context.home)
    found = _channels(context, settings)
    if not found and not wrong:
        raise Failure(NONE, BAD_INPUT)
    chosen = [each for each in found if channel in (None, each.name)]
    if not chosen and channel is not None:
        raise Failure(f"there is no channel {channel}; known: {', '.join(each.name for each in found) or 'none'}")
    redacted = Redaction.of(settings, os.environ).redacted
    failed = bool(wrong) and channel is None
    for each, why in zip(chosen, asyncio.run(_outcomes(chosen)), strict=True):
        click.echo(f"{each.name}: " + (f"refused, {redacted(why)}" if why else "sent"))
        failed = failed or bool(why)
    for line in wrong if channel is None else ():
        click.echo(redacted(line))
    return BAD_ENVIRONMENT if failed else OK


def _listed(kinds: list[Kind]) -> str:
    return "everything" if len(kinds) == len(Kind) else ", ".join(kinds)


def _channels(context: Context, settings: Settings) -> list[Channel]:
    telegram: list[Channel] = [_Telegram(settings, os.environ)] if os.environ.get("TELEGRAM_BOT_TOKEN") else []
    return telegram + channels(settings, os.environ, context.home)


async def _outcomes(chosen: list[Channel]) -> list[str]:
    """Why each of them failed, in order; nothing for those that did not."""
    alert = Alert("test", Kind.report, TITLE, SystemClock().now(), TEXT)
    return await asyncio.gather(*(_outcome(each, alert) for each in chosen))


async def _outcome(channel: Channel, alert: Alert) -> str:
    try:
        await channel.send((alert,))
    except (Later, Undeliverable) as error:
        return str(error) or type(error).__name__
    return ""


class _Telegram:
    """Telegram, as far as a test message needs it."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self.name, self.kinds = "telegram", frozenset(Kind)
        self._settings, self._environment = settings, environment

    async def send(self, alerts: tuple[Alert, ...]) -> None:
        """Write to the chat that alerts go to."""
        from dayshift.telegram.wire import Trouble, Wire

        chat: Any = self._environment.get("TELEGRAM_CHAT_ID") or next(iter(self._settings.telegram.chats), "")
        if not str(chat).lstrip("-").isdigit():
            raise Undeliverable("TELEGRAM_CHAT_ID is not set to the number of a chat, and telegram.chats names none")
        wire = Wire(self._environment["TELEGRAM_BOT_TOKEN"], self._environment.get("TELEGRAM_BASE_URL") or None)
        await wire.open()
        try:
            for alert in alerts:
                await wire.send(int(chat), f"<b>{html.escape(alert.title)}</b>\n{html.escape(alert.text)}")
        except Trouble as error:
            raise Undeliverable(str(error)) from error
        finally:
            await wire.close()
