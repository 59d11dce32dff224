"""The seal on the real containerlab: the engine's network offers no way out, not to those who look for one either."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance import FABRIC

from topologies import deploy
from topologies.runtime.door import Door, open_door
from topologies.runtime.model import LabRecord

OUTSIDE = ("198.18.0.1", "2001:db8::1")


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabRecord]:
    """The conformance fabric, on containerlab."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOSLAB_STATE", str(tmp_path_factory.mktemp("seal")))
        name = f"seal{os.getpid()}"
        try:
            yield deploy.up(deploy.load(FABRIC, name=name), "containerlab", say=lambda *_: None)
        finally:
            deploy.down(name)


@pytest.mark.parametrize("node", ["leaf1", "spine1"])
def test_a_default_route_by_hand_leads_nowhere(sealed: LabRecord, node: str) -> None:
    """IPv4 and IPv6 over the management network, towards what would be its gateway, and names asked of the engine's
    own resolver: no frame with the mark is seen on any interface that leads off the machine."""
    door, mark = open_door(sealed, node), os.urandom(8).hex()
    here = next(each for each in sealed.nodes if each.name == node)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as ear:
        ear.settimeout(1)
        for address, outside in zip((here.mgmt_ipv4, here.mgmt_ipv6), OUTSIDE, strict=True):
            send(door, address, outside, mark)
        door.run(["timeout", "1", "getent", "hosts", f"{mark}.example.org"], check=False)
        seen = heard(ear, mark)

    assert seen  # on the engine's own bridge: the ear hears
    assert leading_off()
    assert [name for name in seen if name in leading_off()] == []


def send(door: Door, own: str, outside: str, mark: str) -> None:
    """Route everything to the first address of the node's own network, and send there."""
    family, flag = (socket.AF_INET6, "-6") if ":" in own else (socket.AF_INET, "-4")
    gateway = own.rpartition(":")[0] + ":1" if ":" in own else own.rpartition(".")[0] + ".1"
    door.run(["ip", flag, "route", "replace", "default", "via", gateway, "dev", "eth0", "onlink"], check=False)
    with door.socket(family, socket.SOCK_DGRAM) as out:
        for _ in range(3):
            out.sendto(mark.encode(), (outside, 53))
    door.run(["ip", flag, "route", "delete", "default", "dev", "eth0"], check=False)


def heard(ear: socket.socket, mark: str) -> list[str]:
    """The interfaces on which the mark was seen, until it is silent for a second."""
    found = []
    try:
        while True:
            frame, address = ear.recvfrom(65536)
            found += [address[0]] if mark.encode() in frame else []
    except TimeoutError:
        return found


def leading_off() -> set[str]:
    """The machine's interfaces behind which somebody else is: those with hardware, or with a default route."""
    links = {each.name for each in Path("/sys/class/net").iterdir() if (each / "device").exists()}
    routes = Path("/proc/net/route").read_text().splitlines()[1:]
    return links | {line.split()[0] for line in routes if line.split()[1] == "00000000"}
