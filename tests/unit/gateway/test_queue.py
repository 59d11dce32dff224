"""Who waits, who is next, and who is shed."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model import Priority, Reason
from gateway.core.queue import Patience, Queue, Waiting

NEVER = float("inf")


def one(what: int, tenant: str = "a", priority: Priority = Priority.NORMAL, since: float = 0.0) -> Waiting[int]:
    """One that waits for ever."""
    return Waiting(what, tenant, priority, since, NEVER)


def offered(queue: Queue[int], *those: Waiting[int], cost: float = 1.0, share: float = 1.0) -> None:
    """All of them wait."""
    for each in those:
        assert queue.offer(each, cost=cost, share=share) == []


def drained(queue: Queue[int], now: float = 0.0) -> list[int]:
    """All that are served now, in order."""
    found = []
    while (each := queue.take(now)[0]) is not None:
        found.append(each.what)
    return found


def test_a_tenants_own_are_served_in_order() -> None:
    """First come, first served."""
    queue = Queue[int]()
    offered(queue, *(one(number) for number in range(5)))

    assert drained(queue) == [0, 1, 2, 3, 4]
    assert len(queue) == 0


def test_a_high_class_goes_before_all_others() -> None:
    """Whenever it came."""
    queue = Queue[int]()
    offered(queue, one(1, priority=Priority.BATCH), one(2), one(3, priority=Priority.HIGH))

    assert drained(queue) == [3, 2, 1]


def test_tenants_take_turns_whoever_asks_more() -> None:
    """One with a hundred waiting does not keep out one with three."""
    queue = Queue[int]()
    offered(queue, *(one(number, "many") for number in range(100)))
    offered(queue, *(one(number, "few") for number in (1000, 1001, 1002)))

    assert drained(queue)[:6] == [0, 1000, 1, 1001, 2, 1002]


def test_shares_and_weights_count() -> None:
    """Twice the share is twice the turns; requests that weigh twice as much get half."""
    queue = Queue[int](Patience(room=10_000))
    for number in range(300):
        queue.offer(one(number, "double"), cost=1, share=2)
        queue.offer(one(number, "single"), cost=1, share=1)
        queue.offer(one(number, "heavy"), cost=2, share=1)
    served = Counter(each.tenant for _ in range(350) if (each := queue.take(0)[0]) is not None)

    assert served["double"] == pytest.approx(200, abs=2)
    assert served["single"] == pytest.approx(100, abs=2)
    assert served["heavy"] == pytest.approx(50, abs=2)


def test_who_was_away_has_saved_nothing_up() -> None:
    """It takes turns from now on, and not all at once."""
    queue = Queue[int]()
    offered(queue, *(one(number, "here") for number in range(50)))
    for _ in range(40):
        queue.take(0)
    offered(queue, *(one(number, "back") for number in range(100, 105)))

    assert drained(queue)[:4] == [100, 40, 101, 41]


def test_a_full_queue_sheds_the_newest_of_whoever_has_most_in_the_lowest_class() -> None:
    """Nobody else is refused for it, and its turns are as if it had never come."""
    queue = Queue[int](Patience(room=4))
    offered(queue, one(1, "greedy", Priority.BATCH), one(2, "greedy", Priority.BATCH))
    offered(queue, one(3, "other", Priority.BATCH), one(4, "x"))

    assert [(each.what, why) for each, why in queue.offer(one(5, "x"), cost=1, share=1)] == [(2, Reason.QUEUE_FULL)]
    newest = one(6, "x", Priority.BATCH)
    assert queue.offer(newest, cost=1, share=1) == [(newest, Reason.QUEUE_FULL)] or len(queue) == 4
    assert len(queue) == 4


def test_a_deadline_that_is_over_is_not_served() -> None:
    """It is shed when its turn comes, or when somebody sweeps."""
    queue = Queue[int]()
    late = Waiting(1, "a", Priority.NORMAL, 0.0, 0.5)
    offered(queue, late, one(2))

    assert queue.sweep(0.4) == []
    found, shed = queue.take(0.5)
    assert (found and found.what, shed) == (2, [(late, Reason.DEADLINE)])
    offered(queue, late)
    assert queue.sweep(0.5) == [(late, Reason.DEADLINE)]
    assert len(queue) == 0


def test_one_that_leaves_is_gone() -> None:
    """Once; and what it would have cost its tenant is not held against it."""
    queue = Queue[int]()
    gone = one(1)
    offered(queue, gone, one(2))

    assert queue.leave(gone)
    assert not queue.leave(gone)
    assert drained(queue) == [2]


def test_a_class_that_stands_serves_the_newest_and_sheds_who_waited_too_long() -> None:
    """It stands when it has not been empty for an interval, and no more once it was."""
    queue = Queue[int](Patience(target=0.1, interval=1.0))
    offered(queue, *(one(number, since=number * 0.01) for number in range(100)))
    assert [each and each.what for each in (queue.take(0.99)[0], queue.take(1.0)[0])] == [0, 1]
    assert queue.stands(Priority.NORMAL, 1.01)

    found, shed = queue.take(1.05)
    assert (found and found.what, shed) == (99, [])
    found, shed = queue.take(1.2)
    assert (found, len(shed), {why for _, why in shed}) == (None, 97, {Reason.QUEUE_DELAY})
    offered(queue, one(1000, since=1.3), one(1001, since=1.35))
    assert not queue.stands(Priority.NORMAL, 1.4)
    assert drained(queue, 1.4) == [1000, 1001]


def test_a_class_stands_by_itself() -> None:
    """That others are served at once is no comfort to it, and no fault of theirs."""
    queue = Queue[int](Patience(target=0.1, interval=1.0))
    offered(queue, one(1, priority=Priority.BATCH, since=0.0))
    offered(queue, one(2, priority=Priority.HIGH, since=1.5))

    assert queue.stands(Priority.BATCH, 1.5)
    assert not queue.stands(Priority.HIGH, 1.5)


def test_a_burst_that_is_soon_over_sheds_nobody() -> None:
    """It waits, but the queue empties within the interval."""
    queue = Queue[int](Patience(target=0.1, interval=1.0))
    for round_ in range(5):
        offered(queue, *(one(number, since=round_ * 1.0) for number in range(10)))
        for step in range(11):
            assert queue.take(round_ * 1.0 + step * 0.05)[1] == []
    assert not queue.stands(Priority.NORMAL, 6.0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["offer", "take", "leave", "sweep"]),
        st.sampled_from("abc"),
        st.sampled_from(Priority),
        st.floats(0, 0.3),
        st.floats(0.01, 3),
    ),
    max_size=120,
)


@given(STEPS)
def test_nobody_is_lost_or_served_twice(steps: list[tuple[str, str, Priority, float, float]]) -> None:
    """Whatever happens: all that came were served, shed, left, or wait still; and there is never more than room."""
    queue, now, number = Queue[int](Patience(target=0.05, interval=0.2, room=7)), 0.0, 0
    came: dict[int, Waiting[int]] = {}
    ended: list[int] = []
    for what, tenant, priority, passed, patience in steps:
        now += passed
        if what == "offer":
            came[number] = Waiting(number, tenant, priority, now, now + patience)
            ended += [each.what for each, _ in queue.offer(came[number], cost=patience, share=1)]
            number += 1
        elif what == "take":
            found, shed = queue.take(now)
            ended += [each.what for each, _ in shed] + ([] if found is None else [found.what])
            assert found is None or found.deadline > now
        elif what == "leave" and came:
            chosen = came[max(number - 3, 0)]
            ended += [chosen.what] if queue.leave(chosen) else []
        else:
            ended += [each.what for each, _ in queue.sweep(now)]
        assert len(queue) == len(came) - len(ended) <= 7
    assert len(set(ended)) == len(ended)
