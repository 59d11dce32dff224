"""What is measured of traffic: searches, shapes and tables, on values."""

from collections.abc import Callable

import numpy as np
import pytest

from labs.traffic.endpoint.model import Fidelity
from labs.traffic.flows.model import Paths
from tests.bench.bottleneck import Ended, Seen, counters
from tests.bench.cable import Heard, Sent
from tests.bench.cases import PLAIN, Case, case
from tests.bench.congestion import figures, rest
from tests.bench.ecmp import WAYS, drawn, expected
from tests.bench.line import LOST, Budget, budget, lab, percentiles, routes
from tests.bench.markdown import ranged
from tests.bench.measure import Machine, Results, Run, Series
from tests.bench.spreading import carried
from tests.bench.suites import COMPARED, PEERS, jobs, line
from tests.bench.traffic_tables import TRAFFIC
from tests.bench.wire import CABLE, SCAPY, SENDING, SENT


def series(peer: str, variant: str, **figures: float) -> Series:
    return Series("it", variant, peer, 0, 0, (Run(up=1, figures=figures),))


def result(*every: Series) -> Results:
    machine = Machine(2, 24000, "6.18", "3.11", "8.4.4", {})
    return Results("it", "it", "2026-01-01T00:00:00+00:00", machine, every)


def carrying(most: float) -> Callable[[int], tuple[Sent, Heard]]:
    """A line that carries so many frames a second, at which a million can be sent, and loses the others."""

    def offer(pace: int) -> tuple[Sent, Heard]:
        sent = pace or 1_000_000
        return Sent(sent, 1.0), Heard(min(sent, int(most)))

    return offer


def test_a_line_that_loses_nothing_is_measured_once() -> None:
    """What could be sent is then what it carries."""
    asked = []

    def offer(pace: int) -> tuple[Sent, Heard]:
        asked.append(pace)
        return carrying(2e6)(pace)

    found = budget(offer)

    assert (found, asked) == (Budget(1e6, 0), [0])


@pytest.mark.parametrize("most", [100_000, 333_333, 900_000])
def test_the_budget_is_what_is_carried_with_hardly_a_loss(most: int) -> None:
    """Found by halving, to a sixty-fourth of what can be sent, and never more than is carried."""
    found = budget(carrying(most))

    assert found.lost <= LOST
    assert most - most / 32 - 1_000_000 / 64 < found.rate <= most


@pytest.mark.parametrize("routers", [1, 3, 5])
def test_every_node_of_a_line_knows_both_of_its_ends(routers: int) -> None:
    """By the next address on the way: of the cables that are not its own."""
    made, told = lab("line", routers), routes(routers)

    assert [node.name for node in made.nodes] == list(told)
    assert len(made.links) == routers + 1
    assert told["a"] == [f"route replace 10.9.{routers}.0/24 via 10.9.0.2"]
    assert told["b"] == [f"route replace 10.9.0.0/24 via 10.9.{routers}.1"]
    assert sum(len(each) for each in told.values()) == 2 * routers


def test_trips_are_told_in_microseconds() -> None:
    """The least, the middle and the slow ones."""
    assert percentiles([10e-6, 20e-6, 30e-6]) == {"least": 10.0, "median": 20.0, "99 %": 29.8}


def test_ways_to_send_take_turns_at_each_size() -> None:
    """What is compared is measured one after the other."""
    first, _ = jobs("wire", (), COMPARED)

    assert first.case == CABLE
    for number, variant in enumerate(SENT):
        part = first.turns[number * len(SENDING) : (number + 1) * len(SENDING)]
        assert part == tuple((way, variant) for way in SENDING)


@pytest.mark.parametrize("way", WAYS)
def test_a_draw_is_a_permutation_among_leaves(way: str) -> None:
    """Everybody sends to one other of another leaf, all of a leaf to the same; no two queue pairs have one number."""
    size, qps = case("4x4"), 8
    for seed in range(5):
        draw = drawn(size, qps, WAYS[way], seed)

        assert sorted(draw.target) == list(range(16))
        leaves = draw.target.reshape(4, 4) // 4
        assert all(len(set(each)) == 1 and each[0] != at for at, each in enumerate(leaves.tolist()))
        assert len(set(draw.numbers.ravel())) == 16 * qps
        assert [len(set(row)) for row in draw.ports.tolist()] == [qps if WAYS[way].own_ports else 1] * 16


def test_one_port_is_one_choice_but_by_destination_queue_pair() -> None:
    """With one queue pair it is the closed form, and stays so where nothing tells queue pairs apart."""
    one = 1 - (3 / 4) ** 4
    found = {name: [expected(case("4x4"), way, qps) for qps in (1, 8)] for name, way in WAYS.items()}

    assert found["five-tuple, one port"] == pytest.approx([one, one])
    assert found["kernel, a port each"] == found["destination-qp, one port"]
    assert found["kernel, a port each"] == pytest.approx([one, 0.879], abs=0.001)


def test_an_uplink_carries_no_more_than_it_can() -> None:
    """Three NICs with two queue pairs each: an uplink has three halves of its rate, another two, a third one."""
    links = np.array([[0, 0, 1, 1, 2, 2], [3, 3, 3, 4, 4, 5]])

    assert carried(Paths(links), np.full(6, 10.0), 2, 10.0) == pytest.approx((10 + 10 + 5) / 30)


def test_shares_of_a_bottleneck_are_told_with_the_verdict() -> None:
    """Two flows, one of which has three times as much; and a machine that did not keep up."""
    fidelity = Fidelity(0.1, 0.2, 0, 0, 0.0, ("it was away",))

    told = figures(Seen((3_000_000, 1_000_000), 8.0, (10_000, 30_000), 5, 495, Ended(fidelity, 7)))

    assert (told["least rate"], told["largest rate"], told["all rates"]) == (1, 3, 4)
    assert told["fairness"] == pytest.approx(0.8)
    assert (told["queue"], told["marked"], told["doubts"], told["sent again"]) == (20_000, 0.01, 1, 7)


def test_every_flow_is_counted_by_its_source() -> None:
    """A counter and a rule each."""
    script = counters(["10.0.0.1", "10.0.0.2"])

    assert script.count("counter flow0 { }") == 1
    assert "ip saddr 10.0.0.2 udp dport 4791 counter name flow1" in script


def test_more_flows_rest_at_a_longer_queue() -> None:
    """Between the bounds of the law, and marked as it has it."""
    queues, marked = zip(*(rest(flows) for flows in (2, 4, 10)), strict=True)

    assert list(queues) == sorted(queues)
    assert 100_000 < queues[0] < queues[-1] < 2_100_000
    assert marked == pytest.approx([(queue - 100_000) / 2_000_000 * 0.1 for queue in queues])


def test_every_peer_of_a_job_is_known() -> None:
    """No suite fails in its middle for a name."""
    suites = ("wire", "ecmp", "dcqcn", "flows")

    assert {peer for suite in suites for job in jobs(suite, (), COMPARED) for peer, _ in job.turns} <= set(PEERS)


def test_figures_are_shown_with_their_spread() -> None:
    """In the unit that is asked for; nothing of nothing."""
    assert ranged([2000, 1000, 9000], 1, 1000) == "2.0 (1.0-9.0)"
    assert ranged([1234.5], 0) == "1,234"
    assert ranged([], 1) == ""


def test_the_factor_is_against_the_same_size() -> None:
    """Each size has a sendp of its own."""
    way = "closlab, packet ring"
    every = [
        series(SCAPY, "send 1024", rate=1000, **{"bit/s": 1}),
        series(way, "send 1024", rate=5e5, **{"bit/s": 4e9}),
    ]
    every += [
        series(SCAPY, "send 4096", rate=500, **{"bit/s": 1}),
        series(way, "send 4096", rate=5e5, **{"bit/s": 2e10}),
    ]

    rows = TRAFFIC["transmit"][1]([result(*every)]).splitlines()[2:]

    assert [row.split(" | ")[-1] for row in rows] == ["1 |", "500 |", "1 |", "1,000 |"]


def test_tables_are_made_while_peers_are_missing() -> None:
    """Of results without a figure too."""
    for _, make in TRAFFIC.values():
        assert make([result(Series("it", PLAIN, "closlab", 0, 0, (Run(up=1),)))]).startswith("| ")


def test_a_line_of_progress_tells_figures() -> None:
    """Where there are some, they are what was measured."""
    (job, *_) = jobs("wire", (), COMPARED)

    assert "rate 5" in line(job, SCAPY, "send 1024", 0, Run(up=1, figures={"rate": 5}))


def test_what_is_no_fabric_has_a_name() -> None:
    """Its result file is called by it."""
    assert Case(0, 0, "cable").name == "cable"
