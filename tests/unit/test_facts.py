"""What FRR's JSON becomes: recordings of two FRR versions, taken from one router with every kind of neighbour."""

from pathlib import Path

import pytest

from telemetry.frr import parse_bfd, parse_neighbors, parse_own, parse_states
from topologies.errors import Fault

RECORDINGS = sorted((Path(__file__).parents[1] / "golden" / "facts").glob("frr-*"))


@pytest.fixture(params=RECORDINGS, ids=lambda path: path.name)
def recording(request: pytest.FixtureRequest) -> Path:
    """One FRR version's answers."""
    path: Path = request.param
    return path


def test_there_are_recordings_of_both_generations() -> None:
    """The parser is held by FRR 8.4 and by FRR 10."""
    assert [path.name.split(".")[0] for path in RECORDINGS] == ["frr-10", "frr-8"]


def test_sessions_carry_what_was_negotiated(recording: Path) -> None:
    """A numbered, an unnumbered, an IPv6, a refused and a shut session each show their own state and capabilities."""
    sessions = parse_neighbors((recording / "bgp-neighbors.json").read_text())

    assert set(sessions) == {"10.0.0.1", "fd00::1", "eth2", "10.0.3.1", "10.9.9.9"}
    unnumbered = sessions["eth2"]
    assert unnumbered.established
    assert unnumbered.families == ("ipv4", "ipv6")
    assert unnumbered.extended_nexthop
    assert unnumbered.four_byte_asn
    assert unnumbered.graceful_restart
    assert (unnumbered.router_id, unnumbered.hostname) == ("10.255.0.1", "spine1")
    assert (unnumbered.hold, unnumbered.keepalive) == (9.0, 3.0)
    assert unnumbered.prefixes == (("ipv4", 1, 2), ("ipv6", 1, 2))
    assert unnumbered.uptime > 5
    assert unnumbered.local_asn == 4200000001
    assert sessions["10.0.0.1"].families == ("ipv4",)
    assert not sessions["10.0.0.1"].extended_nexthop
    assert sessions["fd00::1"].families == ("ipv6",)


def test_a_session_that_is_refused_says_why(recording: Path) -> None:
    """A peer with another ASN than configured leaves its reason; a shut session is told from a broken one."""
    sessions = parse_neighbors((recording / "bgp-neighbors.json").read_text())

    refused = sessions["10.0.3.1"]
    assert not refused.established
    assert refused.peer_asn == 4200099999
    assert "Bad Peer AS" in refused.last_reset
    assert not refused.admin_down
    assert sessions["10.9.9.9"].admin_down
    assert sessions["10.9.9.9"].uptime == 0


def test_states_are_read_from_the_summary(recording: Path) -> None:
    """The short answer tells the same states as the long one."""
    states = parse_states((recording / "bgp-summary.json").read_text())

    assert {name for name, state in states.items() if state == "Established"} == {"10.0.0.1", "fd00::1", "eth2"}
    assert states["10.0.3.1"] != "Established"


def test_a_router_s_own_prefixes_are_those_from_nobody(recording: Path) -> None:
    """Not those that iBGP told, whose path is empty too."""
    assert parse_own((recording / "bgp-own.json").read_text()) == ("10.9.0.2/32",)
    assert parse_own("{}") == ()


def test_bfd_peers_have_address_interface_and_status(recording: Path) -> None:
    """A single-hop BFD session names its peer and interface."""
    (peer,) = parse_bfd((recording / "bfd-peers.json").read_text())

    assert (peer.peer, peer.interface, peer.status) == ("10.0.0.1", "eth1", "up")


def test_a_router_without_bgp_has_no_sessions() -> None:
    """FRR's remark that there is no BGP instance is not taken for a neighbour."""
    assert parse_neighbors('{"bgpNoSuchInstance":true}') == {}
    assert parse_states("{}") == {}
    assert parse_bfd("[]") == ()


def test_an_answer_that_is_no_json_is_a_fault() -> None:
    """What FRR said instead is quoted."""
    with pytest.raises(Fault, match="% Unknown command"):
        parse_neighbors("% Unknown command")
