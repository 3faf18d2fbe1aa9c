"""From the real sandbox through the tunnel: an allowed index is reached, nothing else is, loopback is as usual."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dayshift.attempts import Refused
from dayshift.egress import network
from dayshift.egress.network import UNLISTED, AllowList
from dayshift.egress.tunnel import Tunnel
from dayshift.repository.workspace import Workspace
from dayshift.sandboxing.sandbox import PROXY_NAME, PROXY_PORT, Sandbox

from .beyond import PACKAGES, PUBLIC, STRANGER, Index, World, certified

SECONDS = 60
FETCH = "/usr/bin/python3 -c 'import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=20).read())' "
STRAIGHT = "/usr/bin/python3 -c 'import socket; socket.create_connection((\"{}\", 443), 5)'"
# A test suite in small: a server on loopback, asked by both of its names and past the proxy.
SUITE = """
/usr/bin/python3 -m http.server --bind 127.0.0.1 8000 > /dev/null 2>&1 &
for n in $(seq 100); do curl -sf http://127.0.0.1:8000/README.md && break; sleep 0.05; done
curl -sf http://localhost:8000/README.md && {fetch} http://127.0.0.1:8000/README.md; code=$?
kill $!; exit $code
"""


@dataclass
class Inside:
    """One sandbox with a way to the index, and what the person is told of it."""

    sandbox: Sandbox
    index: Index
    notes: list[str] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    async def runs(self, script: str) -> tuple[int | None, str]:
        """How the script ends, and all that it says."""
        argv = self.sandbox.argv(["/bin/sh", "-c", script])
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env={},
        )  # fmt: skip
        async with asyncio.timeout(SECONDS):
            said, _ = await process.communicate()
        return process.returncode, said.decode()


@pytest.fixture
def index(place: Workspace) -> Iterator[Index]:
    certificate = certified(place.folder)
    with Index(certificate).serving() as index:
        yield index


@pytest.fixture
async def inside(place: Workspace, index: Index) -> AsyncIterator[Inside]:
    async with inside_of(place, index, [PACKAGES]) as found:
        yield found


@asynccontextmanager
async def inside_of(place: Workspace, index: Index, hosts: list[str]) -> AsyncIterator[Inside]:
    world = World({(address, 443): index.server_port for address in PUBLIC.values()})
    with tempfile.TemporaryDirectory(prefix="network-") as sockets:
        trusted = place.folder / "certificate.pem"
        variables = {"SSL_CERT_FILE": str(trusted), "CURL_CA_BUNDLE": str(trusted), **network.variables(PROXY_PORT)}
        sandbox = Sandbox(
            workspace=place.folder, repo=place.repo, git_dir=place.project.common_dir, home=place.home,
            environment={"PATH": "/usr/bin:/bin", **variables}, sockets=Path(sockets), network=True,
        )  # fmt: skip
        found = Inside(sandbox, index)
        tunnel = Tunnel(AllowList.of(hosts), world.beyond, found.notes.append, found.refused.append)
        await tunnel.open(Path(sockets, PROXY_NAME))
        yield found
        await tunnel.close()


@pytest.mark.parametrize("fetch", [FETCH, "curl -sS --max-time 20 "], ids=["python", "curl"])
async def test_an_allowed_index_is_reached_and_another_host_is_not(inside: Inside, fetch: str) -> None:
    code, said = await inside.runs(f"{fetch} https://{PACKAGES}/simple/parcel/")
    assert (code, "parcel-1.0-py3-none-any.whl" in said) == (0, True), said
    code, said = await inside.runs(f"{fetch} https://{STRANGER}/")
    assert (code != 0, "403" in said) == (True, True), said
    assert [(each.target, each.why, each.cure) for each in inside.refused] == [(f"{STRANGER}:443", UNLISTED, STRANGER)]
    (asked,) = inside.index.asked
    assert asked[0] == "/simple/parcel/"
    assert not any(name.lower().startswith(("proxy", "authorization", "x-", "via", "forwarded")) for name in asked[1])


async def test_plain_http_is_told_what_to_write_instead(inside: Inside) -> None:
    code, said = await inside.runs(f"curl -sS --max-time 20 http://{PACKAGES}/")
    assert (code, said) == (0, "dayshift: only https passes here, by CONNECT. Write https:// where http:// stands.\n")


async def test_past_the_proxy_there_is_no_way_out(inside: Inside) -> None:
    for target in (PACKAGES, PUBLIC[PACKAGES], "10.0.0.1", "169.254.169.254"):
        code, said = await inside.runs(STRAIGHT.format(target))
        assert code != 0 and "rror" in said, (target, said)
    code, said = await inside.runs(f"curl -sS --noproxy '*' --max-time 20 https://{PACKAGES}/")
    assert code != 0, said
    code, said = await inside.runs("curl -sS --max-time 20 http://127.0.0.1:8900/")  # no model in reach either
    assert code != 0, said
    assert (inside.index.asked, inside.refused) == ([], [])


async def test_asking_the_proxy_for_the_host_itself_leads_nowhere(inside: Inside) -> None:
    for target in ("127.0.0.1:5432", "localhost:443", "[::1]:22", "10.0.0.1:443", "github.com:443"):
        code, said = await inside.runs(f"curl -sS --max-time 20 --noproxy '' https://{target}/")
        assert code != 0, (target, said)
    assert {each.host for each in inside.refused} == {"127.0.0.1", "::1", "10.0.0.1", "github.com"}
    assert inside.index.asked == []


async def test_servers_on_loopback_are_reached_as_usual(inside: Inside) -> None:
    code, said = await inside.runs(SUITE.format(fetch=FETCH))
    assert (code, said.count("# Shop")) == (0, 3), said
    assert inside.refused == []
