"""Series out of a recording, and verdicts on it."""

from msgspec.structs import replace
from recorded import COUNTED, EPISODE, TRAFFIC, event, recording

from labs.chaos.judge import Standing, figure, judge
from labs.chaos.model import Kind, Move
from labs.chaos.series import SERIES, series
from labs.requests.model import Outcome, RequestLog
from labs.traffic.endpoint.model import Moved
from telemetry.model import Difference, What

MOVE = Move("cut", 2.0, "h1", "h2", touched=False, changed=True)
DIFFERENCE = Difference("leaf1", "route 10.0.0.0/24", What.ROUTE_MISSING, "over eth1 (1)", "no route")


def test_every_series_that_is_described_is_there() -> None:
    """Empty where nothing happened, with the labels that its description has where something did."""
    events = (
        event(1.1, Kind.BGP_DOWN),
        event(1.2, Kind.ROUTE_REMOVED),
        event(1.3, Kind.LEAKED),
        event(1.4, Kind.BFD_UP),
    )
    asked = RequestLog("chat", "h", 1.0, tuple(Outcome(at, "answered", "", 0.1, 0.2, 1) for at in (0, 0.6, 1.2)), 0.0)
    more = {"traffic": (TRAFFIC,), "moves": (MOVE,), "counted": (COUNTED,), "requests": (asked,)}
    found = series(recording((0, 1.0, 1.5), events=events, differences=(DIFFERENCE,), **more))

    assert set(found) == set(SERIES)
    for name, samples in found.items():
        assert all(set(each.labels) == set(SERIES[name].labels) for each in samples), name
    assert [name for name, samples in found.items() if not samples] == ["bgp_up", "bfd_down"]


def test_an_outage_that_never_ended_counts_to_the_end() -> None:
    """Of the recording."""
    (found,) = series(recording((0, 1.0, None)))["outage"]

    assert found.value == 3.0


def test_goodput_is_zero_where_nothing_was_acknowledged() -> None:
    """So that a job which stands still does not hide."""
    found = series(recording(traffic=(TRAFFIC,)))

    assert [(round(each.at, 6), round(each.value)) for each in found["goodput"]] == [
        (0.1, 32_000),
        (0.2, 0),
        (0.3, 0),
        (0.4, 0),
        (0.5, 48_000),
    ]
    assert [round(each.value, 6) for each in found["iteration"]] == [0.2, 0.3]
    assert [(each.at, each.value, each.labels["target"]) for each in found["fct"]] == [
        (0.1, 0.15, "h2:eth1"),
        (0.3, 0.3, "h2:eth1"),
    ]
    assert [each.value for each in found["retransmitted"]] == [2]


def test_a_job_that_stands_still_to_the_end_has_no_goodput_to_the_end() -> None:
    """Nor does one that never began to move; short times that it had in part are left out."""
    still = replace(TRAFFIC, begun=0.13, ended=1.05)
    never = replace(TRAFFIC, begun=0.13, ended=0.44, moved=())

    goodput = {
        each: [(round(sample.at, 6), round(sample.value)) for sample in series(recording(traffic=(log,)))["goodput"]]
        for each, log in (("still", still), ("never", never))
    }

    assert goodput["still"] == [(0.2, 0), (0.3, 0), (0.4, 0), (0.5, 48_000), (0.6, 0), (0.7, 0), (0.8, 0), (0.9, 0)]
    assert goodput["never"] == [(0.13, 0), (0.23, 0), (0.33, 0)]


def test_short_times_stay_apart_wherever_they_begin() -> None:
    """Half-way between two numbers too, where rounding could put two into one."""
    moved = tuple(Moved(10.05 + number / 10, 100) for number in range(20))

    log = replace(TRAFFIC, begun=10.05, ended=12.05, moved=moved)

    assert [round(each.value) for each in series(recording(traffic=(log,)))["goodput"]] == [8000] * 20


def test_a_workload_that_failed_is_red_where_there_is_one() -> None:
    """With its reason; without traffic nobody speaks of it."""
    failed = replace(TRAFFIC, failed="h1 to h2: transport retry counter exceeded")

    verdict = judge([], recording(traffic=(failed,)))[-1]

    assert (verdict.expectation, verdict.holds) == ("workloads go on", False)
    assert "transport retry counter exceeded" in verdict.why
    assert judge([], recording(traffic=(TRAFFIC,)))[-1].holds
    assert judge([], recording())[-1].expectation == "no route leaked"


def test_reconvergence_is_the_time_to_the_last_route_that_changed_for_an_edge() -> None:
    """Of a fault up to its healing, and of that up to the end; 0 where no route changed."""
    events = tuple(event(at, Kind.ROUTE_REPLACED) for at in (0.5, 1.2, 1.4, 2.5))

    found = {each.labels["edge"]: each.value for each in series(recording(events=events))["reconvergence"]}
    quiet = [each.value for each in series(recording())["reconvergence"]]

    assert {edge: round(seconds, 6) for edge, seconds in found.items()} == {"fault": 0.4, "heal": 0.5}
    assert quiet == [0, 0]


def test_a_quiet_run_is_green() -> None:
    """What is expected of every run holds, and says what was measured."""
    verdicts = judge(["max(outage) <= 1s"], recording())

    assert all(each.holds for each in verdicts)
    assert [each.expectation for each in verdicts] == [
        "steady before the first fault",
        "as planned in the end",
        "no route leaked",
        "max(outage) <= 1s",
    ]
    assert verdicts[-1].measured == "max(outage) = 0 ms"


def test_loss_before_the_first_fault_is_red() -> None:
    """Such a run tells nothing of the fault; loss that begins with it is the fault's."""
    early, _, _ = judge([], recording((0, 0.5, 0.6)))
    later, _, _ = judge([], recording((0, 1.0, 1.6)))

    assert (early.holds, early.measured) == (False, "10 probes lost")
    assert later.holds


def test_a_difference_at_the_end_is_red_and_quoted() -> None:
    """The first ones in full, the others by number."""
    _, verdict, _ = judge([], recording(differences=(DIFFERENCE,) * 5))

    assert not verdict.holds
    assert str(DIFFERENCE) in verdict.why
    assert verdict.why.endswith("; 2 more")


def test_a_leaked_route_is_red_unless_it_is_tolerated() -> None:
    """Whoever tolerates it does not lose the others."""
    leaky = recording(events=(event(1.2, Kind.LEAKED, subject="10.9.9.0/24"),))

    _, _, verdict = judge([], leaky)
    others = judge([], leaky, tolerated=[Standing.LEAK])

    assert (verdict.holds, verdict.measured) == (False, "10.9.9.0/24 on leaf1")
    assert [each.holds for each in others] == [True, True]


def test_an_expectation_that_fails_says_what_was_measured() -> None:
    """And one without a value says that there was nothing to measure."""
    verdicts = judge(["max(outage[during=cut]) <= 300ms", "mean(bgp_down) < 1"], recording((0, 1.0, 1.5)))

    assert [each.holds for each in verdicts[3:]] == [False, False]
    assert verdicts[3].why == "max(outage[during=cut]) = 500 ms"
    assert "has no value" in verdicts[4].why


def test_a_run_without_an_end_of_its_fault_is_judged_all_the_same() -> None:
    """Its episode lasts to the end."""
    endless = replace(EPISODE, healing=None, healed=None)

    verdicts = judge(["count(outage[during=cut]) == 1"], recording((0, 3.5, 3.6), episodes=(endless,)))

    assert verdicts[-1].holds


def test_figures_are_read_by_people() -> None:
    """Three digits, and the unit that fits."""
    assert [figure(each, "s") for each in (0, 0.0000854, 0.0123, 0.412, 1.25, 73)] == [
        "0 ms",
        "85.4 us",
        "12.3 ms",
        "412 ms",
        "1.25 s",
        "73 s",
    ]
    assert figure(51974, "") == "51974"
