"""Transactions, drains and validation in a lab of an ordinary user, who has no privilege on the machine."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from topologies import process

WORK = Path(__file__).parents[2]
NOBODY = 65534
DRAIN = """
import sys
from pathlib import Path
from program import Closlab
from traffic import traffic
from topologies import deploy
from topologies.runtime import store

closlab = Closlab(Path.home())
up = closlab("up", sys.argv[2], "--name", sys.argv[1])
assert up.returncode == 0, up.stderr
try:
    record = store.Store(closlab.state).read(sys.argv[1])
    with traffic(record, deploy.plan_of(record), 5000) as end:
        done = [closlab("drain", "spine1"), closlab("drain", "spine2")]
        found = closlab.answer("check", "--no-mesh")["check"]["differences"]
        done += [closlab("validate", "leaf1"), closlab("undrain", "spine1"), closlab("validate")]
        tally = end()
    print([each.returncode for each in done], [each["what"] for each in found], tally.missing, tally.sent > 5000)
    print([each.stderr for each in done if each.returncode not in (0, 1, 2)])
finally:
    closlab("down", sys.argv[1])
"""
COMMITS = """
import os, signal, subprocess, sys
from pathlib import Path
import transactions
from napalm_frr import FRRDriver
from napalm_frr.changes import changes
from topologies import deploy
from topologies.runtime import door, store
from topologies.waiting import until

file = Path.home() / "fabric.yml"
file.write_text(transactions.FABRIC.format(name=sys.argv[1], image=""))
at = store.here()
record = deploy.up(deploy.load(file), "netns", say=transactions.quiet, at=at)
try:
    killers = [
        subprocess.run([sys.executable, "-B", "-c", transactions.CONTROLLER, sys.argv[1], "leaf2", f, how], check=False)
        for how, f in (("after", "ip prefix-list KILLED seq 5 permit any"),)
    ]
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
        print([each.returncode for each in killers])
        print("KILLED" in str(before), changes(kept, transactions.shown(leaf)) == "", changes(before, kept) != "",
              changes(kept, during) != "", changes(kept, transactions.shown(leaf, "startup")) == "")
finally:
    deploy.down(sys.argv[1], at=at)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """The home of somebody without privileges; pytest's own folders are closed to others."""
    with TemporaryDirectory() as folder:
        os.chown(folder, NOBODY, NOBODY)
        yield Path(folder)


def as_nobody(home: Path, program: str, *words: str) -> process.Finished:
    """A program of an ordinary user."""
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", sys.executable, "-B", "-c", program]
    path = f"{WORK}:{WORK / 'automation' / 'drivers'}:{WORK / 'tests'}"
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": path}
    return process.run([*user, *words], env=env, cwd=Path("/"), check=False, timeout=200)


@pytest.mark.stranger
@pytest.mark.root_only("can become somebody else")
def test_a_spine_leaves_and_comes_back_without_a_packet_lost(home: Path) -> None:
    """The second is refused meanwhile, and a leaf does not comply with the whole plan; afterwards all do."""
    small = WORK / "topologies" / "fabrics" / "small.yml"

    done = as_nobody(home, DRAIN, f"hdd{os.getpid()}", str(small))

    assert done.stdout == "[0, 2, 1, 0, 0] ['drained'] 0 True\n[]\n", done.stderr


@pytest.mark.stranger
@pytest.mark.root_only("can become somebody else")
def test_commits_are_kept_taken_back_and_survive_whoever_made_them(home: Path) -> None:
    """A controller is killed, a daemon restarts while a commit waits, and what was confirmed is the startup."""
    done = as_nobody(home, COMMITS, f"hdc{os.getpid()}")

    assert done.stdout == "[-9]\nFalse True True True True\n", done.stderr
