"""Which hosts a task may reach: what a person may write into `network:`, and what that says of one connection.

A wildcard speaks of names that nobody has read. So it never covers a host that serves git or a database, nor one of
their ports; and it cannot stand above names that anybody may register: the known hosts say which these are. What is
named exactly is the person's word.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from dayshift.attempts import Refused
from dayshift.egress.known_hosts import GUARDED_PORTS, is_public, kind_of_port, serves

HTTPS = 443
UNLISTED = "it is not in `network:`"
ANYBODYS_NAMES = "covers hosts that anybody may own; name the ones that are meant"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
NAME = re.compile(rf"(?:{LABEL}\.)+{LABEL}")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  #: a last label like this makes an address of a name, in many spellings
TWO_SPELLINGS = frozenset("ßẞς\u200c\u200d")  #: the standard for such names was changed; they lead to different hosts


# Loopback goes straight to where it leads, the model and the servers of test suites included.
DIRECT = "127.0.0.1,localhost,.localhost,::1,0.0.0.0"


def variables(port: int) -> dict[str, str]:
    """What programs read to find the proxy on that port of loopback: curl, pip, npm, cargo, go and node among them.

    Plain http goes there too: the proxy's words are a better answer than a name that is not found.
    """
    proxy = f"http://127.0.0.1:{port}"
    both = {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy, "NO_PROXY": DIRECT}
    return {**both, **{name.lower(): value for name, value in both.items()}, "NODE_USE_ENV_PROXY": "1"}


# --- one entry -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """A host at one port; with `below` every host below it, but not itself."""

    host: str
    port: int = HTTPS
    below: bool = False

    def __str__(self) -> str:
        """As a person would write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'*.' if self.below else ''}{host}{'' if self.port == HTTPS else f':{self.port}'}"

    def names(self, host: str, port: int) -> bool:
        """Whether these are the words for that connection, whatever is reached by it."""
        return port == self.port and (host.endswith(f".{self.host}") if self.below else host == self.host)


def entry(text: str) -> Entry:
    """What the person wrote, in its one spelling; ValueError says what is wrong with it and the cure."""
    if not (text := text.strip()):
        raise ValueError("is empty; write a host such as packages.example.org")
    if "/" in text or "@" in text:
        host = urlsplit(text if "//" in text else f"//{text}").hostname
        raise ValueError(f"{text!r} is no host; write the host alone{f': {host}' if host else ''}")
    name, port = _parted(text)
    if name in ("*", "*."):
        raise ValueError(f"{text!r} is the whole network; name the hosts an install needs, e.g. packages.example.org")
    below, name = name.startswith("*."), name.removeprefix("*.")
    if "*" in name:
        raise ValueError(f"{text!r}: a star stands for whole names at the start; write *.example.org")
    if name.lower().rstrip(".").rpartition(".")[2] == "localhost":
        raise ValueError(f"{text!r} is loopback, which works in the sandbox without an entry; take it out")
    if below and "." not in name.rstrip("."):
        raise ValueError(f"{text!r} {ANYBODYS_NAMES}")
    found = Entry(canonical(name), port, below)
    if reason := _too_wide(found) if found.below else _unreachable(found):
        raise ValueError(f"{text!r} {reason}")
    return found


def _parted(text: str) -> tuple[str, int]:
    """Host and port of `host`, `host:port`, `[address]:port` or a bare address."""
    if _address(text) or text.endswith("]") or ":" not in text:
        return text, HTTPS
    name, _, port = text.rpartition(":")
    return name, _port(port)


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or not 1 <= int(text) <= 65535:
        raise ValueError(f"{text[:20]!r} is no port; write a number from 1 to 65535, or none for {HTTPS}")
    return int(text)


def canonical(name: str) -> str:
    """The one spelling of a host's name or address: ASCII, lower case, no dot at the end. ValueError if it is none."""
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    if address := _address(bare):
        return str(plain(address))
    if TWO_SPELLINGS & set(name):
        raise ValueError(f"{name!r} has a letter that leads to different hosts; write the name in its xn-- form")
    try:
        host = name.encode("idna").decode().lower().removesuffix(".") if len(name) <= 254 else ""
    except UnicodeError:
        host = ""
    if NUMBER.fullmatch(host.rpartition(".")[2]) or not NAME.fullmatch(host):
        raise ValueError(f"{name[:80]!r} is no name of a host; write it whole, such as packages.example.org")
    return host


def is_address(host: str) -> bool:
    """Whether it is an address, which no TLS hello names."""
    return _address(host) is not None


def _address(text: str) -> Address | None:
    try:
        return None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None


def _unreachable(found: Entry) -> str:
    """Why nothing could ever be reached at an exactly named place."""
    address = _address(found.host)
    if address and (found_in := _nowhere(address)):
        return f"is {found_in}; of these only the sandbox's own loopback can be reached, and that without an entry"
    if found.port == 80:
        return "is at the port of plain http; only https passes, so take the port out"
    return ""


def _too_wide(found: Entry) -> str:
    if _address(found.host):
        return "has a star before an address; write addresses out"
    if is_public(found.host):
        return ANYBODYS_NAMES
    if what := GUARDED_PORTS.get(found.port):
        return f"is a wildcard at the port of {what}; such a port needs its exact host"
    if what := serves(found.host):
        return f"covers hosts that serve {what}; those need their exact names"
    return _unreachable(found)


# --- addresses -------------------------------------------------------------------------------------


NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
ALLOCATED = ipaddress.IPv6Network("2000::/3")  #: all the public addresses of IPv6 there are


def plain(address: Address) -> Address:
    """The IPv4 address within an IPv6 one, if it stands for one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (address,))[-1]


def _nowhere(address: Address) -> str:
    """Why an address cannot be named even exactly."""
    address = plain(address)
    kinds = {"loopback": address.is_loopback, "link-local": address.is_link_local,
             "multicast": address.is_multicast, "unspecified": address.is_unspecified}  # fmt: skip
    if isinstance(address, ipaddress.IPv4Address) and int(address) >> 24 == 0:
        return "unspecified"
    return next((kind for kind, holds in kinds.items() if holds), "")


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address not in ALLOCATED:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


# --- the list --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AllowList:
    """All a task may reach; nothing at all if it is empty."""

    entries: tuple[Entry, ...] = ()

    @classmethod
    def of(cls, written: Iterable[str]) -> "AllowList":
        """The list of these entries; ValueError for one that is none."""
        return cls(tuple(dict.fromkeys(map(entry, written))))

    def refusal(self, host: str, port: int) -> Refused | None:
        """Why that connection is refused, and what would cure it; None if it is allowed."""
        if Entry(host, port) in self.entries:
            return None
        wild = any(each.names(host, port) for each in self.entries)
        if wild and not (kind := serves(host)):
            return None
        why = f"it serves {kind}, which only its exact name in `network:` allows" if wild else UNLISTED
        return Refused(host, port, why, cure=_cure(host, port))

    def forbids(self, address: str, port: int) -> str:
        """Why a name may not lead to that address: it is not public, and the list does not name it as well."""
        found = _address(address)
        if found is None:
            return "it leads to something that is no address"
        found = plain(found)
        named = Entry(str(found), port) in self.entries and not _nowhere(found)
        return "" if named or _is_public(found) else f"it leads to {found}, which is no public address"


def _cure(host: str, port: int) -> str:
    """What to write into `network:`; nothing for what can never stand there."""
    try:
        return str(entry(str(Entry(host, port))))
    except ValueError:
        return ""


def destination(text: str) -> tuple[str, int]:
    """Host and port of a CONNECT request; ValueError if it does not name both."""
    name, colon, port = text.rpartition(":")
    if not colon:
        raise ValueError(f"{text[:80]!r} names no port")
    return canonical(name), _port(port)


def cautions(written: Iterable[str]) -> list[str]:
    """What a person should know of entries that are allowed because they are named exactly."""
    found = []
    for each in AllowList.of(written).entries:
        if kind := serves(each.host) or kind_of_port(each.port):
            found.append(f"`{each}` serves {kind}: an agent can reach it, without any credential of yours")
    return found
