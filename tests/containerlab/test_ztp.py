"""Switches that boot with nothing on them, on containers: the same as on namespaces, where the engine has a say in it.

It gives every container an address, and each time that one starts perhaps another, with a MAC address made of it; and a
container may not write its kernel's settings. The fabric is that of tests/switches.py.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import ROOT, Closlab
from provisioned import Failed, Provisioned, brought_up, not_as_planned
from switches import FABRIC, SWITCHES, WITHIN, Live, across

from automation.ztp.factory import SERVER
from topologies import process
from topologies.runtime.image import frr_image_name
from topologies.runtime.model import Action
from topologies.waiting import until

NAME = f"clabztp{os.getpid()}"
OWN_ADDRESS = "172.20.20."  # what addresses that come from Kea begin with, in a fabric of this size


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The fabric, brought up from nothing."""
    with brought_up(tmp_path_factory.mktemp("ztp"), NAME, "containerlab") as fabric:
        yield fabric


@pytest.fixture
def crossed(tmp_path: Path) -> Iterator[Failed]:
    """A fabric of its own whose leaves have changed places at spine1, and what `up` says of it."""
    with not_as_planned(tmp_path, f"{NAME}x", "containerlab", across) as fabric:
        yield fabric


@pytest.fixture(autouse=True)
def whole(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each test leaves the fabric as it found it."""
    yield
    if "live" in request.fixturenames:
        request.getfixturevalue("live").is_whole()


class TestProvisioned(Provisioned):
    """What is the same on either runtime."""


def test_the_only_address_in_the_management_network_is_what_kea_gave(live: Live) -> None:
    """What the engine gave is gone, its routes with it, and the record names none of it."""
    told = {each["node"]: each["address"] for each in live.closlab.answer("ztp", "status")["switches"]}

    for node in SWITCHES:
        (eth0,) = json.loads(live.door(node).run(["ip", "-j", "-4", "address", "show", "dev", "eth0"]).stdout)
        assert [each["local"] for each in eth0["addr_info"]] == [told[node].partition("/")[0]]
        assert told[node].startswith(OWN_ADDRESS)
        assert "default" not in live.door(node).run(["ip", "route"]).stdout
    assert {each.mgmt_ipv4 for each in live.record.nodes} == {""}
    leases = live.door(SERVER).read("/var/lib/kea/kea-leases4.csv").decode()
    assert all(f"{address.partition('/')[0]}," in leases for address in told.values())


def test_switches_that_lose_power_come_back_as_what_they_are(live: Live) -> None:
    """Both leaves, started in such an order that the engine changes their addresses.

    Each keeps its MAC address, has its configuration back from its own disk, and asks nobody.
    """
    before = {node: (live.memory(node)["moves"], mac(live, node)) for node in ("leaf1", "leaf2")}
    engines = {node: inspected(f"clab-{NAME}-{node}") for node in before}
    for node in before:
        live.act(node, Action.KILL)
    for node in sorted(before, key=lambda node: engines[node], reverse=True):
        live.act(node, Action.START)
    live.is_as_planned()

    assert {node: inspected(f"clab-{NAME}-{node}") for node in before} != engines
    assert {node: (live.memory(node)["moves"], mac(live, node)) for node in before} == before
    until("leaf1 has its lease again", lambda: "" if leased(live, "leaf1") else "no address", within=WITHIN)


def test_no_program_waits_for_the_engines_resolver(live: Live) -> None:
    """That answers after seconds in a lab that leads nowhere; lldpd looks up its own name, and is silent meanwhile."""
    begun = time.monotonic()
    asked = live.door("leaf1").run(["getent", "hosts", "seal.example.org"], check=False)

    assert asked.code == 2
    assert time.monotonic() - begun < 2


def test_a_restart_of_its_programs_is_a_boot_as_well(live: Live) -> None:
    """Links stay up, the lease goes and comes again, the configuration is that of its disk."""
    live.act("spine1", Action.RESTART)

    live.is_as_planned()
    until("spine1 has its lease again", lambda: "" if leased(live, "spine1") else "no address", within=WITHIN)


@pytest.mark.programs("mmdebstrap")  # which makes the image that has them
def test_the_programs_of_debian_13_do_it_as_well(tmp_path: Path) -> None:
    """FRR 10.3, Kea 2.6, which is strict about its folders, and Python 3.13, which is strict about certificates."""
    closlab = Closlab(tmp_path)
    process.run([str(ROOT / ".ci" / "image"), "trixie"], timeout=280)
    file = closlab.file("newer.yml", FABRIC.format(name=f"{NAME}n"))
    try:
        done = closlab("up", "--ztp", file, "--runtime", "containerlab", CLOSLAB_FRR_IMAGE="closlab/frr:trixie")
    finally:
        closlab("down", "--all")

    assert done.returncode == 0, done.stderr + done.stdout
    assert "converged and checked" in done.stdout


@pytest.fixture
def poor() -> Iterator[str]:
    """An image that lacks Kea and lldpd, and nothing else."""
    image, name = f"closlab/poor:{NAME}", f"{NAME}-poor"
    lost = ("rm", "/usr/sbin/kea-dhcp4", "/usr/sbin/lldpd")
    docker("run", "--name", name, "--network=none", frr_image_name(os.environ), *lost)
    try:
        docker("commit", name, image)
        yield image
    finally:
        docker("rm", name)
        docker("rmi", image)


def test_an_image_that_lacks_a_program_is_refused_by_name(poor: str, tmp_path: Path) -> None:
    """Before anything is made: what it lacks, and what builds one that has it; so is an image that is not there."""
    closlab = Closlab(tmp_path)
    file = closlab.file("poor.yml", FABRIC.format(name=f"{NAME}p"))
    absent = f"{poor}-absent"

    refused = closlab("up", "--ztp", file, "--runtime", "containerlab", CLOSLAB_FRR_IMAGE=poor)
    unknown = closlab("up", "--ztp", file, "--runtime", "containerlab", CLOSLAB_FRR_IMAGE=absent)

    assert (refused.returncode, unknown.returncode) == (2, 2)
    assert f"image {poor}: no kea-dhcp4, lldpd; try: make image" in refused.stderr
    assert f"image {absent}: it is not on this machine; try: make image" in unknown.stderr
    assert not closlab.state.exists() or not list(closlab.state.iterdir())


def mac(live: Live, node: str) -> str:
    """The MAC address of a node's management interface."""
    return live.door(node).read("/sys/class/net/eth0/address").decode().strip()


def leased(live: Live, node: str) -> bool:
    """Whether a node has an address of Kea's."""
    return OWN_ADDRESS in live.door(node).run(["ip", "-br", "-4", "address", "show", "dev", "eth0"]).stdout


def inspected(container: str) -> str:
    """The address that the engine believes a container to have."""
    told = json.loads(docker("inspect", "--type", "container", container))[0]
    (network,) = told["NetworkSettings"]["Networks"].values()
    return str(network["IPAddress"])


def docker(*words: str) -> str:
    """What the engine's client prints."""
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout
