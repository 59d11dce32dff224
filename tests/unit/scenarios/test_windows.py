"""Outages and shares out of probes."""

from hypothesis import given
from hypothesis import strategies as st
from recorded import FLOWS

from labs.chaos.probing import windows

MS = 1_000_000


def seen(*arrivals: str) -> list[tuple[int, int, int]]:
    """Probes of flow 0, 1, ..., one string each: a dot arrived, an x did not; 10 ms apart, flows 1 ms apart."""
    probes = [
        (flow, (number * 10 + flow) * MS, (number * 10 + flow) * MS + 1000 if came == "." else windows.NEVER)
        for flow, row in enumerate(arrivals)
        for number, came in enumerate(row)
    ]
    return sorted(probes, key=lambda each: each[1])


def found(*arrivals: str) -> list[tuple[int, float, float | None, int]]:
    """Outages as flow, begin and end in milliseconds, and probes lost."""
    return [
        (
            each.flow.number,
            round(each.begun * 1000),
            None if each.ended is None else round(each.ended * 1000),
            each.lost,
        )
        for each in windows.outages(FLOWS, seen(*arrivals))
    ]


def test_an_outage_goes_from_the_first_lost_probe_to_the_next_that_arrived() -> None:
    """Each by itself, also where a flow has several."""
    assert found("..xx..x.") == [(0, 20, 40, 2), (0, 60, 70, 1)]


def test_an_outage_at_the_end_has_no_end() -> None:
    """And one at the begin begins with the first probe."""
    assert found("x..xx") == [(0, 0, 10, 1), (0, 30, None, 2)]
    assert found("xxx") == [(0, 0, None, 3)]
    assert found("...") == []


def test_flows_do_not_mix() -> None:
    """What one flow loses is no outage of another, and all are in order of their begin."""
    assert found(".x.", "x..") == [(1, 1, 11, 1), (0, 10, 20, 1)]


@given(st.lists(st.text("x.", min_size=1, max_size=40), min_size=1, max_size=4))
def test_outages_and_bins_count_every_lost_probe_once(rows: list[str]) -> None:
    """Whatever was lost."""
    probes, lost = seen(*rows), sum(row.count("x") for row in rows)

    assert sum(each.lost for each in windows.outages(FLOWS, probes)) == lost
    counted = windows.bins(FLOWS, probes, width=0.05)
    assert sum(each.lost for each in counted) == lost
    assert sum(each.sent for each in counted) == len(probes)


def test_bins_are_of_pairs() -> None:
    """Two flows of one pair share a bin; a probe sent at its end belongs to the next."""
    counted = windows.bins(FLOWS, seen("....", "x..."), width=0.02)

    assert [(each.begun, each.sent, each.lost) for each in counted] == [(0.0, 4, 1), (0.02, 4, 0)]
    assert {(each.source, each.target) for each in counted} == {("h1", "h2")}


def test_fidelity_has_quantiles_of_lateness_in_seconds() -> None:
    """Of none there is none."""
    late = windows.fidelity([1000] * 98 + [5 * MS, 9 * MS], interval=0.02, unsent=3, left_out=1)

    assert (late.late_p50, late.late_worst, late.unsent, late.left_out) == (1e-6, 0.009, 3, 1)
    assert late.late_p99 == 0.009
    assert windows.fidelity([], interval=0.02, unsent=0, left_out=0).late_worst == 0


def test_long_runs_have_wider_bins() -> None:
    """So that an hour's report is no larger than a minute's."""
    assert windows.width_for(10) == windows.WIDTH
    assert 3600 / windows.width_for(3600) <= windows.MOST_BINS
