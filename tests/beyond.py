"""A world of invented names: TLS servers on loopback, and a tunnel's way to them by public addresses nobody uses."""

import asyncio
import contextlib
import io
import ssl
import subprocess
import threading
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from dayshift.egress.crossing import Stream
from dayshift.egress.tunnel import Beyond

PACKAGES, MIRROR, STRANGER = "packages.example.org", "a.cdn.example.org", "evil.example.net"
PUBLIC = {PACKAGES: "93.184.216.34", MIRROR: "93.184.216.35", STRANGER: "93.184.216.36"}


def certified(folder: Path) -> Path:
    """A certificate with its key in one file, for every invented name."""
    names = ",".join(f"DNS:{name}" for name in PUBLIC)
    key, file = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
         "2", "-subj", f"/CN={PACKAGES}", "-addext", f"subjectAltName={names}", "-keyout", key, "-out", file],
        check=True, capture_output=True,
    )  # fmt: skip
    file.write_text(file.read_text() + key.read_text())
    return file


def serving(certificate: Path) -> ssl.SSLContext:
    """A server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def trusting(certificate: Path) -> ssl.SSLContext:
    """A client's side, which checks names."""
    return ssl.create_default_context(cafile=certificate)


class World:
    """Names, the addresses they have, and the loopback ports that answer for these."""

    def __init__(self, ports: Mapping[tuple[str, int], int] = {}) -> None:
        self.addresses: dict[str, Sequence[str]] = {name: [address] for name, address in PUBLIC.items()}
        self.ports = dict(ports)
        self.looked_up: list[str] = []
        self.connected: list[tuple[str, int]] = []

    @property
    def beyond(self) -> Beyond:
        return Beyond(self._resolve, self._connect)

    async def _resolve(self, host: str, port: int) -> Sequence[str]:
        self.looked_up.append(host)
        if host not in self.addresses:
            raise OSError("Name or service not known")
        return self.addresses[host]

    async def _connect(self, address: str, port: int) -> Stream:
        self.connected.append((address, port))
        if (address, port) not in self.ports:
            raise ConnectionRefusedError(111, "Connection refused")
        return Stream(*await asyncio.open_connection("127.0.0.1", self.ports[address, port]))


# --- an index of packages --------------------------------------------------------------------------


def wheel() -> bytes:
    """The package `parcel`, which says where it is from."""
    files = {
        "parcel.py": "ORIGIN = 'the index beyond'\n",
        "parcel-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: parcel\nVersion: 1.0\n",
        "parcel-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "parcel-1.0.dist-info/RECORD": "",
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return made.getvalue()


class Index(ThreadingHTTPServer):
    """Serves that package by https; what it is asked stays here, headers included."""

    daemon_threads = True

    def __init__(self, certificate: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Page)
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self._tls = serving(certificate)

    def get_request(self) -> tuple[ssl.SSLSocket, object]:
        """A connection, whose handshake is made where it is served."""
        plain, address = super().get_request()
        return self._tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that trusts nobody or hangs up is its own affair."""

    @contextlib.contextmanager
    def serving(self) -> Iterator["Index"]:
        """Listen for the block."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            thread.join()
            self.server_close()


class _Page(BaseHTTPRequestHandler):
    """The pages an installer asks for."""

    def do_GET(self) -> None:
        assert isinstance(self.server, Index)
        self.server.asked.append((self.path, dict(self.headers)))
        link = b'<a href="/files/parcel-1.0-py3-none-any.whl">parcel-1.0-py3-none-any.whl</a>'
        pages = {"/simple/parcel/": link, "/files/parcel-1.0-py3-none-any.whl": wheel()}
        body = pages.get(self.path, b"a page\n")
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if self.path.startswith("/simple") else "application/zip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing on the test's own streams."""
