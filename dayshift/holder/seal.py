"""A JSON object that shows whether it is what was written: its last entry is a checksum over all before it.

One byte that a disk turned into another leaves valid JSON too often: another day, another cap, another process. What
has no checksum is taken as it is, so that earlier releases are read; who edits such a file by hand takes that line out.
"""

import json
import re
import zlib

ENTRY = re.compile(rb',\s*"checksum": "([0-9a-f]{8})"\s*\}\s*\Z')


def sealed(text: str) -> bytes:
    """The JSON text of an object, with the checksum as its last entry; on a line of its own if the others are."""
    data = text.encode("utf-8", "replace").rstrip()
    body = data.removesuffix(b"}").rstrip()
    if body == data or body == b"{":  # no object, or an empty one
        return data
    indent = b"\n  " if data.endswith(b"\n}") else b" "
    end = b"\n}\n" if data.endswith(b"\n}") else b"}"
    return b'%b,%b"checksum": "%08x"%b' % (body, indent, zlib.crc32(body), end)


def opened(data: bytes) -> object:
    """The value without its checksum; ValueError if it is no JSON, or not what was written."""
    found = ENTRY.search(data, max(0, len(data) - 64))
    if found and int(found[1], 16) != zlib.crc32(data[: found.start()]):
        raise ValueError("its checksum is another; a part of it was changed or lost")
    try:
        value = json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    if found and isinstance(value, dict):
        value.pop("checksum", None)
    return value
