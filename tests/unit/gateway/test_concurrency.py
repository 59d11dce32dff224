"""The limit of a backend, against backends whose room is known."""

import pytest

from gateway.core.concurrency import Concurrency, Tuning


def crowd(limit: Concurrency, room: int, service: float, moments: int, stays: int) -> None:
    """All the requests that the limit allows, over and over: each is answered after a moment (later where more are
    unanswered than there is room for), and stays for so many more."""
    unanswered: list[int] = []  # moments until each one's answer
    staying: list[int] = []
    for _ in range(moments):
        staying = [each - 1 for each in staying if each > 1]
        due = [each for each in unanswered if each <= 1]
        unanswered = [each - 1 for each in unanswered if each > 1]
        for number, _ in enumerate(due):
            left = len(unanswered) + len(due) - number - 1
            limit.answered(service * max((left + 1) / room, 1.0), left + 1 + len(staying) + number, left)
        staying += [stays] * len(due)
        new = max(int(limit.limit) - len(unanswered) - len(staying), 0)
        unanswered += [max((len(unanswered) + new) // room, 1)] * new


def driven(limit: Concurrency, room: int, answers: int, service: float = 1.0) -> None:
    """As many requests as the limit allows, to a backend that works on `room` at once and has others wait; so many
    answers, and until it does not look."""
    left = answers
    while left > 0 or limit.looking:
        left -= 1
        in_flight = max(int(limit.limit), 1)
        limit.answered(service * max(in_flight / room, 1.0), in_flight)


@pytest.mark.parametrize("room", [1, 4, 40, 400])
def test_the_limit_finds_the_room_that_there_is(room: int) -> None:
    """Also of one who starts under overload: all of what the backend works on at once, and little more."""
    limit = Concurrency()

    driven(limit, room, 20_000)

    assert room <= limit.limit <= 1.5 * room + 2 * room**0.5 + 2


def test_a_limit_soon_finds_much_room() -> None:
    """Two hundred streams at once, each of a hundred tokens, are let in after a few first tokens."""
    limit = Concurrency()
    crowd(limit, room=1000, service=0.02, moments=8, stays=100)

    assert limit.limit >= 200


def test_a_limit_that_grows_quickly_does_not_grow_far_too_far() -> None:
    """A backend that works on forty at once never gets more than four times that while it is found out."""
    limit, most = Concurrency(), 0.0
    for _ in range(50):
        crowd(limit, room=40, service=0.1, moments=1, stays=1)
        most = max(most, limit.limit)

    assert most <= 160


def test_a_limit_that_is_not_used_is_left_alone() -> None:
    """Nothing is known of more."""
    limit = Concurrency()
    for _ in range(5000):
        limit.answered(0.1, 2)

    assert limit.limit == Tuning().initial


def test_a_failure_cuts_at_once_and_never_to_nothing() -> None:
    """By a tenth, however many fail together."""
    limit = Concurrency()
    for _ in range(5):
        limit.failed()
    once = limit.limit
    for _ in range(100):
        limit.failed()
        driven(limit, 1, 40)

    assert once == pytest.approx(18)
    assert 1 <= limit.limit <= 5


def test_a_backend_that_becomes_slower_gets_less_and_later_more_again() -> None:
    """A quarter of the room, and all of it again."""
    limit = Concurrency()
    driven(limit, 40, 5_000)
    full = limit.limit
    driven(limit, 10, 5_000)
    less = limit.limit
    driven(limit, 40, 5_000)

    assert less < full / 2
    assert limit.limit > full * 0.8


def test_steady_overload_does_not_raise_the_limit_without_end() -> None:
    """However long it lasts."""
    limit = Concurrency()
    driven(limit, 40, 200_000)

    assert 40 <= limit.limit <= 80


def test_answers_that_have_become_longer_are_learnt_under_load() -> None:
    """Longer prompts are no overload: the backend has as much room as before."""
    limit = Concurrency()
    driven(limit, 40, 5_000)
    driven(limit, 40, 10_000, service=5.0)

    assert 40 <= limit.limit <= 80


def test_what_the_clock_cannot_tell_is_no_sign() -> None:
    """Answers of a tenth of a millisecond that are seen a few later, because this process is busy, shrink nothing."""
    limit = Concurrency()
    for number in range(5_000):
        limit.answered(0.0001 if number < 100 else 0.005, int(limit.limit))

    assert limit.limit >= Tuning().initial


def test_nonsense_changes_nothing() -> None:
    """A time of nothing is none."""
    limit = Concurrency()
    limit.answered(0.0, 100)
    limit.answered(-1.0, 100)

    assert limit.limit == Tuning().initial
