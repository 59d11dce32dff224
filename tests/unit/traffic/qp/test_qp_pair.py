"""Two ends on a wire: errors and waits as both of them see them."""

from dataclasses import replace

from connected import MTU, REGION, SMALL, done, line, pairs, read, send, write
from msgspec.structs import replace as changed

from labs.traffic.qp.fake import FINE, LOST
from labs.traffic.qp.model import Completion, Counts, Receive, Status, Work
from labs.traffic.qp.pair import State

TIMEOUT = 65_536


def test_memory_that_is_not_the_peers_to_write() -> None:
    """What was before is done; the request says why, what is behind is flushed; the other end flushes all its own."""
    left, right = pairs(receives=1)
    for request in (write(1, 9), changed(write(2, 9), rkey=REGION.rkey + 1), read(3, 9)):
        left.post(request)
    right.post(send(9, 1))
    made = line(left, right, back=[LOST])  # the right end's own message, so that it still waits
    assert made.run()
    statuses = [(each.id, each.status) for each in left.completions() if each.work is not Work.RECEIVE]
    assert statuses == [(1, Status.SUCCESS), (2, Status.REMOTE_ACCESS), (3, Status.FLUSHED)]
    assert [(each.id, each.status) for each in right.completions()] == [(9, Status.FLUSHED), (100, Status.FLUSHED)]
    assert left.state is right.state is State.ERROR


def test_a_refusal_that_is_lost_is_found_out_by_timeouts() -> None:
    """For the other end is in error, and answers nothing any more."""
    left, right = pairs(replace(SMALL, retries=3))
    left.post(changed(write(1, 9), rkey=0))
    made = line(left, right, back=[LOST])
    assert made.run()
    assert left.completions() == [done(write(1, 9), Status.RETRIES)]
    assert made.now == 4 * TIMEOUT


def test_a_slow_receiver_has_its_sender_wait() -> None:
    """It is told how long, tries again, and nothing is lost when there is room at last."""
    left, right = pairs()
    left.post(send(1, 3 * MTU))
    made = line(left, right)
    made.run(turns=20)
    naks = right.counts.naks_said
    assert naks > 3
    assert left.completions() == []
    right.post_receive(Receive(7, 3 * MTU))
    assert made.run()
    assert left.completions() == [done(send(1, 3 * MTU))]
    assert right.completions() == [Completion(7, Work.RECEIVE, Status.SUCCESS, 3 * MTU)]


def test_credits_keep_a_sender_from_being_refused() -> None:
    """With as many receives as there are messages under way at first, and fewer NAKs than without."""

    def refused(credits: bool) -> int:
        left, right = pairs(replace(SMALL, credits=credits, window=64))
        for number in range(20):
            left.post(send(number, 1))
        right.post_receive(Receive(0, 1))
        made = line(left, right)
        for number in range(1, 20):
            made.run(turns=6)
            right.post_receive(Receive(number, 1))
        assert made.run()
        assert [each.status for each in left.completions()] == [Status.SUCCESS] * 20
        return left.counts.sent_again

    assert refused(credits=True) < refused(credits=False)


def test_a_lost_end_is_found_out_by_a_timeout() -> None:
    """Nothing behind it shows that it is missing; sent again is what was not acknowledged, and no more."""
    left, right = pairs()
    left.post(write(1, 6 * MTU))
    made = line(left, right, there=[FINE] * 5 + [LOST])
    assert made.run()
    assert left.counts == Counts(sent_again=2, timeouts=1, naks_heard=0, naks_said=0)
    assert left.completions() == [done(write(1, 6 * MTU))]


def test_both_ways_at_once_do_not_disturb_each_other() -> None:
    """Each direction has numbers, windows and acknowledges of its own."""
    left, right = pairs(receives=4)
    for pair in (left, right):
        for request in (send(1, 9 * MTU), read(2, 9 * MTU), write(3, 9 * MTU, immediate=1), read(4, 0)):
            pair.post(request)
    assert line(left, right, there=[FINE] * 3 + [LOST], back=[FINE] * 7 + [LOST]).run()
    for pair in (left, right):
        completions = pair.completions()
        assert [each.id for each in completions if each.work in (Work.SEND, Work.WRITE, Work.READ)] == [1, 2, 3, 4]
        assert {each.status for each in completions} == {Status.SUCCESS}
        assert pair.state is State.CONNECTED
