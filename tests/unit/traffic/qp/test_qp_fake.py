"""The wire that tests use does what it is told, and no more."""

from connected import line, pairs, send

from labs.traffic.qp.fake import FINE, LOST, REFUSED, TWICE, Fate, Wire
from labs.traffic.qp.model import Packet

PACKETS = [Packet(4, 1, psn, size=9, offset=psn) for psn in range(6)]


def out(wire: Wire, now: int) -> list[tuple[int, bool]]:
    """Number and mark of what comes out by then."""
    return [(each.packet.psn, each.marked) for each in wire.arrived(now)]


def test_packets_come_out_after_a_delay_in_order() -> None:
    """Each once, as they were sent, but for where in their message they were, which no wire carries."""
    wire = Wire(10)
    assert wire.send(PACKETS, 5) == 6
    assert (wire.next_moment(), out(wire, 14)) == (15, [])
    arrived = wire.arrived(15)
    assert [each.packet.psn for each in arrived] == [*range(6)]
    assert {each.packet.offset for each in arrived} == {0}
    assert {each.packet.size for each in arrived} == {9}
    assert wire.next_moment() is None


def test_each_packet_has_its_fate() -> None:
    """Lost, doubled, marked, overtaken; behind the last fate none has any."""
    wire = Wire(10, [LOST, TWICE, Fate(marked=True), Fate(later=3), FINE])
    wire.send(PACKETS, 0)
    assert out(wire, 10) == [(1, False), (1, False), (2, True), (4, False), (5, False)]
    assert out(wire, 13) == [(3, False)]
    assert wire.taken == PACKETS


def test_a_refused_packet_was_not_sent_nor_were_those_behind_it() -> None:
    """They have to be sent again, and each refusal is used up by one try."""
    wire = Wire(10, [FINE, REFUSED, REFUSED])
    assert wire.send(PACKETS, 0) == 1
    assert wire.send(PACKETS[1:], 1) == 0
    assert wire.send(PACKETS[1:], 2) == 5
    assert [each.psn for each in wire.taken] == [*range(6)]


def test_a_line_ends_when_nothing_is_left_to_happen() -> None:
    """And says so when it did not within so many turns."""
    left, right = pairs(receives=1)
    left.post(send(1, 10))
    made = line(left, right)
    assert not made.run(turns=1)
    assert made.run()
    assert made.now == 2000
