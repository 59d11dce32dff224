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
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from napalm_frr import FRRDriver
from provisioned import Failed, Provisioned, brought_up, not_as_planned
from switches import FABRIC, WITHIN, Live, across

from automation.intended import intended
from automation.ztp.factory import AGENT, IDENTITY, KEA_START, SERVER
from automation.ztp.states import State
from automation.ztp.watching import Desk
from topologies.lab import Lab, Veth
from topologies.runtime import identity
from topologies.runtime.model import Action
from topologies.waiting import until

pytestmark = pytest.mark.programs("kea-dhcp4", "busybox", "lldpd", "openssl")

NAME = f"tztp{os.getpid()}"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The fabric, brought up from nothing."""
    with brought_up(tmp_path_factory.mktemp("ztp"), NAME, "netns") as fabric:
        yield fabric


@pytest.fixture
def crossed(tmp_path: Path) -> Iterator[Failed]:
    """A fabric of its own whose leaves have changed places at spine1, and what `up` says of it."""
    with not_as_planned(tmp_path, f"{NAME}x", "netns", across) as fabric:
        yield fabric


@pytest.fixture(autouse=True)
def whole(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each test leaves the fabric as it found it."""
    yield
    if "live" in request.fixturenames:
        request.getfixturevalue("live").is_whole()


class TestProvisioned(Provisioned):
    """What is the same on either runtime."""


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

    if state is State.COMPLYING:  # somebody watches, or it would not last
        Desk(live.record).status(watch=True)
    live.reaches("leaf1", state, longest=0.002)
    for process in live.door("leaf1").processes():
        if AGENT in process.argv:
            identity.signal_number(process.pid, signal.SIGSTOP)
    cut_in = live.memory("leaf1")["state"]
    live.act("leaf1", Action.KILL)
    live.act("leaf1", Action.START)
    Desk(live.record).leave()
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


def test_a_new_version_of_the_file_is_applied_and_handed_out(live: Live) -> None:
    """The server's node is no router, and in nobody's way; a switch that asks again gets the new version."""
    file = live.closlab.folder / "ztp.yml"
    file.write_text(f"{FABRIC.format(name=NAME)}underlay: {{ecmp: 32}}\n")

    done = live.closlab("apply", "ztp.yml")

    assert done.returncode == 0, done.stderr + done.stdout
    assert "4 routers changed" in done.stdout
    live.closlab("ztp", "reprovision", "leaf1")
    live.reaches("leaf1", State.CABLING, longest=0.002)
    live.reaches("leaf1", State.READY)
    assert live.memory("leaf1")["floor"] == 2
    for words in (("diff",), ("drift",), ("validate",), ("apply",), ("backup", "kept"), ("restore", "kept")):
        said = live.closlab(*words)
        assert said.returncode == 0, said.stderr + said.stdout
    assert live.closlab("drain", SERVER).returncode == live.closlab("diff", SERVER).returncode == 2


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Failed]:
    """A fabric of its own, one of whose cables takes smaller packets than planned, and what `up` says of it."""
    altered = partial(with_mtu, a="leaf1", b="spine1", mtu=1500)
    with not_as_planned(tmp_path, f"{NAME}n", "netns", altered) as fabric:
        yield fabric


def with_mtu(lab: Lab, a: str, b: str, mtu: int) -> Lab:
    """The lab with another MTU on the cable between two nodes."""
    links = (
        replace(link, mtu=mtu) if isinstance(link, Veth) and {link.a.node, link.b.node} == {a, b} else link
        for link in lab.links
    )
    return replace(lab, links=tuple(links))


def test_what_only_napalm_sees_is_not_kept(narrow: tuple[Live, str]) -> None:
    """All sessions and routes are there. Both ends of the cable are named and run nothing; the others are ready."""
    live, said = narrow

    assert "leaf1 is quarantined: taken back, for it does not comply: get_interfaces eth1 mtu should be" in said
    assert "spine1 is quarantined: taken back, for it does not comply: get_interfaces eth1 mtu should be" in said
    assert not any(live.configured(node) for node in ("spine1", "leaf1"))
    assert all(live.configured(node) for node in ("spine2", "leaf2"))
