"""Channels that apprise knows, by their URL: Discord, Slack, mail, ntfy, the desktop and many more.

Joins courier, whose Channel they are; redaction, since an address is a secret; wording, for what they say.
"""

import asyncio
import logging
import re
import threading
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dayshift.alerts import Alert, Kind
from dayshift.failpoints import passing
from dayshift.logbook.redaction import Redaction, parts
from dayshift.notifying.courier import Later, Undeliverable
from dayshift.notifying.wording import card, title_of, words

if TYPE_CHECKING:
    from apprise import AppriseResult, NotifyBase, NotifyType

SERVICES = "https://appriseit.com/services/"
SECONDS = 120.0  #: for one message, which is sent again after that; a service that is flooded keeps apprise waiting
REFUSED_HERE = frozenset({400, 413, 422})  #: this very message is not taken
REFUSED_ALL = frozenset({401, 403, 404, 410})  #: nothing is taken, until somebody mends it
MENDING_SECONDS = 600.0
_DISCORD = re.compile(r"https://(?:\w+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/(\d+)/([\w-]+)/?")
_WORSE = frozenset({Kind.failed, Kind.halted, Kind.audit, Kind.forbidden, Kind.died, Kind.cap, Kind.disk})
_GOOD = frozenset({Kind.milestone, Kind.report})


class Unknown(Exception):
    """This is no channel; the text says why and what to do, without the address."""


class Push:
    """One channel of apprise. Agents' words go as plain words: they can neither mention, nor link, nor be markup."""

    def __init__(self, url: str, kinds: frozenset[Kind]) -> None:
        self.name = named(url)
        self.kinds = kinds
        self._service, self._rich = _service(url)
        self._redacted = Redaction({url, *parts(url)}).redacted

    async def send(self, alerts: tuple[Alert, ...]) -> None:
        """Deliver one message with the files of these alerts, where the service takes files."""
        try:
            async with asyncio.timeout(SECONDS):
                result = await _in_a_thread(lambda: self._notify(alerts))
        except TimeoutError:
            raise Later(None, f"no answer within {SECONDS:.0f} s") from None
        self._check(result)

    def _notify(self, alerts: tuple[Alert, ...]) -> "AppriseResult":
        from apprise import Apprise, AppriseAttachment, NotifyFormat

        carrier = Apprise(asset=self._service.asset)
        carrier.add(self._service)
        files = [path for alert in alerts for path in alert.files if Path(path).is_file()]
        passing("push.sending")
        result = carrier.notify(
            title=title_of(alerts),
            body=card(alerts) if self._rich else words(alerts),
            notify_type=_colour(alerts),
            body_format=NotifyFormat.MARKDOWN if self._rich else NotifyFormat.TEXT,
            attach=AppriseAttachment([f"file://{quote(path)}" for path in files])
            if files and self._service.attachment_support
            else None,
        )
        passing("push.sent")
        return result

    def _check(self, result: "AppriseResult") -> None:
        if result:
            return
        words = [str(entry.message) for entry in result.logs()]
        why = self._redacted(words[-1] if words else "it was not sent")[:200]
        code = next((int(found[1]) for each in words if (found := re.search(r"error=(\d{3})", each))), 0)
        if code in REFUSED_HERE:
            raise Undeliverable(why)
        raise Later(MENDING_SECONDS if code in REFUSED_ALL else None, why)


def is_discord(url: str) -> bool:
    """Whether it is a webhook as Discord shows it, or as apprise writes it."""
    return bool(_DISCORD.match(url)) or url.startswith("discord://")


def named(url: str) -> str:
    """What a channel is called: its kind, and enough of a digest to tell it from another."""
    scheme = "discord" if _DISCORD.match(url) else _scheme(url) or "channel"
    if scheme in ("http", "https"):
        host = re.search(r"(\w+)\.\w+$", url.partition("://")[2].partition("/")[0])
        scheme = host[1] if host else scheme
    return f"{scheme}-{sha256(url.encode()).hexdigest()[:6]}"


def _scheme(url: str) -> str:
    """Nothing if it is no address: what stands there instead may be a secret."""
    found = re.match(r"([a-z][a-z0-9+.-]{0,24})://", url)
    return found[1] if found else ""


def _colour(alerts: tuple[Alert, ...]) -> "NotifyType":
    from apprise import NotifyType

    kinds = {alert.kind for alert in alerts}
    if kinds & _WORSE:
        return NotifyType.FAILURE
    return NotifyType.SUCCESS if kinds <= _GOOD else NotifyType.INFO if kinds == {Kind.question} else NotifyType.WARNING


# --- apprise ---------------------------------------------------------------------------------------


def _service(url: str) -> "tuple[NotifyBase, bool]":
    """What apprise makes of the address, and whether it shows cards; Unknown if it makes nothing of it."""
    from apprise import Apprise, AppriseAsset
    from apprise.manager_plugins import NotificationManager

    logging.getLogger("apprise").propagate = False  # it logs addresses it cannot read; results bring their own words
    if webhook := _DISCORD.match(url):
        url = f"discord://{webhook[1]}/{webhook[2]}{url[webhook.end() :]}"
    if not (scheme := _scheme(url)):
        raise Unknown(f"this is no address, which begins with a service's name and ://; see {SERVICES}")
    if scheme == "discord" and not re.search(r"[?&]format=", url):
        url += ("&" if "?" in url else "?") + "format=markdown"  # shown as an embed, with a colour and fields
    asset = AppriseAsset(app_id="dayshift", app_desc="dayshift", app_url="", image_url_mask="", image_url_logo="")
    service = Apprise.instantiate(url, asset=asset)
    if service is not None:
        return service, scheme == "discord" and "format=markdown" in url
    known = NotificationManager()  # type: ignore[no-untyped-call]
    if scheme not in known:
        raise Unknown(f"apprise knows no {scheme}:// of this form; {SERVICES} lists what it knows")
    if not known[scheme].enabled:
        raise Unknown(f"{scheme}:// needs a library that is not installed here; see {SERVICES}")
    raise Unknown(f"this is no complete {scheme}:// address; {SERVICES} shows what it must name")


def _in_a_thread(work: Callable[[], Any]) -> "asyncio.Future[Any]":
    """The work's outcome. Its thread holds up nobody's end: apprise may sleep in it for as long as a service says."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Any] = loop.create_future()

    def report(result: Any, error: Exception | None) -> None:
        if not outcome.cancelled():
            outcome.set_exception(error) if error else outcome.set_result(result)

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as raised:
            error = raised
        try:
            loop.call_soon_threadsafe(report, result, error)
        except RuntimeError:  # the loop is closed, and nobody waits
            return

    threading.Thread(target=run, name="push", daemon=True).start()
    return outcome
