r"""The client and the NAPALM driver of GoBGP against real speakers of both versions of the API.

speaker, v3 or v4  ----  peer, Debian's
"""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from napalm import get_network_driver
from napalm.base.exceptions import ConnectionException
from napalm_gobgp.client import Client, open_address, open_socket
from napalm_gobgp.model import Change, Event, PathEvent

from tests.gobgp import Speakers, speakers
from topologies.errors import Fault, Mistake
from topologies.waiting import until

pytestmark = [pytest.mark.programs("gobgpd"), pytest.mark.root_only("makes a network beside the machine's")]
V4, V6 = "10.32.0.1/32", "fdc1:5:1ab:2::1/128"


@pytest.fixture(
    scope="module",
    params=[pytest.param("v3", marks=pytest.mark.gobgp("v3")), pytest.param("v4", marks=pytest.mark.gobgp("v4"))],
)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Speakers]]:
    """Two speakers, and the version of the first one's API."""
    with speakers(request.param, tmp_path_factory.mktemp("gobgp")) as running:
        yield request.param, running


@pytest.fixture
def client(both: tuple[str, Speakers]) -> Iterator[Client]:
    """A client of the speaker under test, with nothing announced."""
    with open_socket(both[1].speaker) as opened:
        yield opened
        for prefix in (V4, V6):
            opened.withdraw(prefix)


@pytest.fixture
def peer(both: tuple[str, Speakers]) -> Iterator[Client]:
    """A client of the other one."""
    with open_socket(both[1].peer) as opened:
        yield opened
        for prefix in (V4, V6):
            opened.withdraw(prefix)


def test_the_version_is_found_out(both: tuple[str, Speakers], client: Client) -> None:
    """The speaker is asked, and tells who it is."""
    speaker = client.speaker()

    assert (speaker.api, speaker.asn, speaker.router_id, speaker.port) == (both[0], 65001, "10.0.0.1", 179)


def test_a_session_is_read_to_its_details(client: Client) -> None:
    """State, ASNs, router id, timers, families with their limits."""
    (session,) = client.neighbors()

    assert (session.address, session.local_asn, session.peer_asn) == ("10.9.0.2", 65001, 65002)
    assert (session.up, session.enabled, session.peer_id, session.description) == (
        True,
        True,
        "10.0.0.2",
        "to 10.9.0.2",
    )
    assert (session.hold, session.keepalive, session.four_byte_asn) == (9, 3, True)
    assert [(each.name, each.limit, each.warned_at) for each in session.families] == [
        ("ipv4", 100, 80),
        ("ipv6", 100, 80),
    ]
    assert session.up_since > 0
    assert session.received.total >= 2


@pytest.mark.parametrize(("prefix", "next_hop"), [(V4, "10.9.0.1"), (V6, "fd00::1")])
def test_what_is_announced_reaches_the_peer(client: Client, peer: Client, prefix: str, next_hop: str) -> None:
    """With its communities, its next hop and its AS path; withdrawn, it is gone there."""
    client.advertise(prefix, next_hop=next_hop, communities=["65001:7", "65535:0"], med=5)

    until("announced", lambda: "" if peer.paths(prefix) else "no path", within=10)
    (path,) = peer.paths(prefix)
    assert (path.communities, path.as_path, path.neighbor) == (("65001:7", "65535:0"), (65001,), "10.9.0.1")
    assert (path.next_hop, path.best) == (next_hop, True)
    assert [each.med for each in client.paths(prefix)] == [5]

    client.withdraw(prefix)
    until("withdrawn", lambda: "a path" if peer.paths(prefix) else "", within=10)


def test_paths_are_found_below_a_prefix(client: Client) -> None:
    """Exactly, or all that lies in one; the other family and strangers are left out."""
    client.advertise(V4)
    client.advertise("10.33.0.0/24")
    client.advertise(V6)

    assert [each.prefix for each in client.paths("10.32.0.0/16", longer=True)] == [V4]
    assert client.paths("10.32.0.0/16") == ()
    assert [each.prefix for each in client.paths("::/0", longer=True)] == [V6]
    client.withdraw("10.33.0.0/24")


def test_withdrawing_twice_is_fine(client: Client) -> None:
    """What is not there cannot be taken back, and nobody minds."""
    client.withdraw(V4)
    client.withdraw(V4)


def test_a_watch_tells_what_is_there_and_what_changes(client: Client, peer: Client, both: tuple[str, Speakers]) -> None:
    """First the session and the path that there are, then one that comes and goes; it ends when it is closed."""
    peer.advertise(V4, next_hop="10.9.0.2")
    until("announced", lambda: "" if client.paths(V4) else "no path", within=10)
    told: list[Event] = []
    watcher = open_socket(both[1].speaker)
    thread = threading.Thread(target=_gather, args=(watcher, told))

    with closing(watcher):
        thread.start()
        until("told what there is", lambda: "" if len(told) >= 2 else f"only {told}", within=10)
        peer.advertise(V6, next_hop="fd00::2")
        until("told what came", lambda: "" if len(told) >= 3 else f"only {told}", within=10)
        peer.withdraw(V6)
        until("told what went", lambda: "" if len(told) >= 4 else f"only {told}", within=10)
    thread.join(timeout=10)

    assert not thread.is_alive()
    assert {each.change for each in told[:2]} == {Change.PEER_UP, Change.BEST}
    assert [(each.change, each.path.prefix) for each in told[2:] if isinstance(each, PathEvent)] == [
        (Change.BEST, V6),
        (Change.WITHDRAWN, V6),
    ]


def _gather(watcher: Client, told: list[Event]) -> None:
    for event in watcher.watch():
        told.append(event)


def test_bad_prefixes_and_communities_are_named(client: Client) -> None:
    """They are refused here, and the speaker never hears of them."""
    with pytest.raises(Mistake, match=r"'10\.32\.0\.1/33' is no prefix"):
        client.advertise("10.32.0.1/33")
    with pytest.raises(Mistake, match=r"bits beyond its length; the prefix is 10\.32\.0\.0/16"):
        client.advertise("10.32.0.1/16")
    with pytest.raises(Mistake, match="'1:70000' is no community"):
        client.advertise(V4, communities=["1:70000"])
    assert client.paths(V4) == ()


def test_the_driver_says_the_same(both: tuple[str, Speakers], client: Client, peer: Client) -> None:
    """NAPALM finds it by its name, and every getter that it has agrees with the client."""
    peer.advertise(V4, next_hop="10.9.0.2", communities=["65002:1"])
    until("announced", lambda: "" if client.paths(V4) else "no path", within=10)
    driver = get_network_driver("gobgp")

    with driver("speaker", "", "", optional_args={"socket": both[1].speaker}) as opened:
        assert opened.is_alive() == {"is_alive": True}
        assert opened.get_facts()["os_version"] == f"API {both[0]}"
        seen = opened.get_bgp_neighbors()["global"]
        peers = seen["peers"]["10.9.0.2"]
        assert (seen["router_id"], peers["is_up"], peers["remote_as"]) == ("10.0.0.1", True, 65002)
        assert peers["address_family"]["ipv4"]["received_prefixes"] == 1
        (detail,) = opened.get_bgp_neighbors_detail("10.9.0.2")["global"][65002]
        assert (detail["connection_state"], detail["accepted_prefix_count"]) == ("Established", 1)
        limits = opened.get_bgp_config(neighbor="10.9.0.2")["_"]["neighbors"]["10.9.0.2"]["prefix_limit"]
        assert limits["inet"]["unicast"]["limit"] == 100
        assert opened.get_bgp_config(neighbor="10.9.0.9") == {}
        (route,) = opened.get_route_to("10.32.0.1", "bgp")[V4]
        assert (route["next_hop"], route["protocol_attributes"]["as_path"]) == ("10.9.0.2", "65002")
        assert route["protocol_attributes"]["communities"] == ["65002:1"]
        assert opened.get_route_to(V4, "ospf") == {}
    assert not opened.is_alive()["is_alive"]


def test_who_is_not_there_is_named(tmp_path: Path) -> None:
    """A socket without a listener, a port without one, and a port that is none."""
    with pytest.raises(Fault, match=rf"{tmp_path}/no\.sock: GetBgp: unavailable"):
        open_socket(f"{tmp_path}/no.sock", timeout=2)
    with pytest.raises(Fault, match="localhost:1: GetBgp: unavailable"):
        open_address("localhost", 1, timeout=2)
    with pytest.raises(ConnectionException, match=r"port 'x': it must be a number from 1 to 65535"):
        get_network_driver("gobgp")("localhost", "", "", optional_args={"port": "x"}).open()
