"""What health checks make of an announcement: the table of moves, and the counting over it."""

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.health import MOVES, WANTED, Event, Health, State, Timing, checked, judged
from topologies.errors import Mistake

TIMING = Timing(interval=2.0, timeout=1.0, rise=2, fall=3)
BAD = "status 503"


def after(wrongs: str, timing: Timing = TIMING) -> list[State]:
    """The states after each check; `+` passed and `-` failed."""
    health, states = Health(), []
    for now, each in enumerate(wrongs):
        health = judged(health, "" if each == "+" else BAD, now=float(now), timing=timing)
        states.append(health.state)
    return states


def test_the_table_has_every_move_that_can_come() -> None:
    """Enough in a row cannot be said where the state says the same already; all else is in the table."""
    never = {(state, Event.RISEN) for state in WANTED}
    never |= {(state, Event.FALLEN) for state in State if state not in WANTED}

    assert set(MOVES) == set(product(State, Event)) - never
    assert set(MOVES.values()) == set(State)


def test_a_service_is_announced_after_enough_passed_checks_in_a_row() -> None:
    """One that fails in between begins the count again."""
    assert after("+-++") == [State.RISING, State.WITHDRAWN, State.RISING, State.ANNOUNCED]


def test_a_service_is_withdrawn_after_enough_failed_checks_in_a_row() -> None:
    """Until then it stays, one passed check forgives all, and it is drained before it goes."""
    states = after("++--+----")

    assert states[1:5] == [State.ANNOUNCED, State.FALLING, State.FALLING, State.ANNOUNCED]
    assert states[5:] == [State.FALLING, State.FALLING, State.DRAINING, State.WITHDRAWN]


def test_one_check_is_enough_where_one_is_asked_for() -> None:
    """With a rise and a fall of one there is nothing in between."""
    assert after("+-", Timing(rise=1, fall=1)) == [State.ANNOUNCED, State.DRAINING]


@given(st.text("+-", max_size=60), st.integers(1, 5), st.integers(1, 5))
def test_it_turns_exactly_when_that_many_in_a_row_say_so(wrongs: str, rise: int, fall: int) -> None:
    """The states follow a simple count of what came last, whatever came before, and every move is of the table."""
    announced, states = False, after(wrongs, Timing(rise=rise, fall=fall))

    for number, state in enumerate(states, 1):
        last = re.search(r"(\++|-+)$", wrongs[:number])
        assert last
        if last[0] == "+" * len(last[0]) and len(last[0]) >= rise:
            announced = True
        if last[0] == "-" * len(last[0]) and len(last[0]) >= fall:
            announced = False
        assert (state in WANTED) == announced


def test_checks_keep_their_pace_and_late_ones_are_not_made_up_for() -> None:
    """The next check is due an interval after the last one was; after a late one, at once."""
    first = judged(Health(due=10.0), "", now=10.4, timing=TIMING)
    late = judged(first, "", now=19.0, timing=TIMING)

    assert (first.due, late.due) == (12.0, 19.0)


def test_it_is_known_since_when_and_why() -> None:
    """The time of the last move, and what the last check found wrong."""
    health = Health()
    for now, wrong in ((1.0, ""), (2.0, ""), (3.0, ""), (4.0, BAD)):
        health = judged(health, wrong, now=now, timing=TIMING)

    assert (health.state, health.since, health.why) == (State.FALLING, 4.0, BAD)


@pytest.mark.parametrize(
    "timing", [Timing(interval=0), Timing(timeout=-1), Timing(rise=0), Timing(fall=0), Timing(interval=float("nan"))]
)
def test_times_and_counts_that_make_no_sense_are_refused(timing: Timing) -> None:
    """By name, with what is allowed."""
    with pytest.raises(Mistake, match="must be from"):
        checked(timing)
