"""What the command line makes of words, and of values: pure parts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labs.cables import Cable
from labs.cli import screen
from labs.cli.chosen import choose, end_of
from labs.cli.differences import COLUMNS, stacked, table_width
from labs.cli.ending import called, counts, nodes_by_role, probes, ways_in
from labs.cli.reports import ago, counted, link_report
from labs.pictures import as_states
from telemetry.check import CheckReport
from telemetry.model import Difference, What
from telemetry.probes import MeshSummary
from topologies.errors import Mistake
from topologies.lab import Dummy, End, Lab, LabNode, Veth
from topologies.model import Role
from topologies.render.graph.drawing import State
from topologies.runtime.model import LabRecord, Life, Status

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(("names", "wanted", "answer"), [(["a"], "", "a"), (["a", "b"], "b", "b"), (["a"], "a", "a")])
def test_a_lab_is_chosen_by_name_or_because_it_is_the_only_one(names: list[str], wanted: str, answer: str) -> None:
    """A name counts also where it need not be given."""
    assert choose(names, wanted) == answer


@pytest.mark.parametrize(
    ("names", "wanted", "words"),
    [
        ([], "", "no lab is there"),
        (["a", "b"], "", "several labs are there: a, b"),
        (["a"], "b", "no lab 'b'; there is a"),
    ],
)
def test_a_choice_that_cannot_be_made_lists_the_labs(names: list[str], wanted: str, words: str) -> None:
    """So that the next command is right."""
    with pytest.raises(Mistake, match=words):
        choose(names, wanted)


def test_an_end_of_a_cable_has_a_node_and_an_interface() -> None:
    """Nothing else is taken for one."""
    assert end_of("leaf1:eth1") == ("leaf1", "eth1")
    for text in ("leaf1", ":eth1", "leaf1:", ""):
        with pytest.raises(Mistake, match="NODE:INTERFACE"):
            end_of(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7300, "2 h"), (200_000, "2 d")]
)
def test_how_long_ago_is_told_in_the_largest_unit(seconds: int, text: str) -> None:
    """One number is enough."""
    created = (NOW - timedelta(seconds=seconds)).isoformat(timespec="seconds")

    assert ago(created, NOW) == text


def record(*nodes: LabNode) -> LabRecord:
    """A record of a lab with these nodes."""
    return LabRecord(
        name="x",
        id="1",
        runtime="fake",
        status=Status.RUNNING,
        created=0,
        boot_id="",
        uid=0,
        version="",
        files="",
        lab=Lab("x", nodes, ()),
    )


def test_nodes_are_counted_by_role() -> None:
    """The highest tier first; nodes without a role last."""
    switches = LabNode(name="s", role=Role.SPINE), LabNode(name="a", role=Role.LEAF), LabNode(name="b", role=Role.LEAF)

    assert nodes_by_role(record(*switches, LabNode(name="n"))) == "1 spine, 2 leaves, 1 node; 0 links"
    assert counted(1, "leaf") == "1 leaf"


def test_a_session_is_said_once_whatever_else_is_wrong() -> None:
    """Both its ends are counted; the words are the same with and without a difference."""
    wrong = (Difference("leaf1", "node", What.NODE_DEAD, "running", "dead"),)
    whole, less = {"nodes": 6, "links": 8, "sessions": 16, "bfd": 2}, {"nodes": 1, "sessions": 15, "bfd": 1}

    fine, broken, fewer, none = (
        counts(CheckReport(*each))
        for each in (((), None, {}, whole), (wrong, None, {}, whole), (wrong, None, {}, less), (wrong, None, {}, {}))
    )

    assert fine == broken == "6 nodes, 8 links, 8 sessions Established, 1 BFD session up"
    assert fewer == "1 node, 8 sessions Established, 1 BFD session up"
    assert none == "nothing"


ROWS = (
    (
        "leaf1",
        "session eth1 to spine1",
        "session-down",
        "Established",
        "Active (last reset: Peer closed the session)",
    ),
    ("leaf1-host1", "route 10.255.1.2/32", "route-missing", "over eth1, eth2 (2)", "no route"),
)


@pytest.mark.parametrize("width", [40, 80])
def test_differences_that_do_not_fit_in_a_row_take_two_and_break_no_word(width: int) -> None:
    """The kinds stand below each other, and long texts go on below what they belong to."""
    lines = list(stacked(ROWS, width))

    assert all(len(line) <= width for line in lines)
    text = " ".join(" ".join(lines).split())
    assert all(
        f"{node} {what} {where} expected {is_so}, found {found}" in text for node, where, what, is_so, found in ROWS
    )
    if width == 80:
        assert lines == [
            "NODE         WHAT           WHERE",
            "leaf1        session-down   session eth1 to spine1",
            "             expected Established, found Active (last reset: Peer closed the",
            "             session)",
            "leaf1-host1  route-missing  route 10.255.1.2/32",
            "             expected over eth1, eth2 (2), found no route",
        ]


def test_a_table_of_differences_is_as_wide_as_was_said(capsys: pytest.CaptureFixture[str]) -> None:
    """So that it is drawn only where it fits."""
    screen.table(COLUMNS, ROWS)

    assert max(map(len, capsys.readouterr().out.splitlines())) == table_width(ROWS)


def test_probes_that_nobody_sent_did_not_arrive() -> None:
    """As when every node is dead."""
    assert probes(MeshSummary(0, 0, 0, 0, 0, 0, 0, 0.0)) == "none sent, for lack of addresses to send them to"
    assert probes(MeshSummary(3, 6, 60, 30, 0, 0, 0, 0.1)) == "60 sent between 3 addresses, all arrived"


def test_the_ways_in_fit_the_lab() -> None:
    """Nobody is told to talk to FRR where there is none."""
    assert not any("vtysh" in line for line in ways_in(record(LabNode(name="n", image="alpine"))))
    assert "closlab vtysh n -c 'show bgp summary'" in ways_in(record(LabNode(name="n", image="frrouting/frr")))
    assert ways_in(record()) == []
    assert ways_in(record(LabNode(name="br0", kind="bridge"))) == []


def test_the_ways_in_work_as_they_are_printed(tmp_path: Path) -> None:
    """The program is named by its path where the shell would not find it, and the lab where there are several."""
    program = tmp_path / "closlab"

    assert called(str(program), str(program)) == "closlab"
    assert called(str(program), None) == called(str(program), "/usr/bin/closlab") == str(program)
    assert called(".venv/bin/closlab", None) == ".venv/bin/closlab"
    assert called("/usr/bin/pytest", None) == "closlab"
    one = ways_in(record(LabNode(name="n", image="frr")), ".venv/bin/closlab", several=True)
    assert one[:2] == [".venv/bin/closlab shell n --lab x", ".venv/bin/closlab vtysh n --lab x -c 'show bgp summary'"]


def test_a_link_is_reported_with_the_ends_it_has() -> None:
    """A dummy has one."""
    veth = Veth(a=End("a", "eth1"), b=End("b", "eth1"), mtu=9000, rate_mbps=10)

    assert link_report(veth) == {"type": "veth", "ends": ["a:eth1", "b:eth1"], "mtu": 9000, "rate_mbps": 10}
    assert link_report(Dummy(end=End("a", "d0"))) == {"type": "dummy", "ends": ["a:d0"], "mtu": 9500, "rate_mbps": None}


@pytest.mark.parametrize(
    ("a_state", "b_state", "silent", "state"),
    [
        ("up", "up", set(), State.UP),
        ("up", "up", {"b:eth1"}, State.IMPAIRED),
        ("up", "up", {"b:eth2"}, State.UP),
        ("down", "no carrier", {"b:eth1"}, State.DOWN),
        ("up", "gone", set(), State.DOWN),
    ],
)
def test_a_cable_is_up_only_if_both_ends_are_and_their_session(
    a_state: str, b_state: str, silent: set[str], state: State
) -> None:
    """A dead node's cables are down; one without its BGP session is impaired."""
    cable = Cable("a:eth1", a_state, "b:eth1", b_state, 9000, None)

    states = as_states({"a": Life.RUNNING, "b": Life.PAUSED}, [cable], silent)

    assert states.cables == {"a:eth1": state}
    assert states.nodes == {"a": State.UP, "b": State.DOWN}


@pytest.mark.parametrize(
    ("end", "touched"), [("", True), ("leaf1", True), ("leaf1:eth1", True), ("leaf", False), ("leaf1:eth", False)]
)
def test_a_cable_is_found_by_node_or_end(end: str, touched: bool) -> None:
    """A beginning of a name is no name."""
    assert Cable("leaf1:eth1", "up", "spine1:eth1", "up", 9000, None).touches(end) is touched
