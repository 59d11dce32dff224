"""What switches that provisioned themselves do on either runtime: the tests that both rings run.

A subclass is in a module that has the fixtures `live`, the fabric of tests/switches.py, and `crossed`, one of its own
whose leaves have changed places at spine1, with what `up` says of it.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
from program import Closlab
from switches import FABRIC, SWITCHES, WITHIN, Altered, Live

from automation.ztp.factory import IDENTITY, SERVER, factory
from automation.ztp.states import State
from labs import provision
from topologies import deploy
from topologies.errors import Fault
from topologies.runtime.model import Action
from topologies.runtime.store import Store

Failed: TypeAlias = tuple[Live, str]


@contextmanager
def brought_up(folder: Path, name: str, runtime: str) -> Iterator[Live]:
    """The fabric, brought up from nothing by the program; what that said is in said.txt."""
    program = Closlab(folder)
    file = program.file("ztp.yml", FABRIC.format(name=name))
    try:
        done = program("up", "--ztp", file, "--runtime", runtime)
        assert done.returncode == 0, done.stderr + done.stdout
        program.file("said.txt", done.stderr + done.stdout)
        yield Live(program, Store(program.state), name)
    finally:
        program("down", "--all")


@contextmanager
def not_as_planned(folder: Path, name: str, runtime: str, altered: Altered) -> Iterator[Failed]:
    """A fabric that is made otherwise than planned, and what `up` says of it."""
    with pytest.MonkeyPatch.context() as patch:
        program = Closlab(folder)
        at = Store(program.state)
        patch.setenv("CLOSLAB_STATE", str(program.state))
        patch.setattr(provision, "factory", lambda lab, made: altered(factory(lab, made)))
        source = deploy.load(folder / program.file("other.yml", FABRIC.format(name=name)))
        try:
            with pytest.raises(Fault) as said:
                provision.bring_up_from_nothing(
                    source, runtime, say=lambda *_: None, show=lambda _: None, within=WITHIN, at=at
                )
            yield Live(program, at, name), str(said.value)
        finally:
            deploy.down(name, at=at)


class Provisioned:
    """Each test leaves the fabric as it found it, or so that it becomes that by itself."""

    def test_a_fabric_comes_up_from_nothing(self, live: Live) -> None:
        """Every switch went through its states, was told, and is a member that runs what it is meant to run."""
        said = (live.closlab.folder / "said.txt").read_text()
        switches = {each["node"]: each for each in live.closlab.answer("ztp", "status")["switches"]}
        differs = live.closlab("diff")

        # States that last shorter than two looks apart need not be among the lines; where a switch ends always is.
        assert {each for each in SWITCHES if f"ztp: {each} ready" in said} == set(SWITCHES)
        assert "converged and checked" in said
        assert set(switches) == set(SWITCHES)
        assert {each["state"] for each in switches.values()} == {"ready"}
        states = {"discovering", "bootstrapping", "verifying", "cabling", "configuring", "checking", "complying"}
        assert switches["leaf1"]["seconds"].keys() >= states
        assert differs.returncode == 0, differs.stdout + differs.stderr

    def test_a_server_that_loses_power_is_waited_for_and_remembers(self, live: Live) -> None:
        """DHCP and HTTPS are gone for a while; leases, switches and approvals are there again."""
        live.act(SERVER, Action.KILL)
        live.reset("leaf1")
        live.act("leaf1", Action.START)
        why = live.reaches("leaf1", State.WAITING)

        assert "no DHCP server answers closlab-leaf##" in why
        assert not live.configured("leaf1")

        live.act(SERVER, Action.START)
        live.reaches("leaf1", State.READY)
        assert {each["node"] for each in live.closlab.answer("ztp", "status")["switches"]} == set(SWITCHES)

    def test_a_new_switch_in_an_old_place_is_quarantined_until_it_is_approved(self, live: Live) -> None:
        """leaf2 is replaced by another with a serial number that nobody ordered: one command makes it leaf2."""
        made = json.loads(live.door("leaf2").read(IDENTITY))
        live.as_new("leaf2", "NEW00001")
        live.act("leaf2", Action.START)
        why = live.reaches("leaf2", State.QUARANTINED)

        assert why == "serial NEW00001 is in no inventory: `closlab ztp approve NEW00001 NODE`"
        assert not live.configured("leaf2")

        assert live.closlab("ztp", "approve", "NEW00001", "leaf9").returncode == 2
        assert live.closlab("ztp", "approve", "NEW00001", "leaf2").returncode == 0
        live.reaches("leaf2", State.READY)
        live.is_as_planned()

        assert live.closlab("ztp", "approve", made["serial"], "leaf2").returncode == 0
        live.as_new("leaf2", made["serial"])
        live.act("leaf2", Action.START)

    def test_a_ready_switch_is_provisioned_anew_when_asked(self, live: Live) -> None:
        """It asks for its bundle, finds that it runs it, and is ready; a host is none to ask."""
        before = live.memory("spine2")["moves"]

        assert live.closlab("ztp", "reprovision", "spine2").returncode == 0
        live.reaches("spine2", State.READY)

        assert int(live.memory("spine2")["moves"]) > int(before)
        assert live.closlab("ztp", "reprovision", "leaf1-host1").returncode == 2

    def test_two_leaves_cabled_crosswise_are_named_and_the_rest_comes_up(self, crossed: Failed) -> None:
        """Who touches the cables is quarantined and runs nothing, spine2 is ready; put right, all go on."""
        live, said = crossed

        assert "somebody has to do something" in said
        assert "leaf1:eth1 should lead to spine1:eth1, and leads to spine1:eth2" in said
        assert "spine1:eth1 should lead to leaf1:eth1, and leads to leaf2:eth1" in said
        assert "left up to be looked at" in said
        live.reaches("spine2", State.READY)
        assert not any(live.configured(node) for node in ("spine1", "leaf1", "leaf2"))

        live.swap("spine1")
        for node in SWITCHES:
            live.reaches(node, State.READY)
