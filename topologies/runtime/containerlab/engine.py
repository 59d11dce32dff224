"""The container engine, asked for what containerlab made: containers by lab, and the management network.

The engine is driven by its command line, so that DOCKER_HOST and contexts work as the user set them up.
"""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from topologies import process
from topologies.errors import Fault
from topologies.lab import Lab, Mgmt
from topologies.process import failure
from topologies.runtime.containerlab.seal import bridge
from topologies.runtime.model import Life
from topologies.waiting import until

LAB_LABEL, NODE_LABEL, FOLDER_LABEL = "containerlab", "clab-node-name", "clab-node-lab-dir"
OWN_LABEL = "closlab"  # on networks: the id of the lab that has it
LIVES = {"running": Life.RUNNING, "paused": Life.PAUSED}
SUBNETS = 256  # how many /22 there are in 172.20.0.0/14, where labs get their management networks
AUTO = "auto"  # a subnet that is left to us
NO_NETWORK = ("none", "host")
UNCOUNTED = "where the network has no container any more, the engine lost count of them, which a restart of it cures"
NETWORK_WITHIN = 30  # seconds that an engine may take to let go of the ends in a network


class Container(Struct, frozen=True):
    """One container as the engine sees it. `pid` is 0 when it does not run; addresses are CIDR, "" for none."""

    id: str
    name: str
    node: str
    folder: str  # containerlab's folder of the node
    life: Life
    pid: int
    ipv4: str
    ipv6: str


def containers(lab: str) -> tuple[Container, ...]:
    """All containers of a containerlab lab of that name, dead ones too, whoever made them."""
    listed = process.run(["docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", f"label={LAB_LABEL}={lab}"])
    ids = listed.stdout.split()
    if not ids:
        return ()
    told = process.run(["docker", "inspect", "--type", "container", *ids], check=False)  # one may be gone meanwhile
    return tuple(container(each) for each in json.loads(told.stdout or "[]"))


def told(container_id: str) -> dict[str, Any]:
    """All that the engine tells of one container; raises Fault where it has none of that id."""
    found: list[dict[str, Any]] = json.loads(
        process.run(["docker", "inspect", "--type", "container", container_id]).stdout
    )
    return found[0]


def container(told: dict[str, Any]) -> Container:
    """What `docker inspect` tells of one container."""
    labels, state = told["Config"]["Labels"], told["State"]
    networks = list(told["NetworkSettings"]["Networks"].values())
    first = networks[0] if networks else {}
    return Container(
        id=told["Id"],
        name=told["Name"].lstrip("/"),
        node=labels.get(NODE_LABEL, ""),
        folder=labels.get(FOLDER_LABEL, ""),
        life=LIVES.get(state["Status"], Life.DEAD),
        pid=state["Pid"],
        ipv4=_cidr(first.get("IPAddress", ""), first.get("IPPrefixLen", 0)),
        ipv6=_cidr(first.get("GlobalIPv6Address", ""), first.get("GlobalIPv6PrefixLen", 0)),
    )


def _cidr(address: str, length: int) -> str:
    return f"{address}/{length}" if address else ""


def owned(found: tuple[Container, ...], files: Path) -> tuple[Container, ...]:
    """Those containers that closlab deployed: containerlab keeps their folders below the lab's own."""
    return tuple(each for each in found if Path(each.folder).is_relative_to(files))


def pause(container_id: str) -> None:
    """Stop all processes of a container where they are."""
    process.run(["docker", "pause", container_id])


def resume(container_id: str) -> None:
    """Let the processes of a container go on."""
    process.run(["docker", "unpause", container_id])


def execute(container_id: str, argv: list[str]) -> None:
    """Run a program in a container, as part of it in all respects; Fault where it fails."""
    process.run(["docker", "exec", container_id, *argv])


def remove(container_ids: tuple[str, ...]) -> None:
    """Remove containers whatever they do; those that are gone are no fault."""
    if container_ids:
        process.run(["docker", "rm", "--force", "--volumes", *container_ids], check=False, timeout=300)


def network_name(lab_id: str) -> str:
    """The management network of a lab."""
    return f"closlab-{lab_id}"


def needs_network(lab: Lab) -> bool:
    """Whether any node of a lab gets an eth0 in the management network."""
    nodes = [node for node in lab.nodes if node.has_processes]
    return any(node.network_mode not in NO_NETWORK and ":" not in node.network_mode for node in nodes)


def choices(lab: Lab, lab_id: str) -> Iterator[tuple[str, str]]:
    """The subnets to try for a management network, IPv4 and IPv6; "" for a family that it does without.

    What a file says is kept: its own subnet, or the default one where nodes have addresses in it. Else each lab begins
    at another place of 172.20.0.0/14, so that labs side by side seldom meet; the engine refuses those that do. It gives
    IPv4 addresses in any case: where nodes are to have none, they let go of them when they start.
    """
    mgmt, plain = lab.mgmt if lab.mgmt.addressed else replace(lab.mgmt, ipv4_subnet=AUTO), Mgmt()
    fixed = any(node.mgmt_ipv4 or node.mgmt_ipv6 for node in lab.nodes)
    open4, open6 = (
        said == AUTO or (said == default and not fixed)
        for said, default in ((mgmt.ipv4_subnet, plain.ipv4_subnet), (mgmt.ipv6_subnet, plain.ipv6_subnet))
    )
    first = zlib.crc32(lab_id.encode())
    for step in range(SUBNETS if open4 or open6 else 1):
        index = (first + step) % SUBNETS
        ipv4, ipv6 = f"172.{20 + index // 64}.{index % 64 * 4}.0/22", f"3fff:172:20:{index:x}::/64"
        yield ipv4 if open4 else mgmt.ipv4_subnet, ipv6 if open6 else mgmt.ipv6_subnet


def make_network(lab: Lab, lab_id: str) -> None:
    """Make the lab's management network, with nobody else in it. Raises Fault where none is free."""
    refused = ""
    for ipv4, ipv6 in choices(lab, lab_id):
        done = process.run(["docker", "network", "create", *network_options(lab, lab_id, ipv4, ipv6)], check=False)
        if not done.code:
            return
        refused = failure(done)
        if "overlap" not in refused:
            break
    raise Fault(f"no management network for lab {lab.name}: {refused}")


def network_options(lab: Lab, lab_id: str, ipv4: str, ipv6: str) -> list[str]:
    """What `docker network create` is told. `seal` holds the bridge closed, whichever of two kinds it is.

    The engine publishes no port from an internal network, so a lab that publishes some has one without masquerading
    instead. So has one whose nodes come by their addresses themselves: where the kernel shows bridged packets to the
    firewall, the engine's rules for an internal network drop all that is not of its own subnet, DHCP included.
    """
    closed = ["--internal"]
    if any(node.ports for node in lab.nodes) or not lab.mgmt.addressed:
        closed = ["--opt", "com.docker.network.bridge.enable_ip_masquerade=false"]
    name = ["--opt", f"com.docker.network.bridge.name={bridge(lab_id)}"]
    mtu = ["--opt", f"com.docker.network.driver.mtu={lab.mgmt.mtu}"]
    subnets = [f"--subnet={each}" for each in (ipv4, ipv6) if each]
    gateways = [f"--gateway={each}" for each in (lab.mgmt.ipv4_gw, lab.mgmt.ipv6_gw) if each]
    label = ["--label", f"{OWN_LABEL}={lab_id}"]
    both = ["--ipv6"] if ipv6 else []
    return [*closed, *name, *mtu, *label, *both, *subnets, *gateways, network_name(lab_id)]


def network_exists(name: str) -> bool:
    """Whether the engine has a network of that name."""
    return not process.run(["docker", "network", "inspect", name], check=False).code


def remove_network(lab_id: str) -> None:
    """Remove the lab's management network, if it is there; raises Fault where it stays.

    The engine lists a container as gone before it has let go of the container's end in the network.
    """
    there = ["docker", "network", "ls", "--quiet", "--filter", f"label={OWN_LABEL}={lab_id}"]

    def staying() -> str:
        tries = [
            process.run(["docker", "network", "rm", each], check=False) for each in process.run(there).stdout.split()
        ]
        return "; ".join(f"{failure(each)}\n{UNCOUNTED}" for each in tries if each.code)

    until(f"network of lab {lab_id} gone", staying, within=NETWORK_WITHIN)
