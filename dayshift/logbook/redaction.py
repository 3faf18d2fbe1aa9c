"""Secrets kept out of logs and texts: they are known beforehand, and blotted out wherever they turn up.

Joins settings, for the addresses of channels are secrets, and disguises, for an error may quote or encode a secret.
"""

import logging
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import SplitResult, quote, unquote, urlsplit

from dayshift.inputs.settings import Settings
from dayshift.logbook.disguises import disguises

BLOT = "[secret]"
LEAST, LEAST_PART = 4, 8  #: characters; what is shorter would blot out words that are no secret
_NAMED_SECRET = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|WEBHOOK_URL)$", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")


class Redaction(logging.Filter):
    """Blots secrets out of texts and, on a log's handler, out of every record, its exception included."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        forms = {form for each in secrets if len(each) >= LEAST for form in disguises(each)}
        longest_first = sorted((each for each in forms if len(each) >= LEAST), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    @classmethod
    def of(cls, settings: Settings, environment: Mapping[str, str]) -> "Redaction":
        """One that knows the secrets of these settings and this environment."""
        return cls(secrets(settings, environment))

    def redacted(self, text: str) -> str:
        """The text without a secret in it."""
        return self._pattern.sub(BLOT, text)

    def filter(self, record: logging.LogRecord) -> bool:
        """Make the record safe to write; it is always written."""
        record.msg, record.args = self.redacted(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip()
        record.exc_text = record.exc_text and self.redacted(record.exc_text)
        record.stack_info = record.stack_info and self.redacted(record.stack_info)
        return True


def secrets(settings: Settings, environment: Mapping[str, str]) -> frozenset[str]:
    """All that must not be shown: keys and tokens of the environment, the addresses of channels and what is in them."""
    found: set[str] = set()
    channels = " ".join(channel.url for channel in settings.notify.channels)
    named = set(_VARIABLE.findall(channels))
    for name, value in environment.items():
        if len(value) >= LEAST_PART and (_NAMED_SECRET.search(name) or name in named):
            found |= {value, value.rpartition(":")[2]} if name.endswith("BOT_TOKEN") else {value}
            found.update(parts(value))
        elif "@" in value and name.endswith("_URL"):
            found.update(_logins(value))
    for channel in settings.notify.channels:
        found.add(channel.url)
        found.update(parts(_VARIABLE.sub("", channel.url)))
    return frozenset(each for each in found if len(each) >= LEAST and not _VARIABLE.fullmatch(each))


def parts(url: str) -> Iterator[str]:
    """What gives a channel's address away: login, password, tokens in host, path and query; as written and decoded."""
    if "://" not in url:
        return
    split = _split(url)
    pieces = split.path.split("/") + re.split(r"[&=,;]", split.query)
    host = split.netloc.rpartition("@")[2]
    if not re.search(r"[.:\]]|^localhost", host):  # the first of a service's tokens stands where a host would
        pieces.append(host)
    yield from (each for piece in pieces if len(piece) >= LEAST_PART for each in _spellings(piece))
    yield from _logins(url)


def _logins(url: str) -> Iterator[str]:
    user, _, password = _split(url).netloc.rpartition("@")[0].partition(":")
    for piece, least in ((user, LEAST_PART), (password, LEAST)):
        if len(piece) >= least:
            yield from _spellings(piece)


def _split(url: str) -> SplitResult:
    """A URL taken apart as a web address is, whatever its scheme."""
    return urlsplit("http" + url[url.index("://") :]) if "://" in url else urlsplit("")


def _spellings(piece: str) -> set[str]:
    return {piece, unquote(piece), quote(piece, safe="")}
