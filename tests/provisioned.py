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
from switches import FABRIC, MEMORY, SWITCHES, WITHIN, Altered, Live

from automation.ztp.factory import IDENTITY, SERVER, factory
from automation.ztp.states import State
from labs import provision
from topologies import deploy
from topologies.errors import Fault
from topologies.runtime.model import Action, Life
from topologies.runtime.store import Store
from topologies.waiting import until

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

    def test_a_living_switch_is_replaced_by_one_command(self, live: Live) -> None:
        """Drained, off, another in its place with another serial number, provisioned, checked.

        The rest looks for that one from then on, and the former one is refused when it comes back.
        """
        old = live.closlab.answer("ztp", "status")["switches"][0]["serial"]

        done = live.closlab.answer("replace", "spine1")

        assert done["former"] == old
        assert done["drained"]
        assert done["check"]["fine"]
        assert json.loads(live.door("spine1").read(IDENTITY))["serial"] == done["serial"] != old
        status = {each["serial"]: each for each in live.closlab.answer("ztp", "status")["switches"]}
        assert (status[done["serial"]]["node"], status[done["serial"]]["state"]) == ("spine1", "ready")
        assert (status[old]["node"], status[old]["why"]) == ("", f"spine1 is serial {done['serial']} now")
        assert live.closlab("diff").returncode == 0
        live.closlab("ztp", "reprovision", "leaf1")
        live.reaches("leaf1", State.CABLING, longest=0.002)
        live.reaches("leaf1", State.READY)
        assert {each["serial"] for each in cables(live, "leaf1")} >= {done["serial"]}

        live.as_new("spine1", old)
        live.act("spine1", Action.START)
        assert f"spine1 is serial {done['serial']}, which somebody approved in place of {old}" in live.reaches(
            "spine1", State.QUARANTINED
        )
        live.as_new("spine1", done["serial"])
        live.act("spine1", Action.START)

    def test_a_dead_leaf_is_replaced_though_its_host_has_no_other(self, live: Live) -> None:
        """Living it is not, for that would cut its host off: nothing is changed then."""
        refused = live.closlab("replace", "leaf2", "--serial", "NEW00002")
        assert refused.returncode == 2
        assert "leaf2-host1 has its addresses on eth1 behind leaf2 alone" in refused.stderr
        assert live.closlab("validate", "leaf2").returncode == 0

        live.act("leaf2", Action.KILL)
        done = live.closlab("replace", "leaf2", "--serial", "NEW00002")

        assert done.returncode == 0, done.stderr + done.stdout
        assert "leaf2 is serial NEW00002 now" in done.stdout

    def test_a_replacement_that_is_killed_in_the_middle_is_gone_on_with(self, live: Live) -> None:
        """The switch is off, or new already: the same command leads to the same end."""
        with live.closlab.start("replace", "spine2") as first:
            until("spine2 is off", lambda: "" if not runs(live, "spine2") else "it runs", within=WITHIN, longest=0.01)
            first.kill()
            first.wait()

        done = live.closlab("replace", "spine2")

        assert done.returncode == 0, done.stderr + done.stdout

    @pytest.mark.parametrize(
        ("words", "why"),
        [
            (("spine1", "--serial", "a/b"), "'a/b' is no serial number"),
            (("leaf1-host1",), "leaf1-host1 is no switch of it; there are leaf1, leaf2, spine1, spine2"),
            ((SERVER,), f"{SERVER} is no switch of it"),
        ],
    )
    def test_what_cannot_be_replaced_is_said_before_anything_is_done(
        self, live: Live, words: tuple[str, ...], why: str
    ) -> None:
        """The exit code is that of a mistake."""
        done = live.closlab("replace", *words)

        assert done.returncode == 2
        assert why in done.stderr

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


def cables(live: Live, node: str) -> list[dict[str, str]]:
    """The cables that a switch was told of last."""
    files = json.loads(live.door(node).read(MEMORY))["files"]
    found: list[dict[str, str]] = json.loads(files["cabling.json"])["ports"]
    return found


def runs(live: Live, node: str) -> bool:
    """Whether a node is on."""
    return deploy.standing(live.record, busy=False)[1][node] is Life.RUNNING
