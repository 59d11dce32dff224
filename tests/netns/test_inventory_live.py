"""Nornir's inventory of a running lab that has no plan: two spines and four leaves with configurations of their own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from nornir import InitNornir
from nornir_napalm.plugins.tasks import napalm_get
from program import Closlab

SHIPPED = Path(__file__).parents[2] / "topologies" / "fabrics" / "clos-2x4.clab.yml"
NAME = f"invent{os.getpid()}"


@pytest.fixture(scope="module")
def closlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closlab]:
    """The program, with the lab up."""
    program = Closlab(tmp_path_factory.mktemp("inventory"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOSLAB_STATE", str(program.state))
        try:
            done = program("up", str(SHIPPED), "--name", NAME)
            assert done.returncode == 0, done.stderr + done.stdout
            yield program
        finally:
            program("down", "--all")


def test_nodes_tell_what_their_file_does_not(closlab: Closlab) -> None:
    """ASNs and neighbours are those of the running daemons; roles are the file's groups, and filters work at once."""
    with InitNornir(inventory={"plugin": "closlab"}, logging={"enabled": False}) as nornir:
        leaves, leaf = nornir.filter(role="leaf"), nornir.inventory.hosts["leaf1"]
        done = leaves.run(napalm_get, getters=["facts", "bgp_neighbors"])

    assert sorted(leaves.inventory.hosts) == ["leaf1", "leaf2", "leaf3", "leaf4"]
    assert not done.failed
    found = done["leaf1"].result
    peers = found["bgp_neighbors"]["global"]["peers"]
    assert found["facts"]["hostname"] == "leaf1"
    assert {each["neighbor"]: each["asn"] for each in leaf["neighbors"]} == {
        peer: each["remote_as"] for peer, each in peers.items()
    }
    assert {each["local_as"] for each in peers.values()} == {leaf["asn"]}
    assert leaf["rack"] == "leaf1"
    assert nornir.inventory.hosts["spine2"]["redundancy_group"] == "spine1+spine2"
    assert leaf["long_name"] == f"clab-{NAME}-leaf1"


def test_without_a_plan_there_is_nothing_to_apply_but_backups(closlab: Closlab) -> None:
    """diff says so; a backup is taken and restored."""
    differs = closlab("diff")
    folder = str(closlab.folder / "kept")
    kept = closlab("backup", folder)
    closlab("exec", "leaf1", "--", "vtysh", "-c", "configure terminal", "-c", "ip prefix-list X seq 5 permit any")
    back = closlab("restore", folder)
    again = closlab("restore", folder, "--json")

    assert differs.returncode == 2
    assert f"lab {NAME} has no plan: its file is containerlab's" in differs.stderr
    assert kept.returncode == back.returncode == again.returncode == 0, kept.stderr + back.stdout + again.stderr
    assert "1 router changed and confirmed" in back.stdout
    assert "leaf1: it runs, and would not after a restart" in back.stdout  # its frr.conf is bound read-only
    assert '"applied": false' in again.stdout
