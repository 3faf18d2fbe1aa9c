"""The allow-list: what a person may write, what that allows, what is refused and with which cure."""

import pytest

from dayshift.attempts import Refused
from dayshift.egress import network
from dayshift.egress.known_hosts import DATABASE_HOSTS, GIT_HOSTS, GUARDED_PORTS
from dayshift.egress.network import AllowList, cautions, destination, entry
from dayshift.egress.refusals import MOST, OTHERS, Tally, counted

SHOP = AllowList.of(["packages.example.org", "*.cdn.example.org", "api.example.org:8443", "10.1.2.3", "*.azure.com"])


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("packages.example.org", "packages.example.org"),
        (" Packages.Example.ORG. ", "packages.example.org"),
        ("packages.example.org:443", "packages.example.org"),
        ("packages.example.org:8443", "packages.example.org:8443"),
        ("*.cdn.example.org", "*.cdn.example.org"),
        ("*.CDN.example.org:8443", "*.cdn.example.org:8443"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("my_host.example.org", "my_host.example.org"),
        ("93.184.216.34", "93.184.216.34"),
        ("10.1.2.3:8443", "10.1.2.3:8443"),
        ("2606:2800:220:1::1", "[2606:2800:220:1::1]"),
        ("[2606:2800:220:1:0:0:0:1]:8443", "[2606:2800:220:1::1]:8443"),
        ("::ffff:93.184.216.34", "93.184.216.34"),
        ("github.com", "github.com"),
        ("db.example.org:5432", "db.example.org:5432"),
        ("*.githubusercontent.com", "*.githubusercontent.com"),
    ],
)
def test_an_entry_has_one_spelling(written: str, read: str) -> None:
    assert str(entry(written)) == read
    assert entry(str(entry(written))) == entry(written)


@pytest.mark.parametrize(
    ("written", "cure"),
    [
        ("", "write a host such as packages.example.org"),
        ("*", "name the hosts an install needs"),
        ("*.", "name the hosts an install needs"),
        ("*.com", "name the ones that are meant"),
        ("*.co.uk", "name the ones that are meant"),
        ("*.com.br:8443", "name the ones that are meant"),
        ("*.amazonaws.com", "name the ones that are meant"),
        ("*.s3.amazonaws.com", "name the ones that are meant"),
        ("*.shop.ngrok.io", "name the ones that are meant"),
        ("cdn*.example.org", "a star stands for whole names at the start"),
        ("packages.*.org", "a star stands for whole names at the start"),
        ("*.*.example.org", "a star stands for whole names at the start"),
        ("https://packages.example.org/simple", "write the host alone: packages.example.org"),
        ("packages.example.org/simple", "write the host alone: packages.example.org"),
        ("me:secret@packages.example.org", "write the host alone: packages.example.org"),
        ("packages", "write it whole"),
        ("packages example.org", "write it whole"),
        ("a..example.org", "write it whole"),
        ("-a.example.org", "write it whole"),
        ("a" * 64 + ".example.org", "write it whole"),
        ("a." * 127 + "org", "write it whole"),
        ("straße.example", "write the name in its xn-- form"),
        ("packages.example.org:0", "a number from 1 to 65535"),
        ("packages.example.org:65536", "a number from 1 to 65535"),
        ("packages.example.org:https", "a number from 1 to 65535"),
        ("packages.example.org:80", "only https passes"),
        ("*.example.org:80", "only https passes"),
        ("localhost", "works in the sandbox without an entry"),
        ("shop.localhost:8443", "works in the sandbox without an entry"),
        ("*.localhost", "works in the sandbox without an entry"),
        ("127.0.0.1", "is loopback"),
        ("[::1]:443", "is loopback"),
        ("::ffff:127.0.0.1", "is loopback"),
        ("0.0.0.0", "is unspecified"),
        ("0.1.2.3", "is unspecified"),
        ("169.254.169.254", "is link-local"),
        ("fe80::1", "is link-local"),
        ("fe80::1%eth0", "a number from 1 to 65535"),
        ("224.0.0.1", "is multicast"),
        ("*.10.1.2.3", "write addresses out"),
        ("127.1", "write it whole"),
        ("2130706433", "write it whole"),
        ("0x7f.0.0.0x1", "write it whole"),
        ("017700000001", "write it whole"),
        ("①②⑦.⓪.⓪.①", "write it whole"),
    ],
)
def test_what_is_no_entry_is_refused_with_a_cure(written: str, cure: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        entry(written)
    assert cure in str(refused.value)


@pytest.mark.parametrize("port", GUARDED_PORTS)
def test_a_wildcard_stands_at_no_port_of_git_or_a_database(port: int) -> None:
    with pytest.raises(ValueError, match="needs its exact host"):
        entry(f"*.example.org:{port}")
    assert AllowList.of([f"db.example.org:{port}"]).refusal("db.example.org", port) is None
    assert cautions([f"db.example.org:{port}"]) != []


GIT = (
    *GIT_HOSTS, "github.com", "gitlab.com", "bitbucket.org", "gitea.com", "ssh.github.com", "gist.github.com",
    "shop.ghe.com", "ghe.example.org", "git.example.org", "gitlab.example.org", "gitlab-ee.corp.example.org",
    "shop.visualstudio.com", "git-codecommit.eu-west-1.vpc.example.org", "git2.example.org",
)  # fmt: skip


@pytest.mark.parametrize("host", [*GIT, *DATABASE_HOSTS])
def test_a_host_that_serves_git_or_a_database_needs_its_exact_name(host: str) -> None:
    parent = host.partition(".")[2]
    wild = AllowList((network.Entry(parent, below=True),))
    refused = wild.refusal(host, 443)
    assert refused is not None
    assert "which only its exact name in `network:` allows" in refused.why
    assert refused.cure == host
    with pytest.raises(ValueError, match=r"covers hosts that (serve|anybody)"):
        entry(f"*.{host}")
    assert AllowList.of([host]).refusal(host, 443) is None
    assert cautions([host, "packages.example.org"]) == cautions([host]) != []


@pytest.mark.parametrize(
    ("host", "port", "allowed"),
    [
        ("packages.example.org", 443, True),
        ("packages.example.org", 8443, False),
        ("www.packages.example.org", 443, False),
        ("evil-packages.example.org", 443, False),
        ("packages.example.org.evil.example", 443, False),
        ("example.org", 443, False),
        ("a.cdn.example.org", 443, True),
        ("a.b.cdn.example.org", 443, True),
        ("cdn.example.org", 443, False),
        ("evilcdn.example.org", 443, False),
        ("a.cdn.example.org", 8443, False),
        ("api.example.org", 8443, True),
        ("api.example.org", 443, False),
        ("10.1.2.3", 443, True),
        ("10.1.2.4", 443, False),
        ("login.azure.com", 443, True),
        ("dev.azure.com", 443, False),
    ],
)
def test_a_connection_is_allowed_by_its_very_name_and_port(host: str, port: int, allowed: bool) -> None:
    assert (SHOP.refusal(host, port) is None) is allowed


def test_an_empty_list_allows_nothing() -> None:
    assert AllowList().refusal("packages.example.org", 443) == Refused(
        "packages.example.org", 443, network.UNLISTED, cure="packages.example.org"
    )


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("Packages.Example.org.:443", ("packages.example.org", 443)),
        ("[2606:2800::1]:443", ("2606:2800::1", 443)),
        ("[::ffff:10.1.2.3]:443", ("10.1.2.3", 443)),
        ("packages.example.org", None),
        ("https://packages.example.org:443", None),
        ("packages.example.org:443:443", None),
        ("packages.example.org:+443", None),
        ("packages.example.org:٤٤٣", None),
        ("127.1:443", None),
        ("user@packages.example.org:443", None),
        ("*.example.org:443", None),
        ("packages.example.org\0.evil.example:443", None),
    ],
)
def test_a_request_names_its_host_as_the_list_does(target: str, found: tuple[str, int] | None) -> None:
    if found:
        assert destination(target) == found
    else:
        with pytest.raises(ValueError, match=r"."):
            destination(target)


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("127.9.9.9", False),
        ("0.0.0.0", False),
        ("10.1.2.4", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("198.18.0.1", False),
        ("192.0.2.1", False),
        ("224.0.0.1", False),
        ("239.1.1.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::7f00:1", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("2001:db8::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.1.2.4", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2001:0:53aa:64c:0:0:80ff:fffe", False),
        ("fe80::1%eth0", False),
        ("no address", False),
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
    ],
)
def test_a_name_may_lead_to_public_addresses_and_to_what_is_named_itself(address: str, allowed: bool) -> None:
    assert (SHOP.forbids(address, 443) == "") is allowed


def test_the_variables_lead_everything_but_loopback_to_the_proxy() -> None:
    found = network.variables(8901)
    assert found["HTTPS_PROXY"] == found["https_proxy"] == found["http_proxy"] == "http://127.0.0.1:8901"
    assert {"127.0.0.1", "localhost", "::1"} <= set(found["NO_PROXY"].split(","))
    assert found["NODE_USE_ENV_PROXY"] == "1"


# --- counting --------------------------------------------------------------------------------------


def refused(number: int, times: int = 1) -> Refused:
    return Refused(f"host-{number}.example.org", 443, network.UNLISTED, times=times)


def test_the_same_refusal_is_one_line_with_its_number() -> None:
    found = counted(counted(counted((), refused(1)), refused(2, times=3)), refused(1, times=2))
    assert found == (refused(1, times=3), refused(2, times=3))


def test_there_is_an_end_to_how_many_refusals_are_told_apart() -> None:
    found: tuple[Refused, ...] = ()
    for number in range(MOST + 5):
        found = counted(found, refused(number))
    assert len(found) == MOST + 1
    assert (found[-1].host, found[-1].times) == (OTHERS.host, 5)
    assert sum(each.times for each in found) == MOST + 5


def test_a_tally_tells_the_first_at_once_few_of_the_rest_and_all_in_sum() -> None:
    told: list[Refused] = []
    tally = Tally(told.append)
    tally.add(refused(1))
    assert told == [refused(1)]
    for _ in range(999):
        tally.add(refused(1))
    for number in range(2, 1000):
        tally.add(refused(number))
    tally.close()
    tally.close()
    assert sum(each.times for each in told) == 1998
    assert len(told) < MOST + 40
