r"""TCP between hosts is spread at every tier, though all switches are one machine's.

superspine …  two in each of two planes; what goes from pod 1 to pod 2 is spread by the leaf over
 /      \     the pod's spines, and by each spine over the super-spines of its plane
pod1    pod2
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import ROOT, Closlab

NAME = f"spread{os.getpid()}"
CONNECTIONS = 400
CALLS = """
import socket, sys
for _ in range(int(sys.argv[2])):
    with socket.socket() as sock:
        sock.connect_ex((sys.argv[1], 9))
"""


@pytest.fixture(scope="module")
def closlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closlab]:
    """The program, with the lab up."""
    program = Closlab(tmp_path_factory.mktemp("spread"))
    try:
        done = program("up", str(ROOT / "topologies" / "fabrics" / "three-tier.yml"), "--name", NAME)
        assert done.returncode == 0, done.stderr + done.stdout
        yield program
    finally:
        program("down", "--all")


def sent(closlab: Closlab, node: str) -> dict[str, int]:
    """Packets that a node has sent by each of its interfaces."""
    links = json.loads(closlab("exec", node, "--", "ip", "-j", "-s", "link").stdout)
    return {link["ifname"]: link["stats64"]["tx"]["packets"] for link in links}


def test_connections_take_all_ways_at_both_tiers(closlab: Closlab) -> None:
    """Each spine sends to both its super-spines: at least a quarter of what it has, where a half is to be expected."""
    spines = ("pod1-spine1", "pod1-spine2")
    plan = json.loads((rendered(closlab) / "plan.json").read_text())
    address = plan["nodes"]["pod2-leaf1-host1"]["probe_addresses"][0]
    before = {spine: sent(closlab, spine) for spine in spines}

    calls = closlab("exec", "pod1-leaf1-host1", "--", "python3", "-c", CALLS, address, str(CONNECTIONS))

    assert calls.returncode == 0, calls.stderr
    for spine in spines:
        now = sent(closlab, spine)
        up = [now[port] - before[spine][port] for port in ("eth1", "eth2")]
        assert sum(up) > CONNECTIONS / 4
        assert min(up) > sum(up) / 4, f"{spine} sent {up}"


def rendered(closlab: Closlab) -> Path:
    """The fabric's files."""
    folder = closlab.folder / "rendered"
    source = str(ROOT / "topologies" / "fabrics" / "three-tier.yml")
    assert closlab("render", source, "-o", str(folder)).returncode == 0
    return folder
