"""The NAPALM driver on containers: the same door leads into them, so a few questions show that it is open."""

import os
from pathlib import Path

import pytest
from napalm_frr import FRRDriver

from telemetry.converge import converge
from topologies import deploy

SMALL = Path(__file__).parents[2] / "topologies" / "fabrics" / "small.yml"


def quiet(phase: str, done: int, of: int) -> None:
    """Progress that nobody reads."""


def test_the_driver_reads_a_containers_daemons_and_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Facts, sessions and addresses of a spine, a ping from there, and its configuration as it was mounted."""
    monkeypatch.setenv("CLOSLAB_STATE", str(tmp_path))
    name = f"napalm{os.getpid()}"
    source = deploy.load(SMALL, name=name)
    assert source.plan is not None
    spine, leaf = source.plan.nodes["spine1"], source.plan.nodes["leaf1"]
    try:
        converge(deploy.up(source, "containerlab", say=quiet), source.plan, within=90, say=quiet)
        with FRRDriver("spine1", "", "", optional_args={"lab": name}) as driver:
            alive, facts, peers = driver.is_alive(), driver.get_facts(), driver.get_bgp_neighbors()["global"]["peers"]
            loopbacks, config = driver.get_interfaces_ip()["lo"], driver.get_config()
            pinged = driver.ping(leaf.loopbacks[0].partition("/")[0], count=1)
    finally:
        deploy.down(name)

    assert alive == {"is_alive": True}
    assert facts["hostname"] == "spine1"
    assert {peer: each["remote_as"] for peer, each in peers.items()} == {
        each.neighbor: each.peer_asn for each in spine.sessions
    }
    assert {*loopbacks["ipv4"], *loopbacks["ipv6"]} == {each.partition("/")[0] for each in spine.loopbacks}
    assert "router bgp" in config["running"]
    assert "router bgp" in config["startup"]
    assert pinged["success"]["packet_loss"] == 0
