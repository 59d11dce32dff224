"""When probes are due."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.chaos.probing.schedule import CATCH_UP, SECOND, Lateness, Portion, portion

MS = 1_000_000


@pytest.mark.parametrize(
    ("elapsed", "done", "due"),
    [
        (0, 0, Portion(0, 1, 0, 0)),
        (499_999, 1, Portion(1, 1, None, 0)),
        (500_000, 1, Portion(1, 2, 0, 0)),
        (1_700_000, 1, Portion(1, 4, 1_200_000, 0)),
        (300 * MS, 1, Portion(585, 601, 300 * MS - 500_000, 584)),
    ],
)
def test_what_is_due_at_2000_a_second(elapsed: int, done: int, due: Portion) -> None:
    """On time, nothing yet, a little late; and far too late: all but the last are skipped, and the time is told."""
    assert portion(elapsed, done, 2000) == due


@given(st.lists(st.integers(0, 500 * MS), min_size=1, max_size=60), st.integers(10, 50_000))
def test_every_probe_is_sent_or_skipped_once(steps: list[int], rate: int) -> None:
    """In order, no more at once than what was due in CATCH_UP, and none before its time."""
    elapsed = done = sent = skipped = 0
    for step in steps:
        elapsed += step
        part = portion(elapsed, done, rate)
        assert part.first == done + part.skipped
        assert part.end - part.first <= max(rate * CATCH_UP // SECOND, 1)
        assert part.end == done or (part.end - 1) * SECOND <= elapsed * rate
        done, sent, skipped = part.end, sent + part.end - part.first, skipped + part.skipped

    assert sent + skipped == done == elapsed * rate // SECOND + 1


def test_lateness_is_kept_to_a_hundredth() -> None:
    """Its worst is exact, and times without a probe do not count."""
    late = Lateness()
    for value in [1_003] * 98 + [5 * MS + 3, 9 * MS + 7]:
        late.note(Portion(0, 1, value, 0))
    late.note(Portion(1, 1, None, 0))
    late.note(Portion(5, 6, 7, 3))

    found = late.fidelity(interval=0.02, left_out=1)
    assert (found.interval, found.unsent, found.left_out) == (0.02, 3, 1)
    assert found.late_p50 == pytest.approx(1.003e-6, rel=0.01)
    assert found.late_p99 == pytest.approx(0.005, rel=0.01)
    assert found.late_worst == 0.009000007


def test_nothing_sent_was_never_late() -> None:
    """All figures are zero."""
    found = Lateness().fidelity(interval=0.0, left_out=0)

    assert (found.late_p50, found.late_p99, found.late_worst, found.unsent) == (0, 0, 0, 0)
