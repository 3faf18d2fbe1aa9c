"""Services that channels lead to, on loopback: HTTP, HTTPS behind a proxy under their own names, and SMTP."""

import asyncio
import json
import ssl
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Received:
    """One request as it arrived."""

    host: str
    path: str
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Service(ThreadingHTTPServer):
    """Notes every request; answers with the status that is next, else 200. As a proxy it stands for every host."""

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Visit)
        self.certificate = certificate
        self.received: list[Received] = []
        self.statuses: list[int] = []
        self.answer: Any = None  #: as JSON; the word `ok`, as Slack says it, if there is none
        self.delay = 0.0

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Visit(BaseHTTPRequestHandler):
    server: Service
    protocol_version = "HTTP/1.1"
    host = "127.0.0.1"

    def do_CONNECT(self) -> None:
        assert self.server.certificate is not None
        self.host = self.path.partition(":")[0]
        self.send_response(200)
        self.end_headers()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server.certificate)
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.close_connection = False
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append(Received(self.host, self.path, body))
        time.sleep(self.server.delay)
        self.close_connection = True
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        answer = json.dumps(self.server.answer).encode() if self.server.answer else b"ok"
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(answer)

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def log_message(self, *words: Any) -> None:
        """Nobody reads it."""


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[Service]:
    """A service on a free port of loopback."""
    with Service(certificate) as service:
        thread = threading.Thread(target=service.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join()


@dataclass
class Post:
    """An SMTP server that takes every mail of whoever logs in."""

    mails: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        say("220 post ready")
        while line := (await reader.readline()).decode().strip():
            match line.split(" ")[0].upper():
                case "EHLO":
                    say("250-post")
                    say("250 AUTH PLAIN")
                case "AUTH":
                    self.logins.append(line)
                    say("235 welcome")
                case "DATA":
                    say("354 go on")
                    self.mails.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                    say("250 taken")
                case "QUIT":
                    say("221 bye")
                    break
                case _:
                    say("250 fine")
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def listening(post: Post) -> AsyncIterator[None]:
    """The post on a free port of loopback."""
    server = await asyncio.start_server(post.serve, "127.0.0.1", 0)
    post.port = server.sockets[0].getsockname()[1]
    async with server:
        yield


def certificate_for(folder: Path, *hosts: str) -> Path:
    """Key and certificate in one file, for these names."""
    path, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", f"/CN={hosts[0]}", "-addext", "subjectAltName=" + ",".join(f"DNS:{host}" for host in hosts),
         "-keyout", key, "-out", path],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + key.read_bytes())
    return path
