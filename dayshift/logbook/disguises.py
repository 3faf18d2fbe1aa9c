"""The forms in which a secret may turn up: as it is, quoted for a URL, escaped, or in base64 at any place. Pure."""

import base64
import json
from urllib.parse import quote, quote_plus, unquote

LEAST = 8  #: characters; the encoded forms of what is shorter would be found in words that are no secret


def disguises(secret: str, least: int = LEAST) -> frozenset[str]:
    """The secret in all these forms; encoded ones from so many characters on."""
    plain = {secret, unquote(secret), quote(secret, safe=""), quote(secret), quote_plus(secret), _escaped(secret)}
    if len(secret) < least:
        return frozenset(plain)
    data = secret.encode("utf-8", "surrogateescape")
    return frozenset({*plain, data.hex(), data.hex().upper(), *_in_base64(data)})


def _escaped(secret: str) -> str:
    return json.dumps(secret)[1:-1]


def _in_base64(data: bytes) -> set[str]:
    """What of it stands in a base64 text whatever comes before and after: one form for each place in a group of three.

    The characters at both ends, which depend on their neighbours too, are left out.
    """
    found = set()
    for before in range(3):
        text = base64.b64encode(b"\0" * before + data).decode().rstrip("=")
        first = 0 if before == 0 else before + 1
        last = len(text) if (before + len(data)) % 3 == 0 else len(text) - 1
        found.add(text[first:last])
    return found | {text.replace("+", "-").replace("/", "_") for text in found}
