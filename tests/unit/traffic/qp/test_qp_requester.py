"""What one end sends and completes, by what it hears, to the nanosecond."""

import pytest
from connected import LEFT_PSN, MTU, SMALL, ack, done, nak, pairs, poll, read, rnr, send, write

from labs.traffic.qp.model import Counts, Packet, Receive, Settings, Status
from labs.traffic.qp.pair import QueuePair, State
from labs.traffic.roce.fields import RNR_TIMERS, Aeth, Answer
from topologies.errors import Mistake

TIMEOUT = 65_536  # ns: 4.096 us * 2**4


def asking(*lengths: int, **changes: float) -> QueuePair:
    """One end that was asked to send messages, numbered from 0."""
    wanted = {name: getattr(SMALL, name) for name in SMALL.__slots__} | changes
    left, _ = pairs(Settings(**wanted))  # type: ignore[arg-type]  # each by its name
    for number, length in enumerate(lengths):
        left.post(send(number, length))
    return left


def numbers(packets: list[Packet]) -> list[int]:
    """How far behind the first number of all each packet is."""
    return [(each.psn - LEFT_PSN) & 0xFFFFFF for each in packets]


def answer(psn: int, opcode: int, size: int) -> Packet:
    """Data of a READ to the left end."""
    return Packet(opcode, 0x11, psn & 0xFFFFFF, size=size, aeth=None if opcode == 0x0E else Aeth(Answer.ACK, 31, 1))


def test_the_window_is_filled_and_then_waited_for() -> None:
    """The packet that fills it asks for an acknowledge, without which nothing more could be sent."""
    left = asking(20 * MTU, ack_every=1000)
    packets = poll(left)
    assert numbers(packets) == [*range(8)]
    assert [each.ack_requested for each in packets] == [False] * 7 + [True]
    assert poll(left) == []
    assert left.next_moment(5) == TIMEOUT

    left.hear(ack(LEFT_PSN + 2), 10)
    assert numbers(poll(left, 10)) == [8, 9, 10]


def test_a_window_of_one_is_a_packet_at_a_time() -> None:
    """Each asks for an acknowledge, the first of a message too."""
    left = asking(3 * MTU, window=1, ack_every=1000)
    for number in range(3):
        (packet,) = poll(left, number)
        assert numbers([packet]) == [number]
        assert packet.ack_requested
        left.hear(ack(packet.psn), number)
    assert left.completions() == [done(send(0, 3 * MTU))]


def test_acknowledges_are_asked_for_every_so_many_packets() -> None:
    """By the packet's number, so that what is sent again asks as before."""
    left = asking(8 * MTU)
    packets = poll(left)
    assert [each.ack_requested for each in packets] == [
        (each.psn + 1) % 4 == 0 or each is packets[-1] for each in packets
    ]
    left.hear(nak(LEFT_PSN + 1), 1)
    assert poll(left, 1) == packets[1:]


def test_one_acknowledge_completes_all_before_it() -> None:
    """In order; a later one for less changes nothing."""
    left = asking(1, 2, 3)
    poll(left)
    left.hear(ack(LEFT_PSN + 1), 1)
    assert left.completions() == [done(send(0, 1)), done(send(1, 2))]
    left.hear(ack(LEFT_PSN), 2)
    left.hear(ack(LEFT_PSN + 1), 2)
    assert left.completions() == []
    assert left.outstanding == 1


@pytest.mark.parametrize("psn", [LEFT_PSN + 3, LEFT_PSN - 2, LEFT_PSN + (1 << 23)])
@pytest.mark.parametrize("make", [ack, nak, lambda psn: rnr(psn, 1), lambda psn: answer(psn, 0x10, 0)])
def test_what_was_never_sent_is_not_acknowledged(psn: int, make: type[Packet]) -> None:
    """Numbers of long ago or of the future change nothing."""
    left = asking(1, 2, 3)
    poll(left)
    left.hear(make(psn), 1)
    assert (left.completions(), left.outstanding, poll(left, 1), left.next_moment(1)) == ([], 3, [], TIMEOUT)


def test_silence_is_a_timeout_to_the_nanosecond() -> None:
    """Not one before 4.096 us * 2**t after the first packet; then all is sent again, and the time runs anew."""
    left = asking(3 * MTU)
    packets = poll(left, 1_000_000_000)
    moment = 1_000_000_000 + TIMEOUT
    assert left.next_moment(1_000_000_001) == moment
    assert left.poll(moment - 1) == []
    assert left.poll(moment) == packets
    left.sent(0, moment)
    assert left.next_moment(moment) == moment  # nothing was sent: no time runs
    assert left.poll(moment + 10) == packets
    left.sent(3, moment + 10)
    assert left.next_moment(moment + 10) == moment + 10 + TIMEOUT
    assert left.counts == Counts(sent_again=3, timeouts=1, naks_heard=0, naks_said=0)


def test_a_late_acknowledge_saves_sending_again() -> None:
    """What it acknowledges is not sent once more, though it was to be."""
    left = asking(1, 1, 1)
    packets = poll(left)
    assert left.poll(TIMEOUT) == packets
    left.hear(ack(LEFT_PSN + 1), TIMEOUT + 1)
    assert left.outstanding == 0
    assert poll(left, TIMEOUT + 1) == packets[2:]
    left.hear(ack(LEFT_PSN + 2), TIMEOUT + 2)
    assert (len(left.completions()), left.outstanding, left.next_moment(TIMEOUT + 2)) == (3, 0, None)


def test_progress_begins_the_time_anew() -> None:
    """And its end stops it."""
    left = asking(3 * MTU)
    poll(left, 0)
    left.hear(ack(LEFT_PSN), 60_000)
    assert left.next_moment(60_000) == 60_000 + TIMEOUT
    left.hear(ack(LEFT_PSN), 70_000)
    assert left.next_moment(70_000) == 60_000 + TIMEOUT
    left.hear(ack(LEFT_PSN + 2), 80_000)
    assert left.next_moment(80_000) is None


@pytest.mark.parametrize(("code", "dilation", "wait"), [(1, 1.0, 8192), (14, 1.0, 67_108_864), (4, 400.0, 26_214_400)])
def test_timeouts_are_powers_of_two(code: int, dilation: float, wait: int) -> None:
    """Of 4.096 us, times the dilation."""
    left = asking(1, timeout=code, dilation=dilation)
    poll(left)
    assert left.next_moment(0) == wait


def test_no_timeout_waits_for_ever() -> None:
    """Its code is 0."""
    left = asking(1, timeout=0)
    poll(left)
    assert left.next_moment(0) is None
    assert left.poll(1 << 62) == []


@pytest.mark.parametrize("retries", [0, 1, 7])
def test_retries_are_so_many_and_no_more(retries: int) -> None:
    """Then the oldest request fails, those behind it are flushed, receives too, and the queue pair is in error."""
    left = asking(1, 2, retries=retries)
    left.post_receive(Receive(9, 1))
    now = 0
    for _ in range(retries + 1):
        assert len(poll(left, now)) == 2
        now += TIMEOUT
    assert left.completions() == []
    assert poll(left, now) == []
    requests, receive = left.completions()[:2], left.completions()
    assert receive == []
    assert requests == [done(send(0, 1), Status.RETRIES), done(send(1, 2), Status.FLUSHED)]
    assert left.state is State.ERROR
    assert left.next_moment(now) is None


def test_progress_gives_all_retries_back() -> None:
    """They count in a row only."""
    left = asking(1, 2, retries=1)
    poll(left)
    poll(left, TIMEOUT)
    left.hear(ack(LEFT_PSN), TIMEOUT + 1)
    assert numbers(poll(left, 2 * TIMEOUT + 1)) == [1]
    assert left.state is State.CONNECTED
    poll(left, 3 * TIMEOUT + 1)
    assert left.completions()[-1].status is Status.RETRIES


def test_a_sequence_nak_has_all_sent_again_from_there() -> None:
    """At once, those before it being acknowledged; the same one again, as a network may double it, changes nothing."""
    left = asking(MTU, 4 * MTU)
    poll(left)
    left.hear(nak(LEFT_PSN + 2), 5)
    assert left.completions() == [done(send(0, MTU))]
    assert numbers(poll(left, 5)) == [2, 3, 4]
    left.hear(nak(LEFT_PSN + 2), 6)
    assert poll(left, 6) == []
    assert left.next_moment(6) == 5 + TIMEOUT
    assert left.counts == Counts(sent_again=3, timeouts=0, naks_heard=2, naks_said=0)


@pytest.mark.parametrize(
    ("code", "status"),
    [(1, Status.REMOTE_INVALID), (2, Status.REMOTE_ACCESS), (3, Status.REMOTE_OPERATION)],
)
def test_other_naks_end_the_queue_pair(code: int, status: Status) -> None:
    """The request fails by the NAK's reason; those before it have succeeded, and those behind are flushed."""
    left = asking(1, 2, 3)
    poll(left)
    left.hear(nak(LEFT_PSN + 1, code), 1)
    statuses = [each.status for each in left.completions()]
    assert statuses == [Status.SUCCESS, status, Status.FLUSHED]
    assert left.state is State.ERROR
    left.hear(ack(LEFT_PSN + 2), 2)
    assert (left.completions(), left.poll(2), left.next_moment(2)) == ([], [], None)
    with pytest.raises(Mistake, match="request 7: queue pair 0x11 is in error"):
        left.post(send(7, 1))


@pytest.mark.parametrize("code", [4, 5, 31])
def test_reserved_naks_change_nothing(code: int) -> None:
    """Nor does a reserved kind of answer."""
    left = asking(1)
    poll(left)
    left.hear(nak(LEFT_PSN, code), 1)
    left.hear(ack(LEFT_PSN, answer=Answer.RESERVED), 1)
    assert (left.completions(), left.outstanding, left.state) == ([], 1, State.CONNECTED)


@pytest.mark.parametrize("code", [0, 1, 12, 31])
def test_a_receiver_that_is_not_ready_is_waited_for(code: int) -> None:
    """As long as the timer code says, to the nanosecond; then all is sent again from there."""
    left = asking(MTU, 2 * MTU)
    packets = poll(left)
    wait = round(RNR_TIMERS[code] * 1e6)
    left.hear(rnr(LEFT_PSN + 1, code), 100)
    assert left.completions() == [done(send(0, MTU))]
    assert left.next_moment(100) == 100 + wait
    assert left.poll(100 + wait - 1) == []
    left.hear(rnr(LEFT_PSN + 1, code), 200)  # the network's double
    assert poll(left, 100 + wait) == packets[1:]


def test_a_receiver_that_was_ready_after_all_is_not_waited_for() -> None:
    """As where the network had doubled the packet, and the second one found a receive."""
    left = asking(1, 1)
    packets = poll(left)
    left.hear(rnr(LEFT_PSN, 12), 5)
    left.hear(ack(LEFT_PSN), 6)
    assert left.next_moment(6) == 6
    assert poll(left, 6) == packets[1:]


def test_rnr_timers_by_hand() -> None:
    """Table 45: code 0 is the longest, 655.36 ms; 1 is 10 us; 12 is 0.64 ms; with a dilation so many times more."""
    assert [SMALL.rnr_wait_ns(code) for code in (0, 1, 12, 31)] == [655_360_000, 10_000, 640_000, 491_520_000]
    assert Settings(dilation=400).rnr_wait_ns(1) == 4_000_000


def test_rnr_retries_are_so_many() -> None:
    """Then the request fails; they are counted apart from the others."""
    left = asking(1, rnr_retries=2, retries=0)
    now = 0
    for _ in range(3):
        assert left.completions() == []
        poll(left, now)
        left.hear(rnr(LEFT_PSN, 1), now)
        now += 10_000
    assert left.completions() == [done(send(0, 1), Status.RNR_RETRIES)]


def test_seven_rnr_retries_are_any_number() -> None:
    """The code that means for ever."""
    left = asking(1)
    now = 0
    for _ in range(100):
        assert len(poll(left, now)) == 1
        left.hear(rnr(LEFT_PSN, 1), now)
        now += 10_000
    assert left.state is State.CONNECTED


def test_missing_data_of_a_read_is_asked_for_again() -> None:
    """From the first missing byte, once, however much comes behind it; then the rest is taken in order."""
    left, _ = pairs()
    left.post(read(1, 4 * MTU + 1))
    (packet,) = poll(left)
    left.hear(answer(packet.psn, 0x0D, MTU), 1)
    left.hear(answer(packet.psn + 2, 0x0E, MTU), 2)
    (again,) = poll(left, 2)
    assert again.reth is not None
    assert packet.reth is not None
    assert (again.psn, again.offset) == ((packet.psn + 1) & 0xFFFFFF, MTU)
    assert (again.reth.address, again.reth.length) == (packet.reth.address + MTU, 3 * MTU + 1)
    left.hear(answer(packet.psn + 3, 0x0E, MTU), 3)
    assert poll(left, 3) == []
    for index, (opcode, size) in enumerate([(0x0D, MTU), (0x0E, MTU), (0x0E, MTU), (0x0F, 1)]):
        left.hear(answer(again.psn + index, opcode, size), 4)
    assert left.completions() == [done(read(1, 4 * MTU + 1))]


def test_data_that_is_missing_after_a_timeout_is_asked_for_once_more() -> None:
    """At once, not after another timeout: the first asking again, or its answer, may have been lost."""
    left, _ = pairs()
    left.post(read(1, 3 * MTU))
    (packet,) = poll(left)
    left.hear(answer(packet.psn + 1, 0x0E, MTU), 1)
    assert poll(left, 1) == [packet]
    assert poll(left, 1 + TIMEOUT) == [packet]
    left.hear(answer(packet.psn + 1, 0x0E, MTU), 2 + TIMEOUT)
    assert poll(left, 2 + TIMEOUT) == [packet]


def test_an_acknowledge_behind_a_read_shows_that_its_data_is_missing() -> None:
    """What is before the READ is completed, it is asked for again, and what is behind it with it."""
    left = asking(1)
    left.post(read(1, 2 * MTU))
    left.post(send(2, 1))
    packets = poll(left)
    left.hear(ack(packets[2].psn), 1)
    assert left.completions() == [done(send(0, 1))]
    assert poll(left, 1) == packets[1:]
    left.hear(ack(packets[2].psn), 2)
    assert poll(left, 2) == []


@pytest.mark.parametrize(("opcode", "size"), [(0x0D, MTU - 1), (0x0D, MTU + 1), (0x0F, MTU), (0x10, MTU), (0x0E, 0)])
def test_data_that_cannot_be_ends_the_queue_pair(opcode: int, size: int) -> None:
    """Too much, too little, or an end where none is."""
    left, _ = pairs()
    left.post(read(1, 2 * MTU))
    (packet,) = poll(left)
    left.hear(answer(packet.psn, opcode, size), 1)
    assert left.completions() == [done(read(1, 2 * MTU), Status.BAD_RESPONSE)]
    assert left.state is State.ERROR


def test_data_for_what_was_no_read_changes_nothing() -> None:
    """It is no acknowledge of a SEND."""
    left = asking(1)
    (packet,) = poll(left)
    left.hear(answer(packet.psn, 0x10, 1), 1)
    assert (left.completions(), left.outstanding, left.state) == ([], 1, State.CONNECTED)


def test_so_many_reads_wait_for_data() -> None:
    """One more is sent when one is done; what is behind it waits as well, for order is kept."""
    left = asking(reads=2)
    for number in range(3):
        left.post(read(number, MTU))
    left.post(write(3, 1))
    packets = poll(left)
    assert len(packets) == 2
    left.hear(answer(packets[0].psn, 0x10, MTU), 1)
    assert numbers(poll(left, 1)) == [2, 3]


def test_credits_hold_messages_back() -> None:
    """Beyond what the peer has receives for, one packet at a time goes, and asks; writes go as they like."""
    left = asking(1, 1, 1, 3 * MTU, 1)
    assert len(poll(left, most=1)) == 1
    left.hear(ack(LEFT_PSN, msn=1, code=2), 1)  # two credits: the second message and the third
    assert numbers(poll(left, 1)) == [1, 2]
    for number in (3, 4, 5):
        left.hear(ack(LEFT_PSN + number - 1, msn=3, code=0), number)
        (probe,) = poll(left, number)
        assert numbers([probe]) == [number]
        assert probe.ack_requested
    left.hear(ack(LEFT_PSN + 5, msn=4, code=31), 6)
    assert numbers(poll(left, 6)) == [6]
    left.hear(ack(LEFT_PSN + 6, msn=5, code=0), 7)
    for number in (4, 5):
        left.post(write(number, 1))
    assert len(poll(left, 7)) == 2


def test_credits_may_come_later() -> None:
    """With an acknowledge that acknowledges nothing more."""
    left = asking(1, 1, 1)
    poll(left, most=1)
    left.hear(ack(LEFT_PSN, msn=1, code=0), 1)
    left.hear(ack(LEFT_PSN, msn=1, code=2), 2)
    assert numbers(poll(left, 2)) == [1, 2]


def test_only_what_was_polled_can_be_sent() -> None:
    """And is told of once, before anything else is heard."""
    left = asking(1)
    with pytest.raises(ValueError, match="1 packets sent, of 0 polled and not yet told of"):
        left.sent(1, 0)
    left.poll(0)
    with pytest.raises(ValueError, match="2 packets sent, of 1"):
        left.sent(2, 0)
    with pytest.raises(ValueError, match="-1 packets sent"):
        left.sent(-1, 0)
    left.hear(ack(5), 0)
    with pytest.raises(ValueError, match="1 packets sent, of 0"):
        left.sent(1, 0)
    left.poll(0)
    left.sent(1, 0)
    with pytest.raises(ValueError, match="1 packets sent, of 0"):
        left.sent(1, 0)
    assert left.outstanding == 1
