"""nornir-napalm's own tasks, unchanged, on the switches of a running fabric: spine1, spine2 over leaf1 to leaf4."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from nornir import InitNornir
from nornir.core import Nornir
from nornir.core.task import AggregatedResult
from nornir_napalm.plugins.tasks import (
    napalm_cli,
    napalm_configure,
    napalm_confirm_commit,
    napalm_get,
    napalm_ping,
    napalm_rollback,
    napalm_validate,
)

from telemetry.converge import converge
from topologies import deploy
from topologies.plan import Plan

SMALL = Path(__file__).parents[2] / "topologies" / "fabrics" / "small.yml"


def quiet(phase: str, done: int, of: int) -> None:
    """Progress that nobody reads."""


@dataclass(frozen=True)
class Orchestrated:
    """A running fabric: its plan, and nornir with its switches as the inventory."""

    nornir: Nornir
    plan: Plan


@pytest.fixture(scope="module")
def fabric(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orchestrated]:
    """The small fabric, and an inventory of files as a user writes it."""
    folder, name = tmp_path_factory.mktemp("nornir"), f"nornir{os.getpid()}"
    source = deploy.load(SMALL, name=name)
    assert source.plan is not None
    options = {"napalm": {"extras": {"optional_args": {"lab": name}}}}
    switches = [node.name for node in source.plan.nodes.values() if node.sessions]
    hosts = {each: {"hostname": each, "platform": "frr", "connection_options": options} for each in switches}
    (folder / "hosts.yaml").write_text(yaml.safe_dump(hosts))
    inventory = {"plugin": "SimpleInventory", "options": {"host_file": str(folder / "hosts.yaml")}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOSLAB_STATE", str(folder / "state"))
        record = deploy.up(source, "netns", say=quiet)
        try:
            converge(record, source.plan, within=90, say=quiet)
            with InitNornir(inventory=inventory, logging={"enabled": False}) as nornir:
                yield Orchestrated(nornir, source.plan)
        finally:
            deploy.down(name)


def results(done: AggregatedResult) -> dict[str, Any]:
    """What each host answered; a host that failed fails the test with its exception."""
    done.raise_on_error()
    return {host: each.result for host, each in done.items()}


def test_getters_answer_on_all_switches_side_by_side(fabric: Orchestrated) -> None:
    """The facts and sessions of every switch, by nornir's threads."""
    found = results(fabric.nornir.run(napalm_get, getters=["facts", "bgp_neighbors"]))

    assert len(found) == 6
    for name, answer in found.items():
        assert answer["facts"]["hostname"] == name
        assert set(answer["bgp_neighbors"]["global"]["peers"]) == {
            each.neighbor for each in fabric.plan.nodes[name].sessions
        }


def test_commands_and_their_failures_reach_nornir(fabric: Orchestrated) -> None:
    """A command's text; one that FRR does not know fails its host, and a later run goes on."""
    texts = results(fabric.nornir.run(napalm_cli, commands=["show bgp summary"]))
    wrong = fabric.nornir.run(napalm_cli, commands=["show nonsense"])
    fabric.nornir.data.reset_failed_hosts()

    assert all("BGP router identifier" in text["show bgp summary"] for text in texts.values())
    assert wrong.failed
    assert "% Unknown command: show nonsense" in str(wrong["leaf1"].exception)


@pytest.mark.programs("ping")
def test_switches_ping_each_other(fabric: Orchestrated) -> None:
    """From every leaf to the loopback of leaf4; nornir names no VRF by None."""
    target = next(each.partition("/")[0] for each in fabric.plan.nodes["leaf4"].loopbacks if ":" not in each)
    leaves = fabric.nornir.filter(filter_func=lambda host: host.name.startswith("leaf"))

    found = results(leaves.run(napalm_ping, dest=target, count=1))

    assert {host: each["success"]["packet_loss"] for host, each in found.items()} == dict.fromkeys(found, 0)


def test_a_compliance_report_tells_a_right_fabric_from_a_wrong_one(fabric: Orchestrated) -> None:
    """The planned sessions comply; a neighbour of another ASN does not, and nothing was skipped."""
    sessions = fabric.plan.nodes["leaf1"].sessions
    planned = {each.neighbor: {"is_up": True, "remote_as": each.peer_asn} for each in sessions}
    leaf = fabric.nornir.filter(name="leaf1")

    right = results(leaf.run(napalm_validate, validation_source=rules(planned)))["leaf1"]
    planned[sessions[0].neighbor] = {"is_up": True, "remote_as": sessions[0].peer_asn + 1}
    wrong = results(leaf.run(napalm_validate, validation_source=rules(planned)))["leaf1"]

    assert right["complies"]
    assert right["skipped"] == []
    assert not wrong["complies"]


def rules(peers: dict[str, Any]) -> list[dict[str, Any]]:
    """What NAPALM is to validate; its text rules are searched for, so they are anchored."""
    return [
        {"get_facts": {"hostname": "^leaf1$", "vendor": "^FRRouting$"}},
        {"get_bgp_neighbors": {"global": {"peers": {"_mode": "strict", **peers}}}},
    ]


def test_changes_are_configured_confirmed_and_rolled_back(fabric: Orchestrated) -> None:
    """On all switches side by side: a dry run changes nothing, a second time there is nothing to do."""
    line, switches = "ip prefix-list NORNIR seq 5 permit any", fabric.nornir

    def diffs(**more: Any) -> set[str]:
        return set(configured(switches, line, **more).values())

    assert diffs(dry_run=True) == {f"+ {line}"}
    assert diffs(revert_in=60, commit_message="for everybody") == {f"+ {line}"}
    assert set(results(switches.run(napalm_confirm_commit)).values()) == {"Commit confirm completed"}
    assert diffs() == {""}
    assert set(results(switches.run(napalm_rollback)).values()) == {"Rollback completed"}
    assert set(results(switches.run(napalm_confirm_commit)).values()) == {
        "There are no pending commits. No action taken."
    }
    assert diffs(dry_run=True) == {f"+ {line}"}


def test_a_refused_change_fails_its_host_with_the_words_of_frr(fabric: Orchestrated) -> None:
    """And the next one is not burdened with it."""
    leaf = fabric.nornir.filter(name="leaf1")

    wrong = leaf.run(napalm_configure, configuration="ip prefix-list NORNIR seq five permit any")
    fabric.nornir.data.reset_failed_hosts()

    assert "Unknown command" in str(wrong["leaf1"].exception)
    assert configured(leaf, "hostname leaf1")["leaf1"] == ""


def configured(hosts: Nornir, text: str, **more: Any) -> dict[str, str]:
    """The difference that napalm_configure tells of each host."""
    done = hosts.run(napalm_configure, configuration=text, **more)
    done.raise_on_error()
    return {host: each[0].diff for host, each in done.items()}
