"""What one end answers to what it is sent, and what it takes."""

import pytest
from connected import LEFT_PSN, MTU, REGION, RIGHT, SMALL, pairs, poll, read, send, write
from msgspec.structs import replace

from labs.traffic.qp.dcqcn.notification import notification
from labs.traffic.qp.model import Completion, Counts, Packet, Receive, Region, Request, Right, Settings, Status, Work
from labs.traffic.qp.pair import QueuePair, State
from labs.traffic.roce.fields import Answer, Deth, Reth

INVALID, NO_ACCESS = 1, 2


def packets_of(*requests: Request, settings: Settings = SMALL) -> list[Packet]:
    """What the left end sends of requests, whatever its window."""
    left, _ = pairs(Settings(mtu=settings.mtu, window=1000, ack_every=1000))
    for request in requests:
        left.post(request)
    return poll(left)


def taking(receives: int = 0, settings: Settings = SMALL, regions: tuple[Region, ...] = (REGION,)) -> QueuePair:
    """The right end, with so many receives of 1 KiB, numbered from 0."""
    right = QueuePair(RIGHT, 0x11, settings, peer_psn=LEFT_PSN, regions=regions)
    for number in range(receives):
        right.post_receive(Receive(number, 1024))
    return right


def answers(right: QueuePair) -> list[tuple[Answer, int, int]]:
    """Kind, code, and how far behind the first number each answer is."""
    found = poll(right)
    assert all(each.aeth for each in found)
    return [(each.aeth.answer, each.aeth.code, (each.psn - LEFT_PSN) & 0xFFFFFF) for each in found if each.aeth]


def hear(right: QueuePair, packets: list[Packet]) -> None:
    for packet in packets:
        right.hear(packet, 0)


def test_acknowledges_are_coalesced() -> None:
    """One for every so many packets, one that is asked for, and one at a message's end; the last stands for all."""
    right = taking()
    packets = packets_of(write(1, 11 * MTU))
    said = []
    for packet in packets:
        right.hear(replace(packet, ack_requested=packet is packets[5]), 0)
        said += [psn for _, _, psn in answers(right)]
    assert said == [3, 5, 9, 10]
    right = taking()
    hear(right, packets)
    assert answers(right) == [(Answer.ACK, 31, 10)]


def test_a_gap_has_one_nak_and_then_silence() -> None:
    """For the missing packet; when that has come there may be another gap."""
    right = taking()
    packets = packets_of(write(1, 8 * MTU))
    hear(right, packets[:2] + packets[3:6])
    assert answers(right) == [(Answer.NAK, 0, 2)]
    hear(right, packets[6:])
    assert answers(right) == []
    hear(right, packets[2:4] + packets[5:])
    assert answers(right) == [(Answer.ACK, 31, 3), (Answer.NAK, 0, 4)]
    assert right.counts == Counts(0, 0, 0, naks_said=2)


def test_what_came_before_is_acknowledged_again_and_not_taken_again() -> None:
    """Up to the last that came, whichever it is."""
    right = taking(receives=2)
    packets = packets_of(send(1, 3), send(2, 4))
    hear(right, packets)
    answers(right)
    right.completions()
    right.hear(packets[0], 0)
    assert answers(right) == [(Answer.ACK, 31, 1)]
    assert right.completions() == []


def test_a_read_that_came_before_is_answered_again() -> None:
    """Also a part of it, from where the requester missed something; but not more than it was."""
    right = taking()
    (packet,) = packets_of(read(1, 3 * MTU))
    right.hear(packet, 0)
    first = poll(right)
    right.hear(packet, 0)
    assert poll(right) == first
    part = replace(packet, psn=packet.psn + 1, reth=Reth(REGION.address + MTU, REGION.rkey, 2 * MTU))
    right.hear(part, 0)
    assert [(each.psn, each.size) for each in poll(right)] == [(each.psn, MTU) for each in first[1:]]
    right.hear(replace(part, psn=packet.psn + 2), 0)
    assert poll(right) == []


def test_no_acknowledge_overtakes_the_data_of_a_read() -> None:
    """For it would acknowledge the READ as well."""
    right = taking()
    hear(right, packets_of(write(1, 1), read(2, 2 * MTU), write(3, 1)))
    assert [(each.psn - LEFT_PSN) & 0xFFFFFF for each in poll(right)] == [0, 1, 2, 3]


def test_too_many_reads_at_a_time_are_invalid() -> None:
    """They count until their data is sent; what comes again is not answered beyond that, but is no mistake."""
    settings = Settings(mtu=MTU, reads_taken=2)
    packets = packets_of(*(read(number, MTU) for number in range(4)))
    right = taking(settings=settings)
    hear(right, packets[:2] + packets[:2] * 5)
    assert len(poll(right, most=1)) == 1
    hear(right, packets[2:3])
    assert right.state is State.CONNECTED
    assert len(poll(right)) == 4
    hear(right, packets[3:])
    assert len(poll(right)) == 1

    right = taking(settings=settings)
    hear(right, packets[:3])
    assert right.state is State.ERROR
    assert [each.aeth.answer for each in poll(right) if each.aeth] == [Answer.ACK, Answer.ACK, Answer.NAK]


def test_no_receive_is_not_ready() -> None:
    """With the code of how long to wait; what is behind is not heard, and it is taken when there is a receive."""
    right = taking(settings=Settings(mtu=MTU, rnr_timer=9))
    packets = packets_of(send(1, 2 * MTU), write(2, 1))
    hear(right, packets)
    assert answers(right) == [(Answer.RNR, 9, 0)]
    hear(right, packets[:1])
    assert answers(right) == [(Answer.RNR, 9, 0)]
    right.post_receive(Receive(5, 2 * MTU))
    hear(right, packets)
    assert answers(right) == [(Answer.ACK, 31, 2)]
    assert right.completions() == [Completion(5, Work.RECEIVE, Status.SUCCESS, 2 * MTU)]


def test_a_write_with_immediate_takes_a_receive_at_its_end() -> None:
    """Without one only its last packet is to be sent again."""
    right = taking()
    packets = packets_of(write(1, 2 * MTU, immediate=0))
    hear(right, packets)
    assert answers(right) == [(Answer.RNR, 1, 1)]
    right.post_receive(Receive(5, 0))  # it takes no room
    hear(right, packets[1:])
    assert answers(right) == [(Answer.ACK, 31, 1)]
    assert right.completions() == [Completion(5, Work.RECEIVE_WRITE, Status.SUCCESS, 2 * MTU, 0)]


def test_a_message_larger_than_its_receive_ends_the_queue_pair() -> None:
    """Where it becomes so; the receive has a length error, the others are flushed, and the peer hears a NAK."""
    right = taking(receives=2)
    hear(right, packets_of(send(1, 5 * MTU)))
    assert answers(right) == [(Answer.ACK, 31, 3), (Answer.NAK, INVALID, 4)]
    assert right.completions() == [
        Completion(0, Work.RECEIVE, Status.LENGTH),
        Completion(1, Work.RECEIVE, Status.FLUSHED),
    ]


WRITES = packets_of(write(1, 3 * MTU - 1))
ONLY = packets_of(write(1, MTU))[0]


@pytest.mark.parametrize(
    ("packets", "code"),
    [
        (WRITES[1:2], INVALID),  # a middle without a beginning
        (WRITES[2:], INVALID),
        ([WRITES[0], WRITES[0]], INVALID),  # a beginning within
        ([WRITES[0], packets_of(send(1, 1))[0]], INVALID),
        ([WRITES[0], packets_of(send(1, 3 * MTU))[1]], INVALID),  # another operation's middle
        ([WRITES[0], packets_of(read(1, 1))[0]], INVALID),
        ([replace(WRITES[0], size=MTU - 1)], INVALID),  # not full
        ([replace(ONLY, size=MTU + 1, reth=Reth(0x1000, 7, MTU + 1))], INVALID),
        ([WRITES[0], WRITES[1], replace(WRITES[2], size=0)], INVALID),  # a last packet without data
        ([WRITES[0], WRITES[1], replace(WRITES[2], size=MTU)], INVALID),  # more than was said
        ([WRITES[0], WRITES[1], replace(WRITES[2], size=1)], INVALID),  # less
        ([WRITES[0], WRITES[1], WRITES[1]], INVALID),
        ([replace(ONLY, reth=None)], INVALID),
        ([replace(WRITES[0], reth=Reth(0x1000, 7, (1 << 31) + 1))], INVALID),
        ([replace(packets_of(read(1, 1))[0], reth=None)], INVALID),
        ([replace(packets_of(read(1, 1))[0], reth=Reth(0x1000, 7, (1 << 31) + 1))], INVALID),
        ([replace(ONLY, opcode=0x13)], INVALID),  # atomic operations are not there
        ([replace(ONLY, reth=Reth(0x1000, 8, MTU))], NO_ACCESS),  # another key
        ([replace(ONLY, reth=Reth(0xFFF, 7, MTU))], NO_ACCESS),
        ([replace(ONLY, reth=Reth(REGION.address + REGION.size - MTU + 1, 7, MTU))], NO_ACCESS),
        ([replace(packets_of(read(1, 1))[0], reth=Reth(0, 7, 1))], NO_ACCESS),
    ],
)
def test_packets_that_cannot_be_end_the_queue_pair(packets: list[Packet], code: int) -> None:
    """With a NAK that says why, for the packet it is about; receives are flushed, and nothing more is heard."""
    right = taking(receives=1)
    numbered = [replace(each, psn=(LEFT_PSN + index) & 0xFFFFFF) for index, each in enumerate(packets)]
    hear(right, numbered)
    assert answers(right)[-1] == (Answer.NAK, code, len(packets) - 1)
    assert right.state is State.ERROR
    assert right.completions() == [Completion(0, Work.RECEIVE, Status.FLUSHED)]
    hear(right, numbered)
    assert (poll(right), right.completions(), right.next_moment(0)) == ([], [], None)


def test_rights_are_looked_at() -> None:
    """Memory that may be read cannot be written, nor the other way; nothing at all may always be."""
    region = replace(REGION, rights=frozenset({Right.READ}))
    right = taking(regions=(region,))
    hear(right, packets_of(read(1, 1), write(2, 0), write(3, 1)))
    assert [answer for answer, _, _ in answers(right)] == [Answer.ACK, Answer.ACK, Answer.NAK]

    right = taking(regions=(replace(REGION, rights=frozenset({Right.WRITE})),))
    hear(right, packets_of(write(1, 1), read(2, 1)))
    assert [answer for answer, _, _ in answers(right)] == [Answer.ACK, Answer.NAK]
    right = taking(regions=())
    hear(right, packets_of(read(1, 0), write(2, 0)))
    assert right.state is State.CONNECTED


@pytest.mark.parametrize(
    ("receives", "code", "before"), [(0, 0, 1), (1, 1, 2), (5, 4, 5), (6, 5, 5), (7, 5, 6), (40_000, 30, 30)]
)
def test_credits_are_the_receives_that_there_are(receives: int, code: int, before: int) -> None:
    """As the largest code that promises no more (4 is four receives, 5 six); a message under way keeps its own."""
    right = taking(receives + 1, Settings(mtu=MTU, ack_every=1, credits=True))
    first, last = packets_of(send(1, 2 * MTU))
    right.hear(first, 0)
    assert answers(right) == [(Answer.ACK, before, 0)]
    right.hear(last, 0)
    assert answers(right) == [(Answer.ACK, code, 1)]


def test_messages_are_counted_in_answers() -> None:
    """When they have come whole, a READ when it was asked for; duplicates do not count."""
    right = taking(receives=1)
    packets = packets_of(send(1, 2 * MTU), write(2, 1), read(3, 0))
    counted = []
    for packet in (*packets, *packets):
        right.hear(replace(packet, ack_requested=True), 0)
        counted += [each.aeth.msn for each in poll(right) if each.aeth]
    assert counted == [0, 1, 2, 3, 3, 3, 3, 3]


def test_packets_of_other_kinds_change_nothing() -> None:
    """Datagrams, congestion notifications, unreliable connections, opcodes that are not defined."""
    right = taking(receives=1)
    for packet in (
        notification(RIGHT),
        Packet(0x64, RIGHT, LEFT_PSN, size=1, deth=Deth(0, 1)),
        Packet(0x24, RIGHT, LEFT_PSN, size=1),
        Packet(0x1F, RIGHT, LEFT_PSN),
        Packet(0xFF, RIGHT, LEFT_PSN),
        Packet(0x12, RIGHT, LEFT_PSN),
        Packet(0x11, RIGHT, 0),  # an acknowledge that acknowledges nothing
    ):
        right.hear(packet, 0)
    assert (poll(right), right.completions(), right.state) == ([], [], State.CONNECTED)


def test_answers_and_requests_take_turns() -> None:
    """Where both have more than may be sent, neither waits for ever."""
    left, right = pairs(Settings(mtu=MTU))
    for pair in (left, right):
        pair.post(read(1, 20 * MTU))
        pair.post(write(2, 20 * MTU))
    for packet in poll(left):
        right.hear(packet, 0)
    kinds = ["answer" if poll(right, most=1)[0].opcode in range(0x0D, 0x12) else "request" for _ in range(12)]
    assert kinds == ["answer", "request"] * 6


def test_without_payload_there_are_still_acknowledges() -> None:
    """Pacing is for data: a READ's is paced as that of a WRITE, and the last packet may begin but not end within."""
    right = taking()
    hear(right, packets_of(write(1, 1), read(2, 4 * MTU)))
    assert [each.size for each in right.poll(0, payload=0)] == [0]
    assert [each.size for each in right.poll(0, payload=-5)] == [0]
    assert [each.size for each in right.poll(0, payload=MTU)] == [0, MTU]
    assert [each.size for each in right.poll(0, payload=MTU + 1)] == [0, MTU, MTU]
    left, _ = pairs()
    left.post(write(1, 4 * MTU))
    assert [len(left.poll(0, payload=payload)) for payload in (0, 1, MTU, MTU + 1)] == [0, 1, 1, 2]
