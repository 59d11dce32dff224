"""Tenants' accounts in memory that several processes have: none of them loses what another does."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.model import Ask, Price, Refused, Tokens
from gateway.core.page import Page, size
from gateway.core.tenants import Limits, Reserved, Tenant
from gateway.workers import memory
from gateway.workers.memory import ROWS, Memory, SharedPages

ASK, ONE = Ask("t", "m", Tokens(1, 1)), Price(1.0, 1.0)
BEGIN = """
import os, sys, time
from gateway.core.model import Ask, Price, Refused, Tokens
from gateway.core.tenants import Limits, Tenant
from gateway.workers import memory
from gateway.workers.memory import Memory, SharedPages
memory.PATIENCE = 60  # a machine that is busy with other things must not decide what comes out
fd, columns, column = map(int, sys.argv[1:])
pages = SharedPages(Memory(columns, fd), column)
pages.rows = {"t": 0}
page, ask, price = pages("t"), Ask("t", "m", Tokens(1, 1)), Price(1.0, 1.0)
print("ready", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def shared() -> Iterator[Memory]:
    """Accounts for four processes."""
    made = Memory(4)
    made.grow(1)
    yield made
    os.close(made.fd)


def mine(made: Memory, row: int = 0) -> Page:
    """A page as the first process has it."""
    pages = SharedPages(made, 0)
    pages.rows = {"t": row}
    return pages("t")


@contextmanager
def others(made: Memory, text: str, number: int = 4) -> Iterator[Sequence["subprocess.Popen[str]"]]:
    """Processes that do something with the accounts, all at once."""
    root = str(Path(__file__).parents[3])
    begun = [
        subprocess.Popen(
            [sys.executable, "-c", BEGIN + text, str(made.fd), str(made.columns), str(column)],
            pass_fds=(made.fd,),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": root},
        )
        for column in range(number)
    ]
    try:
        for each in begun:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        for each in begun:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        yield begun
    finally:
        for each in begun:
            each.kill()
            each.communicate()


def test_no_more_is_given_than_there_is_by_however_many(shared: Memory) -> None:
    """Four that ask as fast as they can are given exactly what one would be; money and tokens add up too."""
    text = """
tenant = Tenant.of(Limits(requests_per_minute=30_000, budget=1e9), 0.0, page)
had = 0
for _ in range(20_000):
    held = tenant.reserve(ask, price, 0.0)
    if not isinstance(held, Refused):
        had += 1
        tenant.settle(held, Tokens(1, 1), price, 0.0)
print(had)
"""
    with others(shared, text) as begun:
        had = [int(each.communicate(timeout=60)[0]) for each in begun]

    assert sum(had) == 30_000
    page = mine(shared)
    assert (page.running, page.held, page.spent) == (0, 0.0, 60_000.0)


def test_no_more_run_at_once_than_may(shared: Memory) -> None:
    """At no moment, as each of them sees it; and in the end nobody does."""
    text = """
tenant, most = Tenant.of(Limits(concurrency=3), 0.0, page), 0
for _ in range(20_000):
    held = tenant.reserve(ask, price, 0.0)
    if not isinstance(held, Refused):
        most = max(most, tenant.running)
        tenant.settle(held, Tokens(1, 1), price, 0.0)
print(most)
"""
    with others(shared, text) as begun:
        most = [int(each.communicate(timeout=60)[0]) for each in begun]

    assert 1 <= max(most) <= 3
    assert mine(shared).running == 0


def test_what_one_held_is_free_when_it_is_struck_out(shared: Memory) -> None:
    """And what others hold is not; what was used stays used."""
    limits = Limits(concurrency=4, requests_per_minute=10, budget=1000)
    pages = [SharedPages(shared, column) for column in (0, 1)]
    for each in pages:
        each.rows = {"t": 0}
    first, second = (Tenant.of(limits, 0.0, each("t")) for each in pages)
    held = [each.reserve(ASK, ONE, 0.0) for each in (first, first, second)]
    assert first.running == second.running == 3

    shared.strike(1, 0)

    assert (second.running, second.page.held) == (1, 2.0)
    assert second.requests is not None
    assert second.requests.left(0.0) == 7
    assert isinstance(held[2], Reserved)
    second.settle(held[2], Tokens(), ONE, 0.0)
    assert (second.running, second.page.held) == (0, 0.0)


def test_a_limit_that_changes_is_changed_once_whoever_is_told(shared: Memory) -> None:
    """The second to be told does not fill it again, nor empty it."""
    first, second = (Tenant.of(Limits(requests_per_minute=10), 0.0, mine(shared)) for _ in range(2))
    for _ in range(4):
        assert not isinstance(first.reserve(ASK, ONE, 0.0), Refused)
    for each in (first, second):
        each.change(Limits(requests_per_minute=100), 0.0)
        assert each.requests is not None
        assert each.requests.left(0.0) == 6
    for each in (first, second):
        each.change(Limits(requests_per_minute=3), 0.0)
        assert each.requests is not None
        assert each.requests.left(0.0) == 3


@given(st.lists(st.integers(0, 3 * ROWS), min_size=1, max_size=20, unique=True), st.integers(1, 9))
def test_each_row_is_its_own(rows: list[int], columns: int) -> None:
    """However many there are, and wherever a block ends."""
    made = Memory(columns)
    try:
        for row in rows:
            made.grow(row + 1)
            made.cells(row)[:] = memoryview(bytes(8 * size(columns))).cast("d")
        for row in rows:
            for place in range(size(columns)):
                made.cells(row)[place] += row + place / 100

        again = Memory(columns, made.fd)
        for row in rows:
            assert list(again.cells(row)) == [row + place / 100 for place in range(size(columns))]
    finally:
        os.close(made.fd)


def test_a_lock_is_not_had_twice_and_not_for_ever(shared: Memory) -> None:
    """One whose holder dies is free at once; one whose holder has been stopped is passed over, and soon at no cost."""
    text = "page.lock.__enter__(); print('had', flush=True); sys.stdin.readline()"
    page = mine(shared)
    with others(shared, text, number=1) as (other,):
        assert other.stdout is not None
        assert other.stdout.readline() == "had\n"
        os.kill(other.pid, signal.SIGSTOP)
        took = [timed(page) for _ in range(100)]

        assert memory.PATIENCE <= took[0] < 1
        assert sum(took[1:]) < took[0] * 10, "it does not wait each time"
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
    with others(shared, text, number=1) as (other,):
        assert other.stdout is not None
        assert other.stdout.readline() == "had\n", "nobody has it any more"


def timed(page: Page) -> float:
    """Seconds until a lock is had, or is not waited for any longer."""
    began = time.monotonic()
    with page.lock:
        return time.monotonic() - began
