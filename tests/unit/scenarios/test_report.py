"""What a run leaves: JSON, JUnit, and a page."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import msgspec
from msgspec.structs import replace
from recorded import COUNTED, TRAFFIC, event, recording

from labs.chaos.judge import judge
from labs.chaos.model import Kind, Recording, Run, Sampled
from labs.chaos.report import lanes
from labs.chaos.report.document import document
from labs.chaos.report.junit import junit
from labs.chaos.report.page import Asked, Port, asked, page, ports
from labs.requests.model import Outcome, RequestLog

FABRIC = "name: x\ndesign: leaf-spine\nspines: 2\nleaves: 2\nhosts_per_leaf: 1\n"
EVENTS = (event(1.1, Kind.BGP_DOWN), event(1.2, Kind.ROUTE_REPLACED), event(2.2, Kind.BGP_UP))


def ran(seen: Recording, *expectations: str) -> Run:
    """A run with this recording."""
    return Run(
        scenario="one",
        about="A <link> fails & comes back.",
        path="/labs/my scenario.yml",
        seed=7,
        red=False,
        runtime="netns",
        began="2026-01-02T03:04:05+00:00",
        versions={"closlab": "1", "kernel": "6.1"},
        fabric_text=FABRIC,
        phases={"links": 0.1},
        again="closlab run '/labs/my scenario.yml' --seed 7",
        hit=("leaf1:eth1", "spine2"),
        recording=seen,
        verdicts=judge(expectations, seen),
    )


class Checker(HTMLParser):
    """Collects what a page loads, and whether its tags close."""

    VOID = ("meta", "rect", "line", "path", "circle", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.loads += [
            value or "" for name, value in attrs if name in ("src", "href") and not (value or "").startswith("#")
        ]
        assert tag != "script"

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_loads_nothing() -> None:
    """Every tag closes, text is escaped, and figures are there."""
    seen = recording((0, 1.0, 1.5), events=EVENTS, traffic=(TRAFFIC,), counted=(COUNTED,))
    run = ran(seen, "max(outage) <= 300ms", "count(bgp_down) == 1")
    checker = Checker()

    shown = page(run)
    checker.feed(shown)

    assert checker.open == []
    assert checker.loads == []
    for text in (
        "✘ failed",
        "A <link> fails & comes back.",
        "max(outage) = 500 ms",
        "closlab run '/labs/my scenario.yml'",
    ):
        assert text in checker.text
    assert "h1" in checker.text
    assert "all-reduce" in checker.text
    assert len(shown) < 300_000


def test_a_green_page_says_so_without_colours() -> None:
    """By a word and a sign."""
    shown = page(ran(recording()))

    assert "✔ passed" in shown
    assert "✘" not in shown
    assert "No flow had an outage." in shown


def test_a_long_run_makes_a_small_page() -> None:
    """Ten minutes in which everything is lost stay below the size that a browser minds."""
    seen = recording(*[(flow, second / 10, second / 10 + 0.05) for second in range(6000) for flow in range(4)])
    bins = tuple(replace(seen.probes.bins[0], begun=number * 0.05, lost=50) for number in range(12_000))

    shown = page(ran(replace(seen, probes=replace(seen.probes, bins=bins, width=0.05), ended=600.0)))

    assert len(shown) < 300_000


def test_junit_has_a_case_for_each_expectation() -> None:
    """Failures carry the figures and how to run it again."""
    root = ElementTree.fromstring(junit([ran(recording((0, 1.0, 1.5)), "max(outage) <= 300ms & true"[:20])]))

    (suite,) = root
    failed = [case for case in suite if case.find("failure") is not None]
    assert (suite.get("tests"), suite.get("failures")) == ("4", "1")
    assert [case.get("name") for case in failed] == ["max(outage) <= 300ms"]
    assert "closlab run" in (failed[0].findtext("failure") or "")


def test_json_carries_all_raw_figures() -> None:
    """Enough to compute every verdict anew."""
    run = ran(recording((0, 1.0, 1.5), events=EVENTS), "max(outage) <= 300ms")

    found = msgspec.json.decode(msgspec.json.encode(document(run)))

    assert (found["scenario"], found["seed"], found["fine"]) == ("one", 7, False)
    assert found["probes"]["outages"] == [{"flow": 0, "begun": 1.0, "ended": 1.5, "lost": 50}]
    assert [each["kind"] for each in found["events"]] == ["bgp_down", "route_replaced", "bgp_up"]
    assert found["probes"]["sent"] == 1000


def test_a_proof_is_fine_when_an_expectation_of_its_own_fails() -> None:
    """A standing one that fails proves nothing."""
    lossy, early = recording((0, 1.0, 1.5)), recording((0, 0.5, 0.6))

    assert replace(ran(lossy, "max(outage) <= 300ms"), red=True).fine
    assert not replace(ran(early, "max(outage) <= 300ms"), red=True).fine
    assert not replace(ran(recording(), "max(outage) <= 300ms"), red=True).fine


def test_the_time_axis_has_round_labels_over_the_whole_run() -> None:
    """From before time 0 to the end, few enough to be read."""
    for ended in (0.3, 4, 59, 600):
        scale = lanes.Scale(-1.0, ended)
        ticks = list(scale.ticks)
        assert 2 <= len(ticks) <= lanes.TICKS + 1
        assert all(-1 <= at <= ended for at in ticks)
        assert scale(-1.0) == lanes.LEFT
        assert re.fullmatch(r"-?[\d.]+", f"{ticks[0]:g}")


def test_the_cables_that_dropped_come_first() -> None:
    """And those that carried most behind them."""
    quiet = replace(COUNTED, interface="eth2", samples=(Sampled(1.0, 0.1, 9_000_000, 9, 0, 0, 0),))
    idle = replace(COUNTED, interface="eth3", samples=())

    found = ports(recording(counted=(idle, quiet, COUNTED)))

    assert [each.name for each in found] == ["leaf1:eth1", "leaf1:eth2"]
    assert found[0] == Port("leaf1:eth1", "spine1", "0.05 Mbit/s", "0.1 Mbit/s", "500 bytes", 2, 1)


def test_the_page_shows_what_clients_felt() -> None:
    """A row for each kind of requests, from all hosts, and a lane of those that were not answered."""
    well = tuple(Outcome(at / 10, "answered", "", 0.01, 0.2, 1) for at in range(20))
    lost = tuple(Outcome(2 + at / 10, "late", "given up", 0.0, 9.0, 1) for at in range(5))
    seen = replace(
        recording((0, 1.0, 1.5)),
        requests=(RequestLog("chat", "h1", 10.0, well, 0.001), RequestLog("chat", "h2", 10.0, lost, 0.002)),
    )

    html = page(ran(seen, "count(request) > 0"))

    row = Asked("chat", 25, 20, "5 late", "10 ms", "200 ms", "200 ms", "2 ms")
    assert asked(seen.requests) == [row]
    assert "What clients felt" in html
    assert "5 of 5 requests were not answered" in html
    assert {each.height for each in lanes.unanswered(seen, lanes.scale_of(seen))} == {lanes.LANE - 8}


def test_a_run_without_clients_has_no_such_lane() -> None:
    """Nor a table of them."""
    html = page(ran(recording((0, 1.0, 1.5)), "count(lost) > 0"))

    assert "What clients felt" not in html
    assert "not answered" not in html
