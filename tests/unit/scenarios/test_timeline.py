"""When faults begin, beat and end."""

from hypothesis import given
from hypothesis import strategies as st

from labs.chaos.faults.model import AnyFault, Flapping, LinkDown
from labs.chaos.timeline import Deed, Moment, timeline

TIMES = st.integers(1, 5000)


def step(at: int, lasts: int, name: str = "s") -> AnyFault:
    """A link that is down, in milliseconds."""
    return LinkDown(link="x", at=f"{at}ms", lasts=f"{lasts}ms", name=name)


def test_healing_comes_before_what_begins_at_the_same_moment() -> None:
    """So that a fault which follows another finds the fabric whole."""
    moments = timeline([step(1000, 1000), step(0, 1000)])

    assert moments == (
        Moment(0.0, Deed.INJECT, 1),
        Moment(1.0, Deed.HEAL, 1),
        Moment(1.0, Deed.INJECT, 0),
        Moment(2.0, Deed.HEAL, 0),
    )


def test_a_flapping_cable_changes_every_half_period_until_its_end() -> None:
    """It falls first, and healing is no beat."""
    flaps = Flapping(link="x", period="500ms", at="1s", lasts="2s", name="f")

    beats = [moment.at for moment in timeline([flaps]) if moment.deed is Deed.BEAT]

    assert beats == [1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75]


@given(st.lists(st.tuples(TIMES, TIMES), min_size=1, max_size=6))
def test_every_fault_is_injected_once_and_healed_once_later(times: list[tuple[int, int]]) -> None:
    """In order of time, whatever the steps are."""
    moments = timeline([step(at, lasts) for at, lasts in times])

    assert [each.at for each in moments] == sorted(each.at for each in moments)
    for number in range(len(times)):
        assert [each.deed for each in moments if each.step == number] == [Deed.INJECT, Deed.HEAL]
