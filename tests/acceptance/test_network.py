"""Network by exception, with the real CLI: installs from an allowed index, and what is said of all that was refused."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dayshift.sandboxing.sandbox import PROXY_NAME
from tests.beyond import MIRROR, PACKAGES, STRANGER, Index, certified

from .conftest import BuildHouse
from .house import House, left_behind, until, untouched
from .model import Model

pytestmark = pytest.mark.long

NETWORKED = Path(__file__).with_name("networked.py")
INSTALL = f"pip install --no-cache-dir --no-deps --disable-pip-version-check --cert ca.pem --index-url https://{PACKAGES}/simple"
FETCH = "curl -sS --max-time 20 --cacert ca.pem "
OF_AN_INSTALLER = {"host", "user-agent", "accept", "accept-encoding", "connection", "cache-control"}
# A test suite in small: its server on loopback is asked as if there were no proxy.
SUITE = (
    "python -m http.server --bind 127.0.0.1 8000 >/dev/null 2>&1 & "
    "for n in $(seq 100); do curl -sf http://localhost:8000/README.md && break; sleep 0.05; done; kill $!"
)
AGENT: list[dict[str, Any]] = [
    {"bash": f"touch started; until [ -e go-on ]; do sleep 0.1; done; {FETCH} --fail https://{PACKAGES}/later"},
    {"bash": f"{INSTALL} --target vendored parcel && python vendored/parcel.py && echo installed"},
    {"bash": f"for n in 1 2 3; do {FETCH} https://{STRANGER}/; done"},
    {"bash": f"{FETCH} http://{PACKAGES}/"},
    {"bash": f"git clone https://{PACKAGES}/shop.git"},
    {"bash": SUITE},
    {"write": {"path": "done.md", "content": "Installed.\n"}},
    {"text": "Done."},
]
TASK = {
    "id": "install",
    "network": [PACKAGES, "*.cdn.example.org"],
    "deliverables": ["done.md"],
    "validate": [
        "python vendored/parcel.py",
        f"{FETCH} --fail https://{MIRROR}/checked",
        f"! {FETCH} https://{STRANGER}/",
    ],
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certified(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def index(certificate: Path) -> Iterator[Index]:
    with Index(certificate).serving() as index:
        yield index


def is_served(place: Path) -> bool:
    """Whether somebody listens at that socket; a daemon that was killed leaves its file behind."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(place)) == 0


@pytest.fixture(scope="module")
def installed(build: BuildHouse, index: Index, certificate: Path, cli: Path) -> House:
    """A day on which setup, agent and validations each reach what they may, the agent by way of two daemons."""
    house = build(tracked={"ca.pem": certificate.read_text()})
    setup = f"{FETCH} --fail -o from-setup https://{PACKAGES}/prepared"
    before = house.fingerprint()
    with Model().serving() as model:
        model.plays(house.workspace("install"), AGENT)
        house.environment |= {
            **model.environment(cli), "PORT_BEYOND": str(index.server_port),
            "DAYSHIFT_WORKSPACE__SETUP": json.dumps([setup]),
        }  # fmt: skip
        repo = house.workspace("install") / "repo"
        first = house.start("start", house.day(TASK), entry=NETWORKED)
        until((repo / "started").exists, 60, "the agent began")
        first.kill()
        second = house.start("start", "--once", entry=NETWORKED)
        until(lambda: is_served(house.home.sockets() / "install" / PROXY_NAME), 60, "the way is open again")
        (repo / "go-on").touch()
        assert second.ends() == 0, second.said
    assert untouched(before, house.fingerprint())
    assert left_behind(house) == []
    return house


def test_setup_agent_and_validations_reach_the_allowed_index(installed: House, index: Index) -> None:
    repo = installed.workspace("install") / "repo"
    assert (repo / "from-setup").read_text() == "a page\n"
    assert (repo / "vendored" / "parcel.py").is_file()
    assert "installed" in installed.stream("install")
    assert [check["exit_code"] for check in installed.task("install", rehearsal=False)["checks"]] == [0] * 4
    paths = ["/prepared", "/later", "/simple/parcel/", "/files/parcel-1.0-py3-none-any.whl", "/checked"]
    assert [path for path, _ in index.asked] == paths
    assert installed.task("install", rehearsal=False)["runs"] == 1  # which a restarted daemon took up with its hosts


def test_nothing_but_what_the_installer_says_reaches_the_index(index: Index, installed: House) -> None:
    assert {headers["Host"] for _, headers in index.asked} == {PACKAGES, MIRROR}
    names = {name.lower() for _, headers in index.asked for name in headers}
    assert names <= OF_AN_INSTALLER


def test_what_was_refused_is_counted_told_and_no_forbidden_attempt(installed: House) -> None:
    task = installed.task("install", rehearsal=False)
    assert [(each["host"], each["port"], each["times"], each["cure"]) for each in task["refused"]] == [
        (STRANGER, 443, 4, STRANGER)
    ]
    assert [each["command"] for each in task["blocked"]] == [f"git clone https://{PACKAGES}/shop.git"]
    log = installed.log("install")
    assert f"network: REFUSED {STRANGER}:443: it is not in `network:`" in log
    assert f"network: reached {PACKAGES}:443 " in log
    report = installed.report(rehearsal=False)
    assert f"- **Network refused**: `{STRANGER}:443` (4x), since it is not in " in report
    assert f"`network: [{STRANGER}]`" in report
    assert f"no network but the gateway and {PACKAGES} and " in report


def test_the_model_and_the_servers_of_a_test_suite_are_reached_past_the_proxy(installed: House) -> None:
    stream = installed.stream("install")
    assert "# Shop" in stream
    assert "only https passes here, by CONNECT" in stream
