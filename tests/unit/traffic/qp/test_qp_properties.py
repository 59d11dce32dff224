"""What holds for queue pairs whatever is asked of them and whatever the network does."""

from collections.abc import Iterator

from connected import LEFT_PSN, MTU, RIGHT_PSN, line, pairs, read, send, write
from hypothesis import given, settings
from hypothesis import strategies as st

from labs.traffic.qp.fake import FINE, LOST, REFUSED, TWICE, Fate, Line, Wire
from labs.traffic.qp.model import Completion, Counts, Operation, Packet, Request, Settings, Status, Work
from labs.traffic.qp.pair import QueuePair
from labs.traffic.qp.psn import nearest
from labs.traffic.roce.fields import Answer

ENOUGH = 20_000  # turns of a line that ends
LENGTHS = st.one_of(st.integers(0, 3 * MTU), st.sampled_from([0, 1, MTU - 1, MTU, MTU + 1, 12 * MTU]))
IMMEDIATE = st.one_of(st.none(), st.sampled_from([0, 1, 0xFFFFFFFF]))
FORMS = st.one_of(
    st.tuples(st.just(send), LENGTHS, IMMEDIATE),
    st.tuples(st.just(write), LENGTHS, IMMEDIATE),
    st.tuples(st.just(read), LENGTHS),
)
REQUESTS = st.lists(FORMS, max_size=12).map(
    lambda forms: [form[0](number, *form[1:]) for number, form in enumerate(forms)]
)
SETTINGS = st.builds(
    Settings,
    mtu=st.just(MTU),
    window=st.integers(1, 12),
    reads=st.integers(1, 3),
    reads_taken=st.just(3),
    ack_every=st.integers(1, 9),
    timeout=st.just(4),
    credits=st.booleans(),
)
HARMLESS = st.one_of(
    st.just(FINE), st.just(REFUSED), st.just(TWICE), st.builds(Fate, later=st.integers(0, 9000), marked=st.booleans())
)
FEW_LOST = st.tuples(st.lists(HARMLESS, max_size=60), st.sets(st.integers(0, 60), max_size=3)).map(
    lambda drawn: [LOST if place in drawn[1] else fate for place, fate in enumerate(drawn[0])]
)
MANY_LOST = st.lists(st.one_of(st.just(LOST), HARMLESS), max_size=200)


class Watched:
    """A queue pair that is looked at whenever something was sent."""

    def __init__(self, pair: QueuePair) -> None:
        self._pair = pair
        self.hear, self.poll, self.next_moment = pair.hear, pair.poll, pair.next_moment
        self.most = 0

    def sent(self, count: int, now: int) -> None:
        self._pair.sent(count, now)
        self.most = max(self.most, self._pair.outstanding)


def posted(pair: QueuePair, requests: list[Request]) -> None:
    for request in requests:
        pair.post(request)


def split(completions: list[Completion]) -> tuple[list[Completion], list[Completion]]:
    """Those of requests, and those of receives."""
    received = (Work.RECEIVE, Work.RECEIVE_WRITE)
    return (
        [each for each in completions if each.work not in received],
        [each for each in completions if each.work in received],
    )


def receiving(requests: list[Request]) -> list[tuple[int, int | None]]:
    """Bytes and immediate data of those that take a receive."""
    taking = [each for each in requests if each.operation is Operation.SEND or each.immediate is not None]
    return [(each.length, each.immediate) for each in taking]


def sequence_naks(packets: list[Packet]) -> Iterator[int]:
    for each in packets:
        if each.aeth and each.aeth.answer is Answer.NAK:
            assert each.aeth.code == 0
            yield each.psn


def run(
    asked: tuple[list[Request], list[Request]], wanted: Settings, fates: tuple[list[Fate], list[Fate]]
) -> tuple[Line, list[Completion], list[Completion]]:
    left, right = pairs(wanted, receives=13)
    posted(left, asked[0])
    posted(right, asked[1])
    made = line(left, right, *fates)
    assert made.run(ENOUGH)
    return made, left.completions(), right.completions()


@settings(max_examples=150, deadline=None)
@given(st.tuples(REQUESTS, REQUESTS), SETTINGS, st.tuples(FEW_LOST, FEW_LOST))
def test_all_come_once_and_in_order(
    asked: tuple[list[Request], list[Request]], wanted: Settings, fates: tuple[list[Fate], list[Fate]]
) -> None:
    """With few packets lost, others late, doubled or refused, every message is completed once, in order, and whole."""
    _, *completed = run(asked, wanted, fates)

    for own, other in ((0, 1), (1, 0)):
        requests, _ = split(completed[own])
        _, receives = split(completed[other])
        assert [(each.id, each.status, each.length) for each in requests] == [
            (each.id, Status.SUCCESS, each.length) for each in asked[own]
        ]
        assert [(each.length, each.immediate) for each in receives] == receiving(asked[own])
        assert [each.id for each in receives] == [100 + number for number in range(len(receives))]


@settings(max_examples=150, deadline=None)
@given(st.tuples(REQUESTS, REQUESTS), SETTINGS, st.tuples(MANY_LOST, MANY_LOST))
def test_all_end_once_and_in_order(
    asked: tuple[list[Request], list[Request]], wanted: Settings, fates: tuple[list[Fate], list[Fate]]
) -> None:
    """Whatever is lost, every request ends once and in order: some succeed, one may fail, and the rest is flushed."""
    _, *completed = run(asked, wanted, fates)

    for own, other in ((0, 1), (1, 0)):
        requests, _ = split(completed[own])
        _, receives = split(completed[other])
        assert [each.id for each in requests] == [each.id for each in asked[own]]
        statuses = [each.status for each in requests]
        fine = statuses.count(Status.SUCCESS)
        assert statuses[:fine] == [Status.SUCCESS] * fine
        assert set(statuses[fine : fine + 1]) <= {Status.RETRIES, Status.FLUSHED}
        assert set(statuses[fine + 1 :]) <= {Status.FLUSHED}
        taken = [(each.length, each.immediate) for each in receives if each.status is Status.SUCCESS]
        assert taken == receiving(asked[own])[: len(taken)]
        assert len(taken) >= len(receiving(asked[own][:fine]))


@settings(max_examples=100, deadline=None)
@given(st.tuples(REQUESTS, REQUESTS), SETTINGS, st.tuples(MANY_LOST, MANY_LOST))
def test_a_gap_has_one_nak(
    asked: tuple[list[Request], list[Request]], wanted: Settings, fates: tuple[list[Fate], list[Fate]]
) -> None:
    """No packet is asked for by two NAKs, however often it is lost, and none that was not sent."""
    made, _, _ = run(asked, wanted, fates)

    for naks, requests, psn in (
        (made.to_left.taken, made.to_right.taken, LEFT_PSN),
        (made.to_right.taken, made.to_left.taken, RIGHT_PSN),
    ):
        found = [nearest(each, psn) for each in sequence_naks(naks)]
        assert found == sorted(set(found))
        assert {each & 0xFFFFFF for each in found} <= {each.psn for each in requests}


@settings(max_examples=100, deadline=None)
@given(st.tuples(REQUESTS, REQUESTS), SETTINGS)
def test_without_trouble_nothing_is_sent_twice(asked: tuple[list[Request], list[Request]], wanted: Settings) -> None:
    """Whatever the window and however seldom acknowledges are: no timeout, no NAK, and no packet again."""
    left, right = pairs(wanted, receives=13)
    posted(left, asked[0])
    posted(right, asked[1])

    assert line(left, right).run(ENOUGH)

    assert left.counts == right.counts == Counts(sent_again=0, timeouts=0, naks_heard=0, naks_said=0)
    assert len(left.completions()) + len(right.completions()) == sum(
        len(requests) + len(receiving(requests)) for requests in asked
    )


@settings(max_examples=100, deadline=None)
@given(REQUESTS, SETTINGS, st.tuples(FEW_LOST, FEW_LOST))
def test_the_window_is_kept(asked: list[Request], wanted: Settings, fates: tuple[list[Fate], list[Fate]]) -> None:
    """Never more is sent without acknowledge than the window has; only one READ reaches beyond it, by its answers."""
    left, right = pairs(wanted, receives=13)
    posted(left, asked)
    watched = Watched(left)
    made = Line(watched, right, Wire(1000, fates[0]), Wire(1000, fates[1]))

    assert made.run(ENOUGH)

    longest = max((each.length for each in asked if each.operation is Operation.READ), default=0)
    assert watched.most <= wanted.window + max(-(-longest // MTU) - 1, 0)


@settings(max_examples=100, deadline=None)
@given(REQUESTS, SETTINGS, st.integers(0, 40), st.integers(0, 40), st.integers(0, 9999))
def test_what_was_not_sent_is_offered_again(
    asked: list[Request], wanted: Settings, sent: int, most: int, payload: int
) -> None:
    """The packets behind the first one refused come again, the same, and no time passes for them."""
    left, right = pairs(wanted, receives=13)
    posted(left, asked)
    offered = left.poll(0)
    assert left.poll(5, most, payload) == left.poll(5, most, payload) == offered[: len(left.poll(5, most, payload))]
    offered = left.poll(7)
    assert left.next_moment(7) == (7 if asked else None)

    sent = min(sent, len(offered))
    left.sent(sent, 7)

    assert left.poll(7)[: len(offered) - sent] == offered[sent:]
    for packet in offered[:sent]:
        right.hear(packet, 8)
    answers = right.poll(8)
    right.sent(sent := min(sent, len(answers)), 8)
    assert right.poll(8) == answers[sent:]
