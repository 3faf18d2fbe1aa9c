"""The first words of a TLS client, read to learn which host it asks for. Pure; it takes any bytes."""

from dataclasses import dataclass

RECORD_HEAD, MESSAGE_HEAD = 5, 4
HANDSHAKE, CLIENT_HELLO = 22, 1
LONGEST_RECORD = 1 << 14
LONGEST = 1 << 14  #: bytes of a hello; those of today have about 2,000
SERVER_NAME, ENCRYPTED_HELLO = 0, 0xFE0D


@dataclass(frozen=True, slots=True)
class Hello:
    """What a client said of the host it wants."""

    name: str | None  #: None: it named none
    hidden: bool = False  #: it carries an encrypted hello as well, which may name another host


def record_length(head: bytes) -> int:
    """How many bytes follow the head of a TLS record that carries a handshake; ValueError if it is none."""
    size = int.from_bytes(head[3:RECORD_HEAD])
    if head[:2] != bytes([HANDSHAKE, 3]) or not 0 < size <= LONGEST_RECORD:
        raise ValueError("no TLS handshake")
    return size


def complete(message: bytes | bytearray) -> bool:
    """Whether the records so far hold the whole hello; ValueError if they are not about one."""
    if len(message) < MESSAGE_HEAD:
        return False
    length = int.from_bytes(message[1:MESSAGE_HEAD])
    if message[0] != CLIENT_HELLO or length > LONGEST:
        raise ValueError("no hello of a TLS client")
    return len(message) >= MESSAGE_HEAD + length


def read(message: bytes) -> Hello:
    """What a complete hello says; ValueError if it does not hold together."""
    head = _Bytes(memoryview(message))
    head.take(1)
    body = head.block(3)
    body.take(2 + 32)  # version and random
    for width in (1, 2, 1):  # session, cipher suites, compression
        body.block(width)
    found = _extensions(body.block(2) if body.data else body)
    name = _name(found[SERVER_NAME].block(2)) if SERVER_NAME in found else None
    return Hello(name, hidden=ENCRYPTED_HELLO in found)


@dataclass(slots=True)
class _Bytes:
    """Bytes taken from the front, ValueError if there are too few."""

    data: memoryview

    def take(self, count: int) -> memoryview:
        if len(self.data) < count:
            raise ValueError("a hello that ends too early")
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width))

    def block(self, width: int) -> "_Bytes":
        """What follows a length of that width."""
        return _Bytes(self.take(self.number(width)))


def _extensions(listed: _Bytes) -> dict[int, _Bytes]:
    found: dict[int, _Bytes] = {}
    while listed.data:
        kind = listed.number(2)
        if kind in found:
            raise ValueError("a hello with an extension twice")
        found[kind] = listed.block(2)
    return found


def _name(names: _Bytes) -> str:
    kind, name = names.number(1), bytes(names.block(2).data)
    if kind != 0 or names.data or not name.isascii():
        raise ValueError("a hello with no single name")
    return name.decode()
