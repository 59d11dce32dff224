"""Transactions, drains and validation in a lab of an ordinary user, who has no privilege on the machine."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import Closlab
from traffic import traffic
from transactions import CONTROLLER

from tests.conftest import STRANGER
from topologies import deploy, process
from topologies.runtime import store

WORK = Path(__file__).parents[2]
SMALL = WORK / "topologies" / "fabrics" / "small.yml"
COMMITS = """
import sys
import transactions
from napalm_frr import FRRDriver
from napalm_frr.changes import changes
from topologies.runtime import door, store
from topologies.waiting import until

record = store.here().read(sys.argv[1])
with FRRDriver("leaf2", "", "", 20, {"lab": sys.argv[1]}) as leaf:
    until("the change of one who was killed is taken back", transactions.waiting(leaf), within=20)
    before = transactions.shown(leaf)
    leaf.load_merge_candidate(config=transactions.networks(leaf, "10.98.0.0/24"))
    leaf.commit_config(revert_in=60)
    leaf.confirm_commit()
    kept = transactions.shown(leaf)
    leaf.load_merge_candidate(config=transactions.networks(leaf, "10.99.0.0/24"))
    leaf.commit_config(revert_in=6)
    during = transactions.shown(leaf)
    door.open_door(record, "leaf2").restart_daemon("bgpd")
    until("the commit is taken back", transactions.waiting(leaf), within=30)
    print("killed:", "KILLED" in str(before))
    print("confirmed:", "10.98.0.0/24" in str(kept), changes(kept, transactions.shown(leaf, "startup")) == "")
    print("not confirmed:", "10.99.0.0/24" in str(during), changes(kept, transactions.shown(leaf)) == "")
"""


@pytest.fixture
def lab(home: Path) -> Iterator[tuple[Closlab, str]]:
    """The small fabric of that user, converged."""
    closlab, name = Closlab(home, under=STRANGER), f"hdd{os.getpid()}"
    up = closlab("up", str(SMALL), "--name", name)
    try:
        assert up.returncode == 0, up.stderr
        yield closlab, name
    finally:
        closlab("down", name)


def as_nobody(closlab: Closlab, program: str, *words: str) -> process.Finished:
    """A program of that user."""
    path = f"{WORK}:{WORK / 'automation' / 'drivers'}:{WORK / 'tests'}"
    env = {"PATH": os.environ["PATH"], "CLOSLAB_STATE": str(closlab.state), "PYTHONPATH": path}
    argv = [*STRANGER, sys.executable, "-B", "-c", program, *words]
    return process.run(argv, env=env, cwd=Path("/"), check=False, timeout=100)


@pytest.mark.stranger
@pytest.mark.root_only("can become somebody else")
def test_a_spine_leaves_and_comes_back_without_a_packet_lost(lab: tuple[Closlab, str]) -> None:
    """The second is refused meanwhile, and a leaf does not comply with the whole plan; afterwards all do."""
    closlab, name = lab
    record = store.Store(closlab.state).read(name)
    plan = deploy.plan_of(record)
    assert plan is not None

    with traffic(record, plan, 5000) as end:
        done = [closlab("drain", "spine1"), closlab("drain", "spine2")]
        found = closlab.answer("check", "--no-mesh")["check"]["differences"]
        done += [closlab("validate", "leaf1"), closlab("undrain", "spine1"), closlab("validate")]
        tally = end()

    assert [each.returncode for each in done] == [0, 2, 1, 0, 0], "".join(each.stderr for each in done)
    assert [each["what"] for each in found] == ["drained"]
    assert (dict(tally.lost), tally.received) == ({}, tally.sent)


@pytest.mark.stranger
@pytest.mark.root_only("can become somebody else")
def test_commits_are_kept_taken_back_and_survive_whoever_made_them(lab: tuple[Closlab, str]) -> None:
    """A controller is killed, a daemon restarts while a commit waits, and what was confirmed is the startup."""
    closlab, name = lab
    fragment = "ip prefix-list KILLED seq 5 permit any"

    killed = as_nobody(closlab, CONTROLLER, name, "leaf2", fragment, "after")
    done = as_nobody(closlab, COMMITS, name)

    assert killed.code == 128 + signal.SIGKILL, killed.stderr
    assert done.stdout == "killed: False\nconfirmed: True True\nnot confirmed: True True\n", done.stderr


@pytest.mark.stranger
@pytest.mark.root_only("can become somebody else")
def test_a_spine_is_replaced_by_another_machine(lab: tuple[Closlab, str]) -> None:
    """Drained, off, and back with nothing on its disk but what its file says; the fabric is as planned."""
    closlab, name = lab
    closlab("exec", "spine1", "--lab", name, "--", "touch", "/etc/mark")

    done = closlab("replace", "spine1", "--lab", name)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "spine1 is another machine now" in done.stdout
    assert closlab("exec", "spine1", "--lab", name, "--", "test", "-e", "/etc/mark").returncode == 1
