"""The same on containers: the inventory, a change as one, and the inventory of what containerlab left beside a lab."""

import os
from collections.abc import Iterator

import pytest
from nornir import InitNornir
from nornir_napalm.plugins.tasks import napalm_get
from program import Closlab

NAME = f"clabauto{os.getpid()}"
FABRIC = f"name: {NAME}\ndesign: leaf-spine\nspines: 2\nleaves: 2\nunderlay:\n  ecmp: {{}}\n"


@pytest.fixture(scope="module")
def closlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closlab]:
    """The program, with the lab up on containerlab."""
    program = Closlab(tmp_path_factory.mktemp("automation"))
    file = program.file("fabric.yml", FABRIC.format(64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOSLAB_STATE", str(program.state))
        try:
            done = program("up", file, "--runtime", "containerlab")
            assert done.returncode == 0, done.stderr + done.stdout
            yield program
        finally:
            program("down", "--all")


def test_containers_are_hosts_as_nodes_are(closlab: Closlab) -> None:
    """From the running lab, reached by its own doors; from containerlab's files, by their addresses."""
    (data,) = closlab.state.glob("**/topology-data.json")
    with InitNornir(inventory={"plugin": "closlab"}, logging={"enabled": False}) as nornir:
        done = nornir.filter(role="spine").run(napalm_get, getters=["facts"])
    left = InitNornir(
        inventory={"plugin": "closlab", "options": {"containerlab": str(data.parent)}}, logging={"enabled": False}
    ).inventory.hosts
    running = nornir.inventory.hosts

    assert {name: each.result["facts"]["hostname"] for name, each in done.items()} == {
        "spine1": "spine1", "spine2": "spine2",
    }  # fmt: skip
    assert left.keys() == running.keys()
    for name, host in left.items():
        assert host.platform == running[name].platform == "frr"
        assert (host["role"], host["asn"]) == (running[name]["role"], running[name]["asn"])
        assert host.get("redundancy_group") == running[name].get("redundancy_group")
        assert host.hostname == str(running[name]["mgmt_ipv4"]).partition("/")[0]


def test_a_new_version_of_the_file_is_applied_to_containers(closlab: Closlab) -> None:
    """In waves, checked and confirmed; then nothing differs, and a second time there is nothing to do."""
    file = closlab.file("eight.yml", FABRIC.format(8))

    before = closlab("diff")
    done = closlab("apply", file, "--waves", "2")
    after, again = closlab("diff"), closlab.answer("apply", file)

    assert before.returncode == after.returncode == 0, before.stdout + after.stdout
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 routers changed, checked and confirmed, and has a new plan" in done.stdout
    assert (again["fine"], again["applied"]) == (True, False)
    assert closlab("check", "--within", "30").returncode == 0
