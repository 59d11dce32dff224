"""Which backend serves, which may be asked, and how often anything is asked twice."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import health
from gateway.core.choosing import Candidate, choose
from gateway.core.door import Bounds, Door
from gateway.core.health import MOVES, Event, Health, Rules, State
from gateway.core.model import Priority
from gateway.core.retries import Again, Allowed

RULES = Rules()
OTHERS = (Health(), Health())


def drawing(*numbers: int) -> Callable[[int], int]:
    """Chance that is these numbers, again and again."""
    found: Iterator[int] = cycle(numbers)
    return lambda most: next(found) % most


def backend(name: str, rack: str = "r1", in_flight: int = 0, limit: float = 10, share: float = 1.0) -> Candidate:
    """A backend that has room."""
    return Candidate(name, rack, in_flight, limit, share)


def test_the_less_loaded_of_two_serves() -> None:
    """By what it may have, not by what it has."""
    small, large = backend("small", in_flight=3, limit=4), backend("large", in_flight=5, limit=20)

    assert choose([small, large], rack="r1", draw=drawing(0, 1)) == large
    assert choose([small, large], rack="r1", draw=drawing(0, 0)) == small


def test_the_same_rack_serves_until_it_is_fuller_by_a_quarter_than_another() -> None:
    """So a rack whose gateway gets most requests does not wait while others have nothing to do."""
    far = backend("far", "r2", in_flight=3)

    chosen = [choose([backend("near", "r1", n), far], rack="r1", draw=drawing(0)) for n in range(11)]

    assert [each.name for each in chosen if each] == 6 * ["near"] + 5 * ["far"]
    assert choose([backend("near", "r1", 9)], rack="r1", draw=drawing(0)) == backend("near", "r1", 9)
    assert choose([backend("near", "r1", 10)], rack="r1", draw=drawing(0)) is None


def test_an_empty_rack_serves_itself() -> None:
    """As long as its backends have less than a quarter of what they may, whoever has less."""
    near, far = backend("near", "r1", in_flight=1), backend("far", "r2", in_flight=0)

    assert choose([near, far], rack="r1", draw=drawing(0)) == near


def test_one_that_comes_back_to_its_rack_is_tried() -> None:
    """Though it gets a small part of its share, which bounds it by itself."""
    back, far = backend("back", "r1", in_flight=0, share=0.1), backend("far", "r2", in_flight=0)

    assert choose([back, far], rack="r1", draw=drawing(0)) == back


def test_what_is_asked_again_goes_to_another_rack() -> None:
    """Where the first is still there, its rack may be the fault; where there is no other rack, its neighbour."""
    first, beside, away = backend("first"), backend("beside"), backend("away", "r2")

    assert choose([first, beside, away], rack="r1", draw=drawing(0), tried=["first"]) == away
    assert choose([first, beside], rack="r1", draw=drawing(0), tried=["first"]) == beside
    assert choose([first], rack="r1", draw=drawing(0), tried=["first"]) is None


def test_a_prefix_stays_where_it_is_and_only_those_of_one_that_goes_move() -> None:
    """And all have their part."""
    every = [backend(f"b{number}") for number in range(4)]
    before = {key: choose(every, rack="r1", draw=drawing(0), prefix=key) for key in range(4000)}
    after = {key: choose(every[:3], rack="r1", draw=drawing(0), prefix=key) for key in range(4000)}

    assert all(after[key] == found for key, found in before.items() if found != every[3])
    counts = Counter(found.name for found in before.values() if found is not None)
    assert len(counts) == 4
    assert min(counts.values()) > 800


def test_one_that_has_just_come_back_gets_a_part() -> None:
    """And at least one request, else nobody would ever know."""
    assert backend("slow", in_flight=1, limit=10, share=0.2).free
    assert not backend("slow", in_flight=2, limit=10, share=0.2).free
    assert backend("new", limit=1, share=0.1).free
    assert not backend("gone", share=0.0).free


def failing(found: Health, times: int, now: float = 0.0, others: tuple[Health, ...] = OTHERS) -> Health:
    """It fails so often in a row."""
    for _ in range(times):
        found = health.failed(found, RULES, now, others)
    return found


def test_failures_in_a_row_eject_and_longer_each_time() -> None:
    """A success in between begins the count anew."""
    almost = health.answered(failing(Health(), 4), RULES, 0)
    once = failing(Health(), 5, now=10)
    tried = health.passed(once, 40)
    twice = failing(tried, 1, now=41)

    assert failing(almost, 4).state is State.GOOD
    assert (once.state, once.until) == (State.EJECTED, 40)
    assert health.passed(once, 39.9) == once
    assert tried.state is State.TRIED
    assert (twice.state, twice.until) == (State.EJECTED, 101)


def test_who_comes_back_gets_more_and_more_and_is_good_in_the_end() -> None:
    """From a tenth to all, and then its past is forgotten."""
    tried = health.passed(failing(Health(), 5), 30)

    assert [round(tried.share(RULES, 30 + passed), 2) for passed in (0, 15, 30)] == [0.1, 0.55, 1.0]
    assert health.answered(tried, RULES, 45).state is State.TRIED
    good = health.answered(tried, RULES, 60)
    assert (good.state, good.ejections) == (State.GOOD, 0)


def test_the_last_ones_are_never_ejected() -> None:
    """However often they fail: one that fails now and then is better than none."""
    ejected = Health(State.EJECTED, until=100)

    assert failing(Health(), 50, others=(ejected, ejected)).state is State.GOOD
    assert failing(Health(), 50, others=(ejected, Health())).state is State.EJECTED


def test_a_drained_one_gets_nothing_until_it_is_taken_back() -> None:
    """Neither time nor answers change that."""
    drained = health.drained(Health(), 5)

    assert not drained.usable
    assert health.passed(health.answered(drained, RULES, 500), 500).state is State.DRAINING
    assert health.returned(drained, 9).state is State.TRIED


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_only_what_the_table_has_may_happen(state: State, event: Event) -> None:
    """Everything else leaves a backend where it is."""
    assert health._moved(Health(state), event, 1).state is MOVES.get((state, event), state)


def test_a_tenth_may_be_asked_again() -> None:
    """Beyond what is saved, and the second's least."""
    again = Again(0, Allowed(share=0.1, saved=5, a_second=0))
    for _ in range(5):
        assert again.may(0)
    assert not again.may(0)
    for _ in range(1000):
        again.asked(0)
    assert sum(again.may(0) for _ in range(1000)) == 5

    granted = 0
    for _ in range(10_000):
        again.asked(0)
        granted += again.may(0)
    assert granted == pytest.approx(1000, abs=2)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 2)), max_size=200))
def test_never_more_is_asked_again_than_the_budget_has(steps: list[tuple[bool, float]]) -> None:
    """However requests and failures come."""
    again, now, asked, granted = Again(0), 0.0, 0, 0
    for first, passed in steps:
        now += passed
        if first:
            again.asked(now)
            asked += 1
        else:
            granted += again.may(now)
    assert granted <= 10 + asked * 0.1 + now * 1.0 + 1e-6


def test_a_loop_that_is_late_lets_nobody_in_low_classes_first() -> None:
    """And as many at once as there may be."""
    door = Door(Bounds(lag=0.1, window=0.5, requests=100))
    assert door.may(Priority.BATCH)
    door.ticked(0.08, 0)
    assert [door.may(each) for each in Priority] == [True, True, False]
    door.ticked(0.2, 0.5)
    assert [door.may(each) for each in Priority] == [False, False, False]
    door.ticked(0.0, 1.0)
    for _ in range(95):
        door.entered()
    assert [door.may(each) for each in Priority] == [True, False, False]
    door.left()
    door.left()
    assert door.inside == 93


def test_one_late_tick_is_smoothed() -> None:
    """Over the window."""
    door = Door(Bounds(lag=0.1, window=1.0))
    door.ticked(0.0, 0)
    door.ticked(0.5, 0.1)

    assert door.lag == pytest.approx(0.05)
