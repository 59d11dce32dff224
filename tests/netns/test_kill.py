"""`up` killed at any moment: the record on disk is enough to remove all that was made."""

import os
import random
import signal
import time
from pathlib import Path

from wanted import Machine, fabric, nothing, record_of

from topologies.runtime import wire
from topologies.runtime.model import LabRecord
from topologies.runtime.netns import Netns
from topologies.waiting import until

KILLS = int(os.environ.get("CLOSLAB_KILLS", "5"))
SEED = int(os.environ.get("CLOSLAB_SEED", "1"))
LONGEST = 0.6  # seconds that `up` of this lab takes, about


def start(record: LabRecord, disk: Path) -> int:
    """Bring the lab up in a process of its own, with every note on disk; returns its pid."""

    def note(now: LabRecord) -> None:
        spare = disk.with_suffix(".new")
        spare.write_bytes(wire.encode(now))
        spare.rename(disk)

    if pid := os.fork():
        return pid
    try:
        note(record)
        Netns().up(record, note=note, say=nothing)
        signal.pause()
    finally:
        os._exit(1)


def strays(lab: str) -> str:
    """Processes that live in the lab: its name is in the hosts file that they see, or that their nodes have."""
    found = []
    for root in Path("/proc").glob("[0-9]*/root"):
        try:
            files = [root / "etc/hosts", *root.glob("sys/nodes/*/upper/etc/hosts")]
            if any(lab in file.read_text() for file in files):
                found.append(root.parts[2])
        except OSError:
            continue
    return ", ".join(found)


def test_a_killed_up_leaves_nothing_that_down_does_not_remove(tmp_path: Path) -> None:
    """SIGKILL at random moments of `up`: after `down` by the last note, no process, link, mount or name is left."""
    moments = random.Random(SEED)
    lab, _ = fabric(f"hdk{os.getpid()}", spines=1, leaves=2, hosts=0)
    before, disk = Machine.now(), tmp_path / "record"
    for _ in range(KILLS):
        disk.unlink(missing_ok=True)
        pid = start(record_of(lab), disk)
        time.sleep(moments.uniform(0, LONGEST))  # the moment is what is tested
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        noted = wire.decode(disk.read_bytes()) if disk.exists() else record_of(lab)

        Netns().down(noted)

        until("no process of the lab is left", lambda: strays(lab.name), within=5)
        assert before.left(noted) == set()


def test_strays_would_be_seen(tmp_path: Path) -> None:
    """The look for left processes finds those of a lab that runs."""
    lab, _ = fabric(f"hdks{os.getpid()}", spines=1, leaves=1, hosts=0)
    record = Netns().up(record_of(lab), note=nothing, say=nothing)

    found = strays(lab.name).split(", ")
    Netns().down(record)

    assert record.init is not None
    assert {str(record.init.pid), *(str(node.init.pid) for node in record.nodes if node.init)} <= set(found)
