"""Text of an untrusted writer made inert for Markdown: it can neither become markup nor steer a terminal."""

import re

LINE_LIMIT = 200
BLOCK_LIMIT = 2000

_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)")  # colours, titles, links
_BREAK = re.compile(r"\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_UNSAFE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_MARKUP = re.compile(r"[\\`*_\[\]<>&|~]|\$(?!\d)")  # a dollar before a digit is an amount, and opens no formula
_OPENING = re.compile(r"^(\d*)([#+=.)-])")  # of a heading, a list
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_ADDRESS = re.compile(r"(?<=:)//|(?<=www)\.|@", re.IGNORECASE)


def clean(text: str) -> str:
    """Encodable text without control, direction and terminal sequences; lines end in `\\n`."""
    return _UNSAFE.sub("\ufffd", _BREAK.sub("\n", _SEQUENCE.sub("", text)))


def plain(text: str, limit: int = LINE_LIMIT) -> str:
    """One clipped line of running text with its markup and its addresses escaped."""
    return _OPENING.sub(r"\1\\\2", _escaped(_one_line(text, limit)))


def prose(text: str, limit: int = LINE_LIMIT) -> str:
    """The same, but what stands between two backticks stays code, such as the command in a reason."""
    parts = _SPAN.split(_one_line(text, limit))
    line = "".join(f"`{part}`" if number % 2 else _escaped(part) for number, part in enumerate(parts))
    return _OPENING.sub(r"\1\\\2", line)


def code(text: str, limit: int = LINE_LIMIT) -> str:
    """One clipped line as a code span that its content cannot close."""
    line = _one_line(text, limit)
    if not line:
        return "(empty)"
    marks = "`" * (_longest_run(line) + 1)
    room = " " if "`" in (line[0], line[-1]) else ""
    return f"{marks}{room}{line}{room}{marks}"


def cell(text: str, limit: int = LINE_LIMIT) -> str:
    """One clipped line as code for a table's cell; its content cannot end the cell."""
    if r"\|" in text:  # in a cell, an escaped pipe in code is read as a pipe: only escaped text can show both
        return plain(text, limit)
    return code(text, limit).replace("|", r"\|")


def is_short(text: str, limit: int = LINE_LIMIT) -> bool:
    """Whether the text is one line that `code` shows whole."""
    whole = clean(text).strip()
    return "\n" not in whole and len(whole) <= limit


def block(text: str, limit: int = BLOCK_LIMIT) -> str:
    """The beginning of the text as a fenced block that its content cannot close."""
    whole = clean(text).strip("\n")
    left = len(whole) - limit
    return _fenced(whole if left <= 0 else f"{whole[:limit]}\n… {left} more characters")


def tail(text: str, limit: int = BLOCK_LIMIT, lines: int = 20) -> str:
    """The end of the text as such a block: where a failing command says why."""
    whole = clean(text).strip("\n")
    end = "\n".join(whole.split("\n")[-lines:])[-limit:]
    return _fenced(end if end == whole else f"… {len(whole) - len(end)} characters before\n{end}")


def _escaped(line: str) -> str:
    return _ADDRESS.sub(lambda found: "\\" + found[0], _MARKUP.sub(r"\\\g<0>", line))


def _fenced(text: str) -> str:
    marks = "`" * max(3, _longest_run(text) + 1)
    return f"{marks}text\n{text}\n{marks}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _one_line(text: str, limit: int) -> str:
    line = " ".join(clean(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
