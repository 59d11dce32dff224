"""The same lab as an ordinary user: no root, no helper programs, one user namespace."""

import os
import sys
from pathlib import Path

import pytest

from tests.conftest import STRANGER
from topologies import process

WORK = Path(__file__).parents[2]
PROGRAM = """
import sys
from wanted import fabric, nothing, reaches, record_of
from topologies.runtime import door, identity
from topologies.runtime.netns import Netns
from topologies.runtime.model import Action, Life
from topologies.waiting import until

lab, plan = fabric(sys.argv[1], spines=1, leaves=2)
runtime = Netns()
record = runtime.up(record_of(lab), note=nothing, say=nothing)
door.enter(record)
doors = {node.name: door.open_door(record, node.name) for node in record.nodes}

def missing():
    for name, wanted in plan.nodes.items():
        with doors[name].netlink() as kernel:
            there = {route.prefix: len(route.hops) for route in kernel.routes() if route.protocol == 186}
        if lack := [route.prefix for route in wanted.routes if there.get(route.prefix) != len(route.interfaces)]:
            return f"{name}: {lack}"
    return ""

until("routes", missing, within=30)
assert doors["leaf1"].vty("zebra", "show version")
assert doors["leaf1"].run(["sh", "-c", "hostname; echo x >/etc/mine; cat /etc/mine"]).stdout == "leaf1\\nx\\n"
assert reaches(doors["leaf1-host1"], doors["leaf2-host1"], plan.nodes["leaf2-host1"].probe_addresses[0])
doors["leaf1"].restart_daemon("bgpd")
record = runtime.act(record, "leaf2", Action.KILL, note=nothing)
record = runtime.act(record, "leaf2", Action.START, note=nothing)
doors["leaf2"] = door.open_door(record, "leaf2")
until("routes again", missing, within=30)
runtime.down(record)
assert {*runtime.look(record).values()} == {Life.DEAD}
assert not identity.alive(record.init, record.boot_id)
print("all of it")
"""


@pytest.mark.stranger
@pytest.mark.root_only("can become somebody else")
def test_an_ordinary_user_has_the_whole_lab(tmp_path: Path) -> None:
    """Up, converged, asked, restarted, power-cycled and down, by a user without any privilege."""
    tmp_path.chmod(0o755)
    argv = [*STRANGER, sys.executable, "-B", "-c", PROGRAM]
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": f"{WORK}:{WORK / 'tests'}"}

    done = process.run([*argv, f"hdl{os.getpid()}"], env=env, cwd=Path("/"), timeout=120, check=False)

    assert done.stdout == "all of it\n", done.stderr
