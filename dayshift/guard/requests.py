"""Requests over the network that change a repository at its host, or speak to a port where databases listen."""

import re
from collections.abc import Sequence
from itertools import pairwise

from dayshift.guard.examiner import Examiner

DIALERS = frozenset(("nc", "ncat", "netcat", "telnet"))
FETCHERS = DIALERS | frozenset(("curl", "wget", "http", "https", "xh"))
READING = frozenset(("GET", "HEAD", "OPTIONS"))
SENDS = re.compile(r"-[sSfLk]*[dFT](?!ail)|--(data|form|json|upload|post|body)")
DATABASE_PORTS = frozenset(
    ("5432", "5433", "6432", "3306", "33060", "6379", "6380", "27017", "27018", "1433", "1521", "9042", "8123", "5984",
     "7687", "26257", "11211", "50000")
)  # fmt: skip
_FORGE = re.compile(r"api\.github\.com|/api/v4/projects|api\.bitbucket\.org|/api/v1/repos", re.IGNORECASE)
_PORT = re.compile(r"(?:\w+://)?[^/]*:(\d+)(?:/|$)")
_LOOKS_ONLY = re.compile(r"-\w*z\w*")


def check(examiner: Examiner, name: str, argv: Sequence[str]) -> None:
    """Refuse a request that writes at a git host, and one to a database."""
    args = argv[1:]
    if any(map(_FORGE.search, args)) and _changes(args):
        examiner.refuse("git-write", argv)
    ports = {found[1] for found in map(_PORT.match, args) if found}
    if name in DIALERS and not any(map(_LOOKS_ONLY.fullmatch, args)):
        ports |= set(args[1:])
    if not ports.isdisjoint(DATABASE_PORTS):
        examiner.refuse("database", argv)


def is_database_socket(path: str) -> bool:
    """True if a shell's redirection to the path would open a connection to such a port."""
    return path.startswith(("/dev/tcp/", "/dev/udp/")) and path.rsplit("/", 1)[-1] in DATABASE_PORTS


def _changes(args: Sequence[str]) -> bool:
    methods = [after for option, after in pairwise(args) if option in ("-X", "--request", "--method")]
    methods += [found[1] for arg in args if (found := re.match(r"(?:--(?:request|method)=|-\w*X)(\w+)", arg))]
    methods += [arg for arg in args[:2] if arg in ("POST", "PUT", "PATCH", "DELETE")]
    return any(method.upper() not in READING for method in methods) or any(map(SENDS.match, args))
