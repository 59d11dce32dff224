"""Golden tests: the files and the JSON that containerlab's users expect beside and of a lab.

`CLOSLAB_GOLDEN=write pytest tests/golden/clab` writes them anew; read the diff before you commit it.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from topologies.files.clab import inventories, outputs
from topologies.files.clab.outputs import Interface, Shown
from topologies.files.clab.write import write
from topologies.lab import Daemon, End, File, HostLink, Lab, LabNode, Mgmt, Port, Route, Veth
from topologies.model import Role
from topologies.runtime.model import Life, NodeRecord

HERE = Path(__file__).parent
LAB = Lab(
    name="small",
    file="/labs/small.clab.yml",
    mgmt=Mgmt(network="small", ipv4_subnet="172.30.0.0/24", ipv6_subnet="3fff:172:30::/64"),
    nodes=(
        LabNode(
            name="spine1",
            image="frr:test",
            group="spine",
            role=Role.SPINE,
            hostname="spine1",
            labels=(("ansible-group", "spine"), ("nornir-group", "spine"), ("nornir-group-2", "edge")),
            sysctls=(("net.ipv4.ip_forward", "1"),),
            files=(File("/etc/frr/zebra.conf", "hostname spine1\n"),),
            addresses=(("lo", "10.255.0.1/32"), ("lo", "fd00:255::1/128")),
            daemons=(Daemon("zebra", ("/usr/lib/frr/zebra", "-f", "/etc/frr/zebra.conf"), ready="/run/frr/zserv.api"),),
        ),
        LabNode(
            name="leaf1",
            image="frr:test",
            group="leaf",
            role=Role.LEAF,
            hostname="leaf1",
            labels=(("ansible-no-host-var", "true"),),
            ports=(Port(179, 1179),),
            routes=(Route("0.0.0.0/0", (("10.0.0.0", "eth1"),)),),
        ),
        LabNode(name="br0", kind="bridge", hostname="br0"),
    ),
    links=(
        Veth(
            a=End("leaf1", "eth1", "02:00:00:00:00:01", ("10.0.0.1/31", "fd00::1/127")),
            b=End("spine1", "eth1", "02:00:00:00:00:02", ("10.0.0.0/31", "fd00::/127")),
            rate_mbps=400000,
        ),
        Veth(a=End("leaf1", "eth2"), b=End("br0", "port1"), mtu=1500),
        HostLink(end=End("leaf1", "eth3"), host_interface="up1"),
    ),
)
SHOWN = Shown(
    lab=LAB,
    nodes=(
        NodeRecord("spine1", "clab-small-spine1", container="0123456789abcdef", mgmt_ipv4="172.30.0.2/24"),
        NodeRecord("leaf1", "clab-small-leaf1", mgmt_ipv4="172.30.0.3", mgmt_ipv6="3fff:172:30::3"),
        NodeRecord("br0", "clab-small-br0"),
    ),
    lives={"spine1": Life.RUNNING, "leaf1": Life.PAUSED},
    lab_dir="/labs/clab-small",
    owner="root",
    uptime=7260,
    health={"spine1": "healthy"},
)
INTERFACES = {"clab-small-spine1": [Interface("eth1", "02:00:00:00:00:02", 5, 9500, "veth", "up")]}


def as_json(value: object) -> str:
    """JSON as a person reads it."""
    return json.dumps(value, indent=2) + "\n"


MADE: dict[str, Callable[[], str]] = {
    "ansible-inventory.yml": lambda: inventories.ansible(SHOWN),
    "nornir-simple-inventory.yml": lambda: inventories.nornir(SHOWN),
    "topology-data.json": lambda: outputs.topology_data(SHOWN),
    "inspect.json": lambda: as_json(outputs.inspect([SHOWN], relative_to="/labs/sub")),
    "inspect.csv": lambda: outputs.inspect_csv([SHOWN], relative_to="/labs"),
    "inspect-interfaces.json": lambda: as_json(outputs.interfaces(INTERFACES)),
    "graph.json": lambda: as_json(outputs.graph(SHOWN)),
    "small.clab.yml": lambda: write(LAB, image="frr:test", folder="nodes").text,
    "spine1-start.sh": lambda: write(LAB, image="frr:test", folder="nodes").files["nodes/spine1/start.sh"],
}


@pytest.mark.parametrize("name", MADE)
def test_what_is_made_is_as_recorded(name: str) -> None:
    """Each file is as recorded, to the last character."""
    made = MADE[name]()
    if os.environ.get("CLOSLAB_GOLDEN") == "write":
        (HERE / "made" / name).parent.mkdir(exist_ok=True)
        (HERE / "made" / name).write_text(made)

    assert made == (HERE / "made" / name).read_text()


def test_nothing_recorded_is_left_over() -> None:
    """A file that nothing makes any more must go."""
    assert {path.name for path in (HERE / "made").iterdir()} == set(MADE)
