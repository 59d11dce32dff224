"""Whether routing is at rest: what FRR has left to do as two versions of it tell, and what two looks prove."""

from pathlib import Path

import pytest

from telemetry.frr_work import Connection, Updates, parse_updates, parse_versions, queued, uninstalled, unsent
from telemetry.rest import Routing, unrest

RECORDINGS = sorted((Path(__file__).parents[1] / "golden" / "facts").glob("frr-*"))
HERE, THERE = Connection("10.0.0.0", 179, "10.0.0.1", 40000), Connection("10.0.0.1", 40000, "10.0.0.0", 179)


@pytest.fixture(params=RECORDINGS, ids=lambda path: path.name)
def recording(request: pytest.FixtureRequest) -> Path:
    """One FRR version's answers."""
    path: Path = request.param
    return path


def test_the_updates_of_established_sessions_are_counted_by_connection(recording: Path) -> None:
    """Its two ends name the same TCP connection, each its own address first."""
    updates, work = parse_updates((recording / "bgp-neighbors.json").read_text())

    assert {seen.neighbor for seen in updates.values()} == {"10.0.0.1", "fd00::1", "eth2"}
    assert all(seen.sent and seen.taken for seen in updates.values())
    assert all(connection.far_address and 179 in (connection.port, connection.far_port) for connection in updates)
    assert work == ()


def test_the_versions_of_tables_are_read_from_the_summary(recording: Path) -> None:
    """One for each family that has neighbours."""
    versions = parse_versions((recording / "bgp-summary.json").read_text())

    assert set(versions) == {"ipv4", "ipv6"}
    assert all(version > 0 for version in versions.values())


def test_groups_that_gather_routes_or_are_behind_their_table_have_some_to_announce(recording: Path) -> None:
    """The timer that gathers the first routes runs, or the table has moved on."""
    running, idle = ((recording / f"update-groups-{state}.txt").read_text() for state in ("running", "idle"))

    assert list(unsent(running, 0)) != []
    assert list(unsent(idle, 2)) == []
    assert list(unsent(idle, 3)) == ["routes to announce"] * 2
    assert list(unsent(idle.replace("list: empty", "list: not empty", 1), 2)) == ["routes to announce"]
    assert list(unsent("", 0)) == []


def test_queues_that_are_not_empty_are_named(recording: Path) -> None:
    """bgpd's of routes to choose from, and zebra's of routes for the kernel."""
    queues, dplane = ((recording / name).read_text() for name in ("work-queues.txt", "dplane.txt"))

    assert list(queued(queues)) == ["1 items in its process_queue queue"]
    assert list(uninstalled(dplane)) == []
    assert list(uninstalled(dplane.replace("depth: 0", "depth: 7"))) == ["7 routes for the kernel"]


def routing(connection: Connection, sent: int, taken: int, *, from_begin: bool = True) -> Routing:
    """A router with one session."""
    return Routing(updates={connection: Updates("peer", sent, taken, from_begin)})


def test_one_look_proves_nothing_and_two_that_are_alike_do() -> None:
    """A router that was asked early may have been woken by one that was asked late."""
    look = {"a": routing(HERE, 3, 2), "b": routing(THERE, 2, 3)}

    assert list(unrest({}, look)) == ["the routes of a still change", "the routes of b still change"]
    assert list(unrest(look, look)) == []


def test_an_update_that_one_end_has_sent_and_the_other_not_taken_is_on_its_way() -> None:
    """Also where two looks are alike, as on a slow cable; not for sessions that have lost count."""
    slow = {"a": routing(HERE, 3, 2), "b": routing(THERE, 2, 2)}
    reset = {"a": routing(HERE, 3, 2), "b": routing(THERE, 2, 2, from_begin=False)}
    alone = {"a": routing(HERE, 3, 2)}

    assert list(unrest(slow, slow)) == ["updates from peer to b are on their way"]
    assert list(unrest(reset, reset)) == []
    assert list(unrest(alone, alone)) == []


def test_work_that_is_left_is_said() -> None:
    """With the node that has it."""
    look = {"a": Routing(work=("routes to announce",))}

    assert list(unrest(look, look)) == ["a has routes to announce"]
