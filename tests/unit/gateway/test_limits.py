"""What tenants may: buckets that fill, and what is reserved and settled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.bucket import Bucket
from gateway.core.model import Ask, Price, Reason, Refused, Tokens
from gateway.core.tenants import NEVER, Limits, Reserved, Tenant

FREE, ONE = Price(), Price(1.0, 1.0)
ASK = Ask("t", "m", Tokens(60, 40))


def held(told: Reserved | Refused) -> Reserved:
    """What was reserved, where it was."""
    assert isinstance(told, Reserved)
    return told


def why(told: Reserved | Refused) -> tuple[Reason, float]:
    """Why it was not."""
    assert isinstance(told, Refused)
    return told.reason, told.retry_after


def test_a_bucket_holds_a_minute_and_fills_by_the_second() -> None:
    """It says how long to wait, and that is right."""
    bucket = Bucket.full(60, now=0)
    bucket.take(60, 0)

    assert not bucket.has(1, 0.5)
    assert bucket.wait(3, 1) == pytest.approx(2)
    assert bucket.has(3, 3)
    assert bucket.has(60, 1000)


def test_more_than_a_bucket_holds_may_be_taken_when_it_is_full() -> None:
    """Else it could never be; the debt is paid before anything else."""
    bucket = Bucket.full(60, now=0)

    assert bucket.has(90, 0)
    bucket.take(90, 0)
    assert bucket.wait(1, 0) == pytest.approx(31)


def test_a_bucket_without_a_rate_never_fills() -> None:
    """Nobody is told to come back."""
    bucket = Bucket.full(0, now=0)

    assert bucket.has(0, 0)
    assert not bucket.has(1, 1000)
    assert bucket.wait(1, 5) == NEVER
    assert why(Tenant.of(Limits(tokens_per_minute=0), 0).reserve(ASK, FREE, 1e6)) == (Reason.TOKENS, NEVER)


def test_a_clock_that_goes_back_brings_nothing() -> None:
    """And takes nothing."""
    bucket = Bucket.full(60, now=100)
    bucket.take(60, 100)
    bucket.take(0, 50)

    assert bucket.wait(1, 100) == pytest.approx(1)


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 50)), max_size=50))
def test_no_more_is_taken_than_came_in(steps: list[tuple[float, float]]) -> None:
    """By any one who asks first; a minute's worth at the start, and the rate from then on."""
    bucket, now, taken, largest = Bucket.full(60, 0), 0.0, 0.0, 0.0
    for passed, amount in steps:
        now += passed
        if bucket.has(amount, now):
            bucket.take(amount, now)
            taken, largest = taken + amount, max(largest, amount)

    assert taken <= 60 + now * 1 + 1e-6


def test_what_is_not_there_is_refused_and_nothing_is_held() -> None:
    """Each limit by its name, with the time to wait where time helps."""
    for limits, reason, wait in (
        (Limits(requests_per_minute=1), Reason.REQUESTS, 60),
        (Limits(tokens_per_minute=100), Reason.TOKENS, 60),
        (Limits(concurrency=1), Reason.CONCURRENCY, 0),
        (Limits(budget=150), Reason.BUDGET, NEVER),
    ):
        tenant = Tenant.of(limits, 0)
        held(tenant.reserve(ASK, ONE, 0))
        before = (tenant.running, tenant.page.held)

        assert why(tenant.reserve(ASK, ONE, 0)) == (reason, pytest.approx(wait))
        assert (tenant.running, tenant.page.held) == before


def test_what_was_not_used_is_given_back() -> None:
    """So that an answer which is shorter than it might have been costs what it is."""
    tenant = Tenant.of(Limits(tokens_per_minute=100, budget=1000), 0)
    tenant.settle(held(tenant.reserve(ASK, ONE, 0)), used=Tokens(30, 10), price=ONE, now=0)

    assert why(tenant.reserve(ASK, ONE, 0)) == (Reason.TOKENS, pytest.approx(24))
    assert (tenant.spent, tenant.page.held, tenant.running) == (40, 0, 0)
    held(tenant.reserve(ASK, ONE, 24))


def test_what_was_used_beyond_is_a_debt() -> None:
    """A prompt is only estimated beforehand."""
    tenant = Tenant.of(Limits(tokens_per_minute=100), 0)
    tenant.settle(held(tenant.reserve(ASK, FREE, 0)), used=Tokens(110, 40), price=FREE, now=0)

    assert why(tenant.reserve(Ask("t", "m", Tokens(10)), FREE, 30)) == (Reason.TOKENS, pytest.approx(6))


def test_one_that_never_began_counts_for_nothing() -> None:
    """Neither as a request nor by its tokens."""
    tenant = Tenant.of(Limits(requests_per_minute=1, tokens_per_minute=100, budget=100, concurrency=1), 0)
    tenant.cancel(held(tenant.reserve(ASK, ONE, 0)), 0)

    held(tenant.reserve(ASK, ONE, 0))


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 100)), max_size=40))
def test_a_budget_is_never_passed_by_what_was_foreseen(asked: list[tuple[int, int]]) -> None:
    """Whatever ends when: reserved and spent together stay below it, but for tokens that nobody foresaw."""
    tenant, open_, beyond = Tenant.of(Limits(budget=500), 0), [], 0.0
    for tokens, used in asked:
        told = tenant.reserve(Ask("t", "m", Tokens(tokens)), ONE, 0)
        if isinstance(told, Reserved):
            open_.append((told, used))
        elif open_:
            reserved, really = open_.pop(0)
            beyond += max(really - reserved.tokens, 0)
            tenant.settle(reserved, Tokens(really), ONE, 0)
        assert tenant.spent + tenant.page.held <= 500 + beyond
    assert tenant.running == len(open_)


def test_other_limits_hold_from_now_on() -> None:
    """What a tenant owes it goes on owing, and one that had no limit gets a whole minute."""
    tenant = Tenant.of(Limits(tokens_per_minute=100), 0)
    held(tenant.reserve(ASK, FREE, 0))
    tenant.change(Limits(tokens_per_minute=600, requests_per_minute=1), 0)

    assert why(tenant.reserve(ASK, FREE, 0)) == (Reason.TOKENS, pytest.approx(10))
    held(tenant.reserve(ASK, FREE, 10))
    assert why(tenant.reserve(ASK, FREE, 20)) == (Reason.REQUESTS, pytest.approx(50))
