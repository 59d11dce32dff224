"""Datagram queue pairs: sent, and taken or dropped."""

import pytest
from msgspec.structs import replace

from labs.traffic.qp.datagram import Datagram, DatagramPair, Dropped
from labs.traffic.qp.fake import FINE, LOST, REFUSED, Line, Wire
from labs.traffic.qp.model import Completion, Packet, Receive, Status, Work
from labs.traffic.roce.fields import Deth
from topologies.errors import Mistake

KEY = 0x1234
TO_ME = Datagram(1, 100, qp=5, qkey=KEY)


def me(receives: int = 1, psn: int = 0) -> DatagramPair:
    """Queue pair 5, with so many receives of 100 bytes."""
    made = DatagramPair(5, KEY, psn=psn)
    for number in range(receives):
        made.post_receive(Receive(number, 100))
    return made


def packet(sender: DatagramPair, datagram: Datagram) -> Packet:
    sender.post(datagram)
    (made,) = sender.poll(0)
    return made


def test_a_datagram_is_one_packet_that_says_who_sent_it() -> None:
    """It is completed when it is sent, and taken by a receive."""
    sender, receiver = DatagramPair(9, 0), me()
    made = packet(sender, replace(TO_ME, immediate=0))
    assert made == Packet(0x65, 5, 0, size=100, immediate=0, deth=Deth(KEY, 9))
    sender.sent(1, 0)
    receiver.hear(made, 1)
    assert sender.completions() == [Completion(1, Work.SEND, Status.SUCCESS, 100)]
    assert receiver.completions() == [Completion(0, Work.RECEIVE, Status.SUCCESS, 100, 0, 9)]
    assert (sender.next_moment(0), receiver.poll(1)) == (None, [])


def test_what_is_lost_stays_lost() -> None:
    """Nobody says so, the numbers go on, and what comes is taken as it comes; refused packets were not sent."""
    sender, receiver = DatagramPair(9, 0, psn=0xFFFFFF), me(receives=3)
    for number in range(3):
        sender.post(replace(TO_ME, id=number, length=number))
    line = Line(sender, receiver, Wire(10, [REFUSED, FINE, REFUSED, LOST, FINE]), Wire(10))
    assert line.run(100)
    assert [each.id for each in sender.completions()] == [0, 1, 2]
    assert [each.length for each in receiver.completions()] == [0, 2]
    assert [each.psn for each in line.to_right.taken] == [0xFFFFFF, 0, 1]
    assert line.to_left.taken == []


def test_what_cannot_be_taken_is_dropped_and_counted() -> None:
    """By why: another key, no receive, headers missing, too large; packets of other kinds are not even that."""
    sender, receiver = DatagramPair(9, 0), me()
    made = packet(sender, TO_ME)
    for wrong in (
        replace(made, deth=Deth(KEY + 1, 9)),
        replace(made, deth=None),
        replace(made, size=1025),
        replace(made, opcode=0x65),
        replace(made, immediate=1),
        replace(made, opcode=0x04),
    ):
        receiver.hear(wrong, 0)
    assert receiver.dropped == Dropped(wrong_key=1, no_receive=0, malformed=4)
    receiver.hear(made, 0)
    receiver.hear(made, 0)
    assert receiver.dropped.no_receive == 1
    assert len(receiver.completions()) == 1


def test_a_receive_that_is_too_small_has_a_length_error() -> None:
    """The queue pair goes on."""
    sender, receiver = DatagramPair(9, 0), me(receives=2)
    receiver.hear(packet(sender, replace(TO_ME, length=101)), 0)
    assert receiver.completions() == [Completion(0, Work.RECEIVE, Status.LENGTH, source_qp=9)]
    receiver.hear(packet(DatagramPair(9, 0), TO_ME), 0)
    assert receiver.completions()[0].status is Status.SUCCESS


@pytest.mark.parametrize(
    "changes",
    [{"length": 1025}, {"length": -1}, {"qp": 1 << 24}, {"qkey": -1}, {"qkey": 1 << 32}, {"immediate": 1 << 32}],
)
def test_datagrams_that_cannot_be_are_refused(changes: dict[str, int]) -> None:
    """As are queue pairs; a message larger than a packet is one of them."""
    with pytest.raises(Mistake, match=f"datagram 1: {next(iter(changes))}"):
        DatagramPair(9, 0).post(replace(TO_ME, **changes))


def test_queue_pairs_that_cannot_be_are_refused() -> None:
    """With what there may be instead."""
    with pytest.raises(Mistake, match="qkey"):
        DatagramPair(9, -1)
    with pytest.raises(Mistake, match="mtu: 9000; there are 256"):
        DatagramPair(9, 0, mtu=9000)
    with pytest.raises(ValueError, match="1 packets sent, of 0"):
        DatagramPair(9, 0).sent(1, 0)


def test_the_budget_of_a_poll_is_kept() -> None:
    """So many packets, the last beginning before so many bytes."""
    sender = DatagramPair(9, 0)
    for number in range(5):
        sender.post(replace(TO_ME, id=number))
    assert [
        len(sender.poll(0, most, payload)) for most, payload in ((3, 1000), (9, 100), (9, 101), (9, 0), (0, 9))
    ] == [
        3,
        1,
        2,
        0,
        0,
    ]
