"""Our own fabric on another FRR than the machine's: 2 spines, 4 leaves, all routers of Debian 13's packages.

Routers start all at once, so that what FRR does first happens under load, as on a small machine.
"""

import os
from pathlib import Path

import pytest
from msgspec.structs import replace
from wanted import fabric, nothing, running

from telemetry.check import check
from telemetry.converge import converge
from topologies import process
from topologies.runtime.door import open_door

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def trixie() -> str:
    """The root file system folder with Debian 13's FRR."""
    process.run([str(ROOT / ".ci" / "rootfs")], timeout=280)
    return str(ROOT / ".cache" / "rootfs" / "trixie")


@pytest.mark.programs("mmdebstrap")
@pytest.mark.parametrize("attempt", range(3))
def test_a_fabric_of_frr_10_converges(trixie: str, attempt: int) -> None:
    """Every session, every route, every probe, and the connected routes that zebra owes to the kernel's addresses."""
    lab, plan = fabric(f"ten{os.getpid()}x{attempt}")
    nodes = tuple(replace(node, image=trixie) if node.daemons else node for node in lab.nodes)
    with running(replace(lab, nodes=nodes)) as record:
        converge(record, plan, within=60, say=nothing)
        report = check(record, plan)
        spine = open_door(record, "spine1")
        version, connected = (spine.vty("zebra", f"show {what}") for what in ("version", "ip route connected"))

    assert version.split()[1].startswith("10.")
    assert report.differences == ()
    assert all(f"eth{number}" in connected for number in range(1, 5))
