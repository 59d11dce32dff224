"""Rules by which hosts hand over connections that they do not know."""

import pytest

from automation.handover import dscp, rules, table_of
from topologies.errors import Mistake

OWN, NEXT, THIRD = "10.64.1.3", "10.64.2.3", "10.64.3.3"


def test_a_packet_of_no_connection_goes_on_marked_to_the_next_host() -> None:
    """With how many others may be asked after that one; one that opens a connection stays."""
    lines = rules("10.32.0.1", OWN, [NEXT, THIRD]).splitlines()

    assert "ip daddr 10.32.0.1 tcp flags & (syn | ack) != syn goto arrived" in lines
    assert "chain arrived { socket wildcard 1 goto on1; socket transparent 0 accept; goto on1; }" in lines
    assert f"chain on1 {{ ip dscp set {dscp(1)} ip daddr set {NEXT}; }}" in lines


def test_a_handed_packet_is_taken_or_goes_on_until_nobody_is_left() -> None:
    """It is for the service again; the last host keeps it, whatever it knows."""
    text = rules("10.32.0.1", OWN, [NEXT, THIRD])

    for left in (0, 1):
        assert f"ip daddr {OWN} ip dscp {dscp(left)} ip daddr set 10.32.0.1 goto handed{left}" in text
    assert "chain handed1 { socket wildcard 1 goto on0; socket transparent 0 accept; goto on0; }" in text
    assert "chain handed0 { socket wildcard 1 accept; socket transparent 0 accept; accept; }" in text


def test_marks_are_of_local_use_only() -> None:
    """xxxx11 (RFC 2474, pool 2): routing protocols, which have CS6, and RoCE are none of them."""
    marks = [dscp(left) for left in range(16)]

    assert len(set(marks)) == 16
    assert all(mark & 0b11 == 0b11 and mark < 64 for mark in marks)


def test_rules_of_ipv6_are_a_table_of_their_own() -> None:
    """Whose name nft takes."""
    assert table_of("fdc1:5:1ab:2::1") == "ip6 closlab_fdc1_5_1ab_2__1"
    assert "ip6 daddr set fdc2::2" in rules("fdc1:5:1ab:2::1", "fdc2::1", ["fdc2::2"])


@pytest.mark.parametrize(
    ("own", "peers", "words"),
    [
        (OWN, ["fdc2::2"], "fdc2::2 is of the other family"),
        ("fdc2::2", [NEXT], "fdc2::2 is of the other family"),
        (OWN, [f"10.64.9.{number}" for number in range(16)], "17 hosts hand over to each other; 16 at most can"),
    ],
)
def test_what_cannot_be_handed_over_is_said(own: str, peers: list[str], words: str) -> None:
    """Before anything is changed."""
    with pytest.raises(Mistake, match=words):
        rules("10.32.0.1", own, peers)
