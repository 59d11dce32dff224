r"""Switches that boot with nothing on them, on real daemons: Kea, udhcpc, TLS, lldpd, FRR.

    spine1    spine2
      |  \    /  |            and ztp-server, which all have on eth0
    leaf1      leaf2
      |          |
    host       host

Faults are made on a fabric that has provisioned itself: one switch is set back to the factory's state, and boots again.
"""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from napalm_frr import FRRDriver
from program import Closlab
from switches import FABRIC, SWITCHES, WITHIN, Live, across

from automation.intended import intended
from automation.ztp.factory import AGENT, IDENTITY, KEA_START, SERVER, factory
from automation.ztp.states import State
from labs import provision
from topologies import deploy
from topologies.errors import Fault
from topologies.runtime import identity
from topologies.runtime.model import Action
from topologies.runtime.store import Store
from topologies.waiting import until

pytestmark = pytest.mark.programs("kea-dhcp4", "busybox", "lldpd", "openssl")

NAME = f"tztp{os.getpid()}"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The fabric, brought up from nothing."""
    program = Closlab(tmp_path_factory.mktemp("ztp"))
    (program.folder / "ztp.yml").write_text(FABRIC.format(name=NAME))
    try:
        done = program("up", "--ztp", "ztp.yml")
        assert done.returncode == 0, done.stderr + done.stdout
        (program.folder / "said.txt").write_text(done.stderr + done.stdout)
        yield Live(program, Store(program.state), NAME)
    finally:
        program("down", "--all")


@pytest.fixture(autouse=True)
def whole(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each test leaves the fabric as it found it: all switches ready, everything as planned."""
    yield
    if "live" not in request.fixturenames:
        return
    live = request.getfixturevalue("live")
    for node in SWITCHES:
        live.reaches(node, State.READY)
    live.is_as_planned()


def test_a_fabric_comes_up_from_nothing(live: Live) -> None:
    """Every switch went through its states, was told, and is a member; the fabric was checked against its plan."""
    said = (live.closlab.folder / "said.txt").read_text()
    told = live.closlab.answer("ztp", "status")
    switches = {each["node"]: each for each in told["switches"]}

    assert "ztp: leaf1 cabling: leaf1, version 1" in said
    assert "converged and checked" in said
    assert set(switches) == set(SWITCHES)
    assert {each["state"] for each in switches.values()} == {"ready"}
    assert switches["leaf1"]["seconds"].keys() >= {"discovering", "bootstrapping", "verifying", "cabling", "checking"}


def test_what_runs_is_what_is_intended_and_is_kept(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the driver's own comparison with what the record says; nothing waits to be confirmed, and a restart has it."""
    monkeypatch.setenv("CLOSLAB_STATE", str(live.closlab.state))
    wanted = intended(live.record.lab)["leaf1"]

    with FRRDriver("leaf1", "", "", 20, {"lab": NAME}) as driver:
        driver.load_replace_candidate(config=wanted)
        assert driver.compare_config() == ""
        assert not driver.has_pending_commit()
        assert "router bgp" in driver.get_config("startup")["startup"]
    live.act("leaf1", Action.KILL)
    live.act("leaf1", Action.START)


def test_kea_takes_its_configuration_and_knows_the_switches_by_their_macs(live: Live) -> None:
    """`kea-dhcp4 -t` in the server's node; a lease for each MAC, asked for with the client id MODEL##SERIAL."""
    door = live.door(SERVER)
    switch = live.closlab.answer("ztp", "status")["switches"][0]

    tested = door.run(["kea-dhcp4", "-t", "/etc/kea/kea-dhcp4.conf"], check=False)

    assert tested.code == 0, tested.stderr
    assert f"{switch['address']},{switch['mac']},," in door.read("/var/lib/kea/kea-leases4.csv").decode()
    asked = f"closlab-spine##{switch['serial']}".encode().hex(":")
    assert asked in door.read("/var/log/closlab/kea-dhcp4.log").decode()


def test_the_management_network_has_no_way_out(live: Live) -> None:
    """The lab is as sealed as any: no default route came with the lease."""
    assert "default" not in live.door("leaf1").run(["ip", "route"]).stdout
    assert "172.20.20." in live.door("leaf1").run(["ip", "-br", "address", "show", "eth0"]).stdout


@pytest.mark.parametrize("state", [s for s in State if s not in (State.READY, State.WAITING, State.QUARANTINED)])
def test_a_power_cut_in_any_state_is_gone_on_from(live: Live, state: State) -> None:
    """The switch boots again and becomes a member by itself."""
    live.reset("leaf1")
    live.act("leaf1", Action.START)

    live.reaches("leaf1", state, longest=0.002)
    for process in live.door("leaf1").processes():
        if AGENT in process.argv:
            identity.signal_number(process.pid, signal.SIGSTOP)
    cut_in = live.memory("leaf1")["state"]
    live.act("leaf1", Action.KILL)
    live.act("leaf1", Action.START)
    live.reaches("leaf1", State.READY)

    assert cut_in == state
    assert live.configured("leaf1")


def test_an_agent_that_is_killed_is_started_again_and_goes_on(live: Live) -> None:
    """In the midst of configuring, with FRR's change half-way: the change is taken back first, or confirmed."""
    live.reset("leaf2")
    live.act("leaf2", Action.START)

    live.reaches("leaf2", State.CONFIGURING, longest=0.002)
    live.end("leaf2", AGENT)

    live.reaches("leaf2", State.READY)


def test_crossed_cables_are_named_and_the_switch_is_not_configured_until_they_are_right(live: Live) -> None:
    """leaf1's cables to the spines change places."""
    live.reset("leaf1")
    live.act("leaf1", Action.START)
    live.swap("leaf1")
    why = live.reaches("leaf1", State.QUARANTINED)

    assert "leaf1:eth1 should lead to spine1:eth1, and leads to spine2:eth1" in why
    assert "leaf1:eth2 should lead to spine2:eth1, and leads to spine1:eth1" in why
    assert not live.configured("leaf1")
    until("the server has it too", lambda: "" if why in live.closlab("ztp", "status").stdout else "-", within=WITHIN)
    live.swap("leaf1")
    live.reaches("leaf1", State.READY)


def test_a_dhcp_server_that_is_down_for_a_while_is_waited_for(live: Live) -> None:
    """The reason says so, nothing is configured; when it is back the switch goes on."""
    server = live.door(SERVER)
    live.end(SERVER, "kea-dhcp4", signal.SIGTERM)
    live.reset("leaf1")
    live.act("leaf1", Action.START)

    why = live.reaches("leaf1", State.WAITING)
    assert "no DHCP server answers closlab-leaf##" in why
    assert not live.configured("leaf1")

    server.run(["sh", "-c", f"({KEA_START}) </dev/null >>/var/log/closlab/kea-dhcp4.log 2>&1 &"])
    live.reaches("leaf1", State.READY)


def test_a_server_that_loses_power_remembers_and_goes_on(live: Live) -> None:
    """DHCP and HTTPS are gone for a while; leases, switches and approvals are there again."""
    live.act(SERVER, Action.KILL)
    live.reset("leaf1")
    live.act("leaf1", Action.START)
    live.reaches("leaf1", State.WAITING)

    live.act(SERVER, Action.START)
    live.reaches("leaf1", State.READY)

    assert {each["node"] for each in live.closlab.answer("ztp", "status")["switches"]} == set(SWITCHES)


def test_a_new_switch_in_an_old_place_is_quarantined_until_it_is_approved(live: Live) -> None:
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


def test_a_serial_that_two_switches_have_is_quarantined_with_both_named(live: Live) -> None:
    """leaf2 says that it is leaf1's; leaf1 runs on."""
    own, twin = (json.loads(live.door(node).read(IDENTITY))["serial"] for node in ("leaf2", "leaf1"))
    macs = [live.door(node).run(["cat", "/sys/class/net/eth0/address"]).stdout.strip() for node in ("leaf1", "leaf2")]
    live.as_new("leaf2", twin)
    live.act("leaf2", Action.START)
    why = live.reaches("leaf2", State.QUARANTINED)

    assert f"serial {twin} is two switches" in why
    assert all(mac in why for mac in macs)
    assert not live.configured("leaf2")
    assert live.configured("leaf1")

    live.closlab("ztp", "approve", twin, "leaf1", "--mac", macs[0])
    live.as_new("leaf2", own)
    live.act("leaf2", Action.START)


def test_a_ready_switch_is_provisioned_anew_when_asked(live: Live) -> None:
    """It asks for its bundle, finds that it runs it, and is ready; asked twice at once, it says that it is at it."""
    before = live.memory("spine2")["moves"]

    assert live.closlab("ztp", "reprovision", "spine2").returncode == 0
    live.reaches("spine2", State.READY)

    assert int(live.memory("spine2")["moves"]) > int(before)
    assert live.closlab("ztp", "reprovision", "leaf1-host1").returncode == 2


@pytest.fixture
def crossed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Live, str]]:
    """A fabric of its own whose leaves have changed places at spine1, and what `up` says of it."""
    at, name = Store(tmp_path / "state"), f"{NAME}x"
    (tmp_path / "x.yml").write_text(FABRIC.format(name=name))
    source = deploy.load(tmp_path / "x.yml")
    monkeypatch.setattr(provision, "factory", lambda lab, made: across(factory(lab, made)))
    live = Live(Closlab(tmp_path), at, name)
    try:
        with pytest.raises(Fault) as said:
            provision.bring_up_from_nothing(
                source, "netns", say=lambda *_: None, show=lambda _: None, within=WITHIN, at=at
            )
        yield live, str(said.value)
    finally:
        deploy.down(name, at=at)


def test_two_leaves_cabled_crosswise_are_named_and_the_rest_comes_up(crossed: tuple[Live, str]) -> None:
    """`up` ends with who has to do what; whoever touches the cables is not configured, spine2 is ready without them.

    The cables are put right at spine1: all three go on by themselves.
    """
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
