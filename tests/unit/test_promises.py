"""What a test lacks is skipped by name, and fails where this machine promised it: the rules of tests/conftest.py."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import conftest

ABSENT, PRESENT = "no-such-program-anywhere", "sh"


@dataclass(frozen=True)
class Item:
    """A test with its marks, as pytest has them."""

    path: Path
    marks: tuple[pytest.Mark, ...] = field(default=())

    def iter_markers(self, name: str) -> Iterator[pytest.Mark]:
        """Those of one name."""
        return (mark for mark in self.marks if mark.name == name)

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        """One of them."""
        return next(self.iter_markers(name), None)


def in_ring(ring: str, *programs: str) -> Any:
    """A test of a ring that needs programs."""
    return Item(conftest.TESTS / ring / "test_it.py", (pytest.mark.programs(*programs).mark,) if programs else ())


@pytest.fixture(autouse=True)
def _rings_run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conftest, "LACKS", dict.fromkeys(conftest.LACKS, lambda: ""))


@pytest.mark.parametrize("ring", ["unit", "golden", "netns", "chaos", "containerlab", "bench"])
def test_a_program_that_is_not_there_is_named_in_every_ring(ring: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test is skipped, and says what it lacks."""
    monkeypatch.delenv("CLOSLAB_PROMISES", raising=False)

    with pytest.raises(pytest.skip.Exception, match=f"no program {ABSENT}"):
        conftest.pytest_runtest_setup(in_ring(ring, PRESENT, ABSENT))


@pytest.mark.parametrize(
    ("ring", "promise"), [("unit", "netns"), ("golden", "netns"), ("netns", "netns"), ("containerlab", "containerlab")]
)
def test_where_it_was_promised_the_test_fails(ring: str, promise: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """CI cannot pass by not running."""
    monkeypatch.setenv("CLOSLAB_PROMISES", promise)

    with pytest.raises(pytest.fail.Exception, match=f"promised the ring {promise}, but: no program {ABSENT}"):
        conftest.pytest_runtest_setup(in_ring(ring, ABSENT))


def test_another_promise_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has containers promised nothing of tests without a ring."""
    monkeypatch.setenv("CLOSLAB_PROMISES", "containerlab")

    with pytest.raises(pytest.skip.Exception):
        conftest.pytest_runtest_setup(in_ring("unit", ABSENT))


@pytest.mark.parametrize("ring", ["unit", "netns"])
def test_what_is_there_runs(ring: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With or without programs that it needs."""
    monkeypatch.setenv("CLOSLAB_PROMISES", "netns")

    conftest.pytest_runtest_setup(in_ring(ring, PRESENT))
    conftest.pytest_runtest_setup(in_ring(ring))


@pytest.mark.parametrize("name", ["types", "htb"])
def test_a_feature_counts_as_a_program_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel lacks is named, and fails the promised ring."""
    monkeypatch.setattr(conftest, "lack_of_feature", lambda asked: f"no {asked} here")
    monkeypatch.setenv("CLOSLAB_PROMISES", "netns")
    item: Any = Item(conftest.TESTS / "netns" / "test_it.py", (pytest.mark.features(name).mark,))

    with pytest.raises(pytest.fail.Exception, match=f"promised the ring netns, but: {name}: no {name} here"):
        conftest.pytest_runtest_setup(item)
