"""Drift: which lines differ, and since when that is known."""

from pathlib import Path

import pytest
from napalm_frr.changes import changes
from napalm_frr.normal import normal

from automation import drift_memory
from automation.drift import GONE, THERE, Line, Seen, lines, remembered
from topologies.errors import Fault

BEFORE = """\
ip prefix-list A seq 5 permit any
router bgp 65000
 neighbor eth1 interface remote-as external
 address-family ipv4 unicast
  network 10.0.0.0/24
"""
AFTER = """\
router bgp 65000
 neighbor eth1 interface remote-as external
 address-family ipv4 unicast
  maximum-paths 4
  network 10.0.0.0/24
 exit-address-family
route-map B permit 10
"""


def test_lines_of_a_difference_know_their_blocks() -> None:
    """As the driver writes them: what goes is there and should not be, what comes is lacking."""
    found = list(lines(changes(normal(BEFORE), normal(AFTER))))

    assert set(found) == {
        Line(THERE, "ip prefix-list A seq 5 permit any"),
        Line(GONE, "maximum-paths 4", ("router bgp 65000", "address-family ipv4 unicast")),
        Line(GONE, "route-map B permit 10"),
    }


def test_a_block_that_is_new_is_the_block_of_its_lines() -> None:
    """A line below a line that differs too stands within it."""
    assert list(lines("+ interface eth1\n+  description x\n- log syslog")) == [
        Line(GONE, "interface eth1"),
        Line(GONE, "description x", ("interface eth1",)),
        Line(THERE, "log syslog"),
    ]


def test_a_line_keeps_the_time_at_which_it_was_first_seen() -> None:
    """Also when others come; one that is cured and comes again is new; of who was not asked nothing new is known."""
    first = remembered(Seen(), {"r1": "+ a", "r2": "+ a"}, 1)
    second = remembered(first, {"r1": "+ a\n- b"}, 2)
    cured = remembered(second, {"r1": "", "r2": "+ a"}, 3)
    again = remembered(cured, {"r1": "+ a"}, 4)

    assert [second.since("r1", line) for line in (Line(GONE, "a"), Line(THERE, "b"))] == [1, 2]
    assert second.since("r2", Line(GONE, "a")) == 1
    assert "r1" not in cured.routers
    assert again.since("r1", Line(GONE, "a")) == 4


def test_the_memory_is_a_file(tmp_path: Path) -> None:
    """A file that is spoilt is named, with the cure."""
    drift_memory.note(tmp_path, {"r1": "+ a"}, 1)
    assert drift_memory.note(tmp_path, {"r1": "+ a"}, 2).since("r1", Line(GONE, "a")) == 1

    (tmp_path / drift_memory.NAME).write_text("{")
    with pytest.raises(Fault, match=r"drift.json: .*`rm .*drift.json` begins anew"):
        drift_memory.note(tmp_path, {}, 3)
