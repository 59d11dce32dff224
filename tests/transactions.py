r"""Transactions of the NAPALM driver: what becomes of a commit, whatever happens to the one who made it.

    spine1
    /    \
leaf1    leaf2

One suite, run by tests/netns and tests/containerlab; whoever runs it has a fixture `lab`.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from napalm.base.exceptions import (
    CommitConfirmException,
    CommitError,
    MergeConfigException,
    ReplaceConfigException,
)
from napalm_frr import FRRDriver
from napalm_frr.changes import changes
from napalm_frr.normal import normal
from napalm_frr.tree import Config

from topologies import deploy
from topologies.runtime import door
from topologies.runtime.model import Action, LabRecord
from topologies.waiting import until

FABRIC = """\
name: {name}
design: leaf-spine
image: "{image}"
spines: 1
leaves: 2
hosts_per_leaf: 1
underlay:
  bfd: true
"""
CONTROLLER = """
import os, signal, sys
from napalm_frr import FRRDriver, commits

lab, node, fragment, how = sys.argv[1:]
driver = FRRDriver(node, "", "", 20, {"lab": lab})
driver.open()
driver.load_merge_candidate(config=fragment)
if how == "between":
    commits.KEPT_WITHIN = 2
    commits.Commits._verify = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    driver.commit_config()
driver.commit_config(revert_in=2)
os.kill(os.getpid(), signal.SIGKILL)
"""


def quiet(phase: str, done: int, of: int) -> None:
    """Progress that nobody reads."""


@dataclass(frozen=True)
class Live:
    """A lab that runs."""

    record: LabRecord

    def driver(self, node: str) -> FRRDriver:
        """The driver of a node."""
        return FRRDriver(node, "", "", 20, {"lab": self.record.name})

    def door(self, node: str) -> door.Door:
        return door.open_door(deploy.store.here().read(self.record.name), node)


def running(folder: Path, which: str, image: str = "", runtime: str = "netns") -> Generator[Live, None, None]:
    """A fabric, deployed."""
    file = folder / f"{which}.yml"
    name = f"commits{os.getpid()}{which}"
    file.write_text(FABRIC.format(name=name, image=image))
    record = deploy.up(deploy.load(file), runtime, say=quiet)
    try:
        yield Live(record)
    finally:
        deploy.down(name)


def shown(driver: FRRDriver, store: str = "running") -> Config:
    """What a router runs, or starts with."""
    text: str = driver.get_config(retrieve=store)[store]  # type: ignore[literal-required]  # one of its keys
    return normal(text)


def bgp(driver: FRRDriver, *lines: str) -> str:
    """A fragment with lines for the router's BGP instance."""
    instance = next(path[0] for path in shown(driver) if path[0].startswith("router bgp"))
    return "".join([f"{instance}\n", *(f" {line}\n" for line in lines)])


def networks(driver: FRRDriver, *prefixes: str) -> str:
    """A fragment that announces prefixes."""
    return bgp(driver, "address-family ipv4 unicast", *(f" network {each}" for each in prefixes))


def waiting(driver: FRRDriver) -> Callable[[], str]:
    """Whether a commit still waits, in words."""
    return lambda: "a commit still waits" if driver.has_pending_commit() else ""


def timers(lab: Live) -> list[str]:
    """The timers that run on leaf2."""
    return [" ".join(each.argv) for each in lab.door("leaf2").processes() if "timer" in each.argv]


class Transactions:
    """The suite."""

    @pytest.fixture
    def leaf(self, lab: Live) -> Iterator[FRRDriver]:
        """leaf2 of either, that runs and starts with what it had before, when the test ends."""
        with lab.driver("leaf2") as driver:
            before = driver.get_config()["running"]
            yield driver
            if driver.has_pending_commit():
                driver.rollback()
            driver.load_replace_candidate(config=before)
            driver.commit_config()

    def test_a_commit_is_what_the_router_starts_with(self, lab: Live, leaf: FRRDriver) -> None:
        """All of it is in the startup configuration, and runs after the node was restarted."""
        leaf.load_merge_candidate(config=networks(leaf, "10.99.0.0/24"))
        leaf.load_merge_candidate(
            config="route-map EXTRA permit 10\n set metric 5\nexit\nip protocol bgp route-map EXTRA\n"
        )
        leaf.load_merge_candidate(config="interface eth1\n description to the spine\nexit\n")
        leaf.commit_config(message="more")
        committed = shown(leaf)
        leaf.close()

        deploy.act(lab.record.name, "leaf2", Action.RESTART)
        leaf.open()

        assert ("route-map EXTRA permit 10", "set metric 5") in committed
        assert changes(committed, shown(leaf)) == ""

    def test_one_file_for_all_daemons_is_written_where_vtysh_has_it_so(self, lab: Live, leaf: FRRDriver) -> None:
        """As on hosts that FRR's own package set up."""
        node = lab.door("leaf2")
        former = node.read("/etc/frr/vtysh.conf")
        node.write("/etc/frr/vtysh.conf", b"service integrated-vtysh-config\n")
        try:
            leaf.load_merge_candidate(config=networks(leaf, "10.99.0.0/24"))
            leaf.commit_config()
            startup = shown(leaf, "startup")
            committed = shown(leaf)
            node.run(["rm", "/etc/frr/frr.conf"])
        finally:
            node.write("/etc/frr/vtysh.conf", former)

        assert any(path[-1] == "network 10.99.0.0/24" for path in committed)
        assert changes(committed, startup) == ""

    def test_a_startup_that_cannot_be_written_is_said(self, lab: Live, leaf: FRRDriver) -> None:
        """The change runs, and the one who made it knows that it would not after a restart."""
        node = lab.door("leaf2")
        node.run(["chown", "root", "/etc/frr"])
        try:
            leaf.load_merge_candidate(config=networks(leaf, "10.99.0.0/24"))
            with pytest.raises(CommitError, match=r"(?s)leaf2: it runs, but is not the startup configuration:.*Can't"):
                leaf.commit_config()
        finally:
            node.run(["chown", "frr", "/etc/frr"])

        assert any(path[-1] == "network 10.99.0.0/24" for path in shown(leaf))

    def test_the_startup_configuration_waits_for_the_confirmation(self, lab: Live, leaf: FRRDriver) -> None:
        """Before it, the router would start as before; afterwards nothing is left that could take the change back."""
        before, fragment = shown(leaf, "startup"), networks(leaf, "10.99.0.0/24")
        leaf.load_merge_candidate(config=fragment)
        leaf.commit_config(revert_in=60)
        pending = shown(leaf, "startup")
        assert leaf.has_pending_commit()
        assert len(timers(lab)) == 1

        leaf.confirm_commit()

        assert changes(before, pending) == ""
        assert "+   network 10.99.0.0/24" in changes(before, shown(leaf, "startup"))
        assert not leaf.has_pending_commit()
        assert timers(lab) == []
        with pytest.raises(CommitConfirmException, match="no change waits; the last one: kept"):
            leaf.confirm_commit()

    def test_nobody_confirms_and_the_router_goes_back(self, leaf: FRRDriver) -> None:
        """By itself, with no session needed; it says so to whoever comes too late."""
        before = shown(leaf)
        leaf.load_merge_candidate(config=networks(leaf, "10.99.0.0/24") + "ip protocol bgp route-map NONE\n")
        leaf.commit_config(revert_in=2)
        during = shown(leaf)

        until("the commit is taken back", waiting(leaf), within=20)

        assert "+   network 10.99.0.0/24" in changes(before, during)
        assert changes(before, shown(leaf)) == ""
        with pytest.raises(CommitConfirmException, match="nobody confirmed it in time"):
            leaf.confirm_commit()

    @pytest.mark.parametrize("how", ["between", "after"])
    def test_a_controller_that_is_killed_leaves_nothing_behind(self, lab: Live, leaf: FRRDriver, how: str) -> None:
        """kill -9 after something was applied and before it was looked at, or while it waits to be confirmed."""
        before = shown(leaf)
        words = [lab.record.name, "leaf2", networks(leaf, "10.99.0.0/24"), how]
        killed = subprocess.run([sys.executable, "-c", CONTROLLER, *words], check=False, timeout=60)
        assert killed.returncode == -signal.SIGKILL
        during = shown(leaf)

        until("the change is taken back", lambda: changes(before, shown(leaf)), within=20)

        assert "+   network 10.99.0.0/24" in changes(before, during)
        assert not leaf.has_pending_commit()

    def test_a_daemon_that_restarts_meanwhile_does_not_keep_the_router_from_going_back(
        self, lab: Live, leaf: FRRDriver
    ) -> None:
        """bgpd comes back with its startup configuration, zebra has still what was committed: at the end, neither."""
        leaf.load_merge_candidate(config=networks(leaf, "10.98.0.0/24"))
        leaf.commit_config()
        before = shown(leaf)
        leaf.load_merge_candidate(config=networks(leaf, "10.99.0.0/24") + "ip protocol bgp route-map NONE\n")
        leaf.commit_config(revert_in=6)
        lab.door("leaf2").restart_daemon("bgpd")
        during = shown(leaf)

        until("the commit is taken back", waiting(leaf), within=30)

        assert "+ ip protocol bgp route-map NONE" in changes(before, during)
        assert changes(before, shown(leaf)) == ""

    def test_a_change_whose_timer_is_gone_does_not_wait_for_ever(self, lab: Live, leaf: FRRDriver) -> None:
        """Whoever looks next has it taken back."""
        before = shown(leaf)
        leaf.load_merge_candidate(config=networks(leaf, "10.99.0.0/24"))
        leaf.commit_config(revert_in=300)
        timer = lab.door("leaf2").read("/run/napalm_frr/pending/timer").decode().strip()
        lab.door("leaf2").run(["sh", "-c", f"kill -s KILL -- -{timer}"])

        assert not leaf.has_pending_commit()
        assert changes(before, shown(leaf)) == ""
        with pytest.raises(CommitConfirmException, match="its timer had ended"):
            leaf.confirm_commit()

    def test_what_frr_refuses_is_not_taken_in_part(self, leaf: FRRDriver) -> None:
        """The lines around a refused one are taken back, and FRR's words are passed on; so are those of its grammar."""
        before = shown(leaf)
        wrong = bgp(leaf, "coalesce-time 7", "neighbor 192.0.2.7 description nobody", "neighbor eth1 description x")

        leaf.load_merge_candidate(config=wrong)
        with pytest.raises(
            MergeConfigException, match=r"(?s)leaf2: not taken.*% Specify remote-as.*line \d+: .*192.0.2.7"
        ):
            leaf.commit_config()
        after = shown(leaf)
        leaf.load_merge_candidate(config="hostname leaf2\nnetwurk 10.0.0.0/8\n")
        with pytest.raises(MergeConfigException, match=r"Unknown command.*: netwurk 10.0.0.0/8"):
            leaf.commit_config()
        leaf.load_replace_candidate(config="router bgp 65001\n bgp router-id 10.0.0.1\n neighbor 192.0.2.7 activate\n")
        with pytest.raises(ReplaceConfigException, match=r"192.0.2.7 activate"):
            leaf.commit_config()

        assert changes(before, after) == ""
        assert changes(before, shown(leaf)) == ""
        assert not leaf.has_pending_commit()

    def test_what_frr_takes_and_does_not_show_is_refused(self, leaf: FRRDriver) -> None:
        """Nobody complains, and it may not be so: a default that is written out, a route where no staticd runs."""
        leaf.load_merge_candidate(config=bgp(leaf, "bgp log-neighbor-changes"))

        with pytest.raises(MergeConfigException, match=r"(?s)FRR said nothing.*\+  bgp log-neighbor-changes"):
            leaf.commit_config()

    def test_two_sessions_do_not_mix(self, lab: Live, leaf: FRRDriver) -> None:
        """While one commit waits, another is refused with the name of who made it, and discarding leaves it waiting."""
        other = lab.driver("leaf2")
        other.open()
        leaf.load_merge_candidate(config=networks(leaf, "10.99.0.0/24"))
        leaf.commit_config(revert_in=60)

        assert other.has_pending_commit()
        other.load_merge_candidate(config=networks(leaf, "10.98.0.0/24"))
        with pytest.raises(CommitError, match=rf"a change by \S+ on \S+, process {os.getpid()} is under way"):
            other.commit_config()
        other.discard_config()
        assert leaf.has_pending_commit()
        other.confirm_commit()
        other.close()

        assert not leaf.has_pending_commit()
        assert any(path[-1] == "network 10.99.0.0/24" for path in shown(leaf))
        assert not any(path[-1] == "network 10.98.0.0/24" for path in shown(leaf))

    def test_rollback_takes_back_what_waits_or_else_what_was_kept(self, leaf: FRRDriver) -> None:
        """Once; there is one step back, and it is to what ran before, also for the next start."""
        before = shown(leaf)
        leaf.load_merge_candidate(config=networks(leaf, "10.99.0.0/24"))
        leaf.commit_config()
        kept = shown(leaf)
        leaf.load_merge_candidate(config=networks(leaf, "10.98.0.0/24"))
        leaf.commit_config(revert_in=60)
        leaf.rollback()
        assert changes(kept, shown(leaf)) == ""
        with pytest.raises(CommitError, match=r"nothing to roll back: the last change, by .*, is rolled back"):
            leaf.rollback()

        leaf.load_merge_candidate(config=networks(leaf, "10.97.0.0/24"))
        leaf.commit_config()
        leaf.rollback()

        assert changes(kept, shown(leaf)) == ""
        assert changes(kept, shown(leaf, "startup")) == ""
        assert changes(before, kept) != ""

    def test_a_change_made_by_hand_stays_when_a_commit_is_taken_back(self, lab: Live, leaf: FRRDriver) -> None:
        """Going back is by what was changed, not by putting a whole configuration in place of another."""
        leaf.load_merge_candidate(config=networks(leaf, "10.99.0.0/24"))
        leaf.commit_config(revert_in=2)
        lab.door("leaf2").run(["vtysh", "-c", "configure", "-c", "ip prefix-list HAND seq 5 permit any"])

        until("the commit is taken back", waiting(leaf), within=20)

        assert ("ip prefix-list HAND seq 5 permit any",) in shown(leaf)
        assert not any(path[-1] == "network 10.99.0.0/24" for path in shown(leaf))
        with pytest.raises(CommitConfirmException, match="but not wholly"):
            leaf.confirm_commit()

    def test_times_that_are_none_and_empty_commits_are_refused(self, leaf: FRRDriver) -> None:
        """Before anything is done."""
        with pytest.raises(CommitError, match="nothing is loaded"):
            leaf.commit_config()
        leaf.load_merge_candidate(config="hostname leaf2\n")
        for seconds in (0, -1):
            with pytest.raises(CommitConfirmException, match="at least one second"):
                leaf.commit_config(revert_in=seconds)

        assert not leaf.has_pending_commit()
