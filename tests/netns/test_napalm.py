r"""The NAPALM driver on running fabrics, by the daemons' own sockets and by SSH across the fabric.

    spine1   spine2         every leaf to every spine, one host per leaf
      |  \   /  |
    leaf1 ... leaf4         once with /31 and /127 on the links, once unnumbered
      |         |
    host      host

What the getters say is compared with the plan, and what they say over one transport with the other.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko
import pytest
from napalm.base.exceptions import CommandErrorException, ConnectAuthError, ConnectionException
from napalm_frr import FRRDriver

from telemetry.converge import converge
from topologies import deploy
from topologies.plan import NodePlan, Plan
from topologies.runtime import door
from topologies.runtime.door import Door
from topologies.runtime.model import LabRecord
from topologies.waiting import until

FABRICS = Path(__file__).parents[2] / "topologies" / "fabrics"
PORT = 2222
LLDP = b"configure lldp portidsubtype ifname\nconfigure lldp tx-interval 1\n"
sshd = pytest.mark.programs("sshd")
root_only = pytest.mark.root_only("has in a lab the users that sshd separates its powers between")
EMPTY = {"get_mac_address_table", "get_vlans"}  # of a router without bridges
LACKING = {  # see tests/unit/napalm_frr/test_getters.py
    "get_firewall_policies",
    "get_ntp_peers",
    "get_ntp_servers",
    "get_ntp_stats",
    "get_optics",
    "get_probes_config",
    "get_probes_results",
    "get_snmp_information",
}


def quiet(phase: str, done: int, of: int) -> None:
    """Progress that nobody reads."""


@dataclass(frozen=True)
class Live:
    """A lab that runs, and its plan."""

    record: LabRecord
    plan: Plan

    def door(self, node: str) -> Door:
        return door.open_door(self.record, node)

    def driver(self, node: str, *, timeout: int = 10) -> FRRDriver:
        """The driver of a node, over the lab's own sockets."""
        return FRRDriver(node, "", "", timeout, {"lab": self.record.name})

    def loopback(self, node: str) -> str:
        """The IPv4 loopback of a node."""
        return next(each.partition("/")[0] for each in self.plan.nodes[node].loopbacks if ":" not in each)

    @property
    def switches(self) -> list[NodePlan]:
        """The plans of the nodes that speak BGP."""
        return [node for node in self.plan.nodes.values() if node.sessions]


@pytest.fixture(scope="module", autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A state folder of this module's own: the driver looks for labs where closlab does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLOSLAB_STATE", str(tmp_path_factory.mktemp("state")))
        yield


def running(fabric: str) -> Generator[Live, None, None]:
    """A shipped fabric, deployed and converged."""
    source = deploy.load(FABRICS / f"{fabric}.yml", name=f"napalm{os.getpid()}{fabric}")
    assert source.plan is not None
    record = deploy.up(source, "netns", say=quiet)
    try:
        converge(record, source.plan, within=90, say=quiet)
        yield Live(record, source.plan)
    finally:
        deploy.down(record.name)


@pytest.fixture(scope="module")
def numbered() -> Iterator[Live]:
    yield from running("numbered-2x4")


@pytest.fixture(scope="module")
def unnumbered() -> Iterator[Live]:
    yield from running("small")


@pytest.fixture(params=["numbered", "unnumbered"])
def fabric(request: pytest.FixtureRequest) -> Live:
    """Either fabric."""
    live: Live = request.getfixturevalue(request.param)
    return live


def test_neighbours_are_the_planned_sessions(fabric: Live) -> None:
    """On every switch: the same neighbours with the same ASNs, Established, with each family that is planned."""
    for node in fabric.switches:
        with fabric.driver(node.name) as driver:
            found = driver.get_bgp_neighbors()["global"]
            detailed = driver.get_bgp_neighbors_detail()["global"]
            configured = driver.get_bgp_config()

        planned = {each.neighbor: (each.peer_asn, set(each.families)) for each in node.sessions}
        seen = {name: (each["remote_as"], set(each["address_family"])) for name, each in found["peers"].items()}
        assert seen == planned
        assert found["router_id"] == node.router_id
        assert all(each["is_up"] and each["is_enabled"] for each in found["peers"].values())
        assert {asn: len(each) for asn, each in detailed.items()} == {
            asn: sum(session.peer_asn == asn for session in node.sessions)
            for asn in {each.peer_asn for each in node.sessions}
        }
        assert all(each["connection_state"] == "Established" for peers in detailed.values() for each in peers)
        members = {
            name: each["remote_as"] for group in configured.values() for name, each in group["neighbors"].items()
        }
        assert members == {each.neighbor: each.peer_asn for each in node.sessions}


def test_addresses_and_interfaces_are_the_planned_ones(fabric: Live) -> None:
    """On every switch: each planned interface is up with its MTU, MAC and addresses, and so is the loopback."""
    for node in fabric.switches:
        with fabric.driver(node.name) as driver:
            states, addresses = driver.get_interfaces(), driver.get_interfaces_ip()
            facts, counters = driver.get_facts(), driver.get_interfaces_counters()

        for each in node.interfaces:
            assert states[each.name]["is_up"]
            assert (states[each.name]["mtu"], states[each.name]["mac_address"]) == (each.mtu, each.mac.upper())
            assert flat(addresses[each.name]) == set(each.addresses)
            assert counters[each.name]["rx_octets"] > 0
        assert flat(addresses["lo"]) == set(node.loopbacks)
        assert set(facts["interface_list"]) == set(states) == set(counters)
        assert (facts["hostname"], facts["vendor"]) == (node.name, "FRRouting")


def flat(families: Any) -> set[str]:
    """The addresses of an interface in CIDR form, without the link-local ones that follow from its MAC."""
    entries = [(ip, entry["prefix_length"]) for family in families.values() for ip, entry in family.items()]
    return {f"{ip}/{length}" for ip, length in entries if not ip.startswith("fe80:")}


def test_routes_are_the_planned_ones_at_their_full_width(fabric: Live) -> None:
    """One entry for each next hop, over the planned interfaces, with the BGP path of each."""
    node = fabric.plan.nodes["leaf1"]

    with fabric.driver("leaf1") as driver:
        for route in node.routes:
            (entries,) = driver.get_route_to(route.prefix, protocol="bgp").values()
            assert {each["outgoing_interface"] for each in entries} == route.interfaces
            assert all(each["selected_next_hop"] and each["current_active"] for each in entries)
            attributes = [each["protocol_attributes"] for each in entries]
            assert {each["local_as"] for each in attributes} == {node.asn}
            assert {each["remote_as"] for each in attributes} <= {session.peer_asn for session in node.sessions}
        below = driver.get_route_to("0.0.0.0/0", protocol="bgp", longer=True)

    assert set(below) == {route.prefix for route in node.routes if ":" not in route.prefix}


@pytest.mark.programs("lldpd", "ping", "traceroute")
def test_every_getter_answers_and_what_is_lacking_says_so(fabric: Live) -> None:
    """No getter raises anything but NotImplementedError, and only those come back empty that have nothing to say."""
    for node in ("leaf1", "spine1"):
        fabric.door(node).write("/etc/lldpd.d/closlab.conf", LLDP)
        fabric.door(node).run(["lldpd"])
    with fabric.driver("leaf1") as driver:
        until("leaf1 sees spine1 by LLDP", lambda: "" if driver.get_lldp_neighbors() else "nobody", within=30)
        getters = [name for name in dir(FRRDriver) if name.startswith("get_") and name != "get_route_to"]
        answers = {name: getattr(driver, name)() for name in getters if name not in LACKING}
        for name in LACKING:
            with pytest.raises(NotImplementedError):
                getattr(driver, name)()

    assert {name for name, answer in answers.items() if not answer} == EMPTY
    port = next(each.name for each in fabric.plan.nodes["leaf1"].interfaces if each.peer.node == "spine1")
    far = next(each.peer for each in fabric.plan.nodes["leaf1"].interfaces if each.peer.node == "spine1")
    assert answers["get_lldp_neighbors"] == {port: [{"hostname": "spine1", "port": far.interface}]}
    assert answers["get_lldp_neighbors_detail"][port][0]["remote_system_enable_capab"] == ["router"]
    assert 0 < answers["get_facts"]["uptime"] < 300
    assert answers["get_environment"]["memory"]["available_ram"] > answers["get_environment"]["memory"]["used_ram"] > 0
    assert list(answers["get_network_instances"]) == ["default"]
    assert "router bgp" in answers["get_config"]["running"]
    assert "router bgp" in answers["get_config"]["startup"]


@pytest.mark.programs("ping", "traceroute")
def test_pings_and_traces_cross_the_fabric(fabric: Live) -> None:
    """A leaf reaches another one over one spine; an address of nobody is an error, not an exception."""
    source, target = fabric.loopback("leaf1"), fabric.loopback("leaf4")

    with fabric.driver("leaf1") as driver:
        pinged = driver.ping(target, source=source, count=2, vrf=None)  # type: ignore[arg-type]  # as nornir calls it
        traced = driver.traceroute(target, source=source)["success"]
        nobody = driver.ping("192.0.2.1", count=1)

    assert (pinged["success"]["probes_sent"], pinged["success"]["packet_loss"]) == (2, 0)
    assert {each["ip_address"] for each in pinged["success"]["results"]} == {target}
    assert [probe["ip_address"] for probe in traced[2]["probes"].values()] == [target] * 3
    assert "unreachable" in nobody["error"]


def test_a_driver_is_alive_while_its_daemons_answer(unnumbered: Live) -> None:
    """A daemon that hangs, though it runs and its socket is there, is not alive; it is again when it goes on."""
    pid = unnumbered.door("leaf2").read("/run/frr/bgpd.pid").decode().strip()

    with unnumbered.driver("leaf2", timeout=1) as driver:
        before = driver.is_alive()
        unnumbered.door("leaf2").run(["kill", "-STOP", pid])
        hanging = driver.is_alive()
        unnumbered.door("leaf2").run(["kill", "-CONT", pid])
        after = driver.is_alive()

    assert (before, hanging, after) == ({"is_alive": True}, {"is_alive": False}, {"is_alive": True})


def test_uptime_is_that_of_zebra(unnumbered: Live) -> None:
    """Not that of the machine: it begins anew with the daemon."""
    with unnumbered.driver("leaf3") as driver:
        before = driver.get_facts()["uptime"]
        unnumbered.door("leaf3").restart_daemon("zebra")
        after = driver.get_facts()["uptime"]

    assert after < before
    converge(unnumbered.record, unnumbered.plan, within=60, say=quiet)


def test_who_is_no_router_is_refused(unnumbered: Live) -> None:
    """A host runs no daemons; a node of no name is answered with those that there are."""
    with pytest.raises(ConnectionException, match="leaf1-host1: FRR does not answer, or does not run there"):
        unnumbered.driver("leaf1-host1").open()
    with pytest.raises(ConnectionException, match="no node 'leaf9'; there are leaf1"):
        unnumbered.driver("leaf9").open()


def test_vtysh_prints_and_refuses(unnumbered: Live) -> None:
    """`cli` gives the text of each command, and raises for one that FRR does not know."""
    with unnumbered.driver("spine1") as driver:
        answers = driver.cli(["show bgp summary", "show ip route summary"])
        with pytest.raises(CommandErrorException, match="% Unknown command: show nonsense"):
            driver.cli(["show nonsense"])

    assert "leaf4(eth4)" in str(answers["show bgp summary"])
    assert list(answers) == ["show bgp summary", "show ip route summary"]


def test_napalms_own_command_line_works(unnumbered: Live, tmp_path: Path) -> None:
    """`napalm --vendor frr` finds the driver, the lab and the node."""
    napalm = [str(Path(sys.executable).with_name("napalm")), "--vendor", "frr", "--user", "any", "--password", "any"]
    words = ["--optional_args", f"lab='{unnumbered.record.name}'", "spine1", "call", "get_facts"]
    done = subprocess.run([*napalm, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["hostname"] == "spine1"


@dataclass(frozen=True)
class Login:
    """A way from one node to the SSH server of another, over the fabric."""

    source: Door
    address: str
    key: Path
    known: Path

    def socket(self) -> socket.socket:
        """A connection that is made inside the first node's network."""
        sock = self.source.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.settimeout(10)
        sock.connect((self.address, PORT))
        return sock

    def refused(self) -> str:
        """Why nobody can log in yet: sshd goes into the background before it listens."""
        try:
            self.socket().close()
        except ConnectionRefusedError as error:
            return str(error)
        return ""

    def driver(self, *, timeout: int = 10, **options: Any) -> FRRDriver:
        arguments = {"sock": self.socket(), "port": PORT, "key_file": str(self.key), "inline_transfer": True, **options}
        return FRRDriver(self.address, "root", "", timeout, arguments)


@pytest.fixture(scope="module")
def login(unnumbered: Live, tmp_path_factory: pytest.TempPathFactory) -> Login:
    """An SSH server on spine1 with keys of its own, that ends with the lab; leaf1 goes there."""
    folder, spine = tmp_path_factory.mktemp("keys"), unnumbered.door("spine1")
    mine = paramiko.ECDSAKey.generate()
    mine.write_private_key_file(str(folder / "key"))
    spine.run(["mkdir", "-p", "-m", "755", "/run/sshd"])
    spine.write("/run/sshd/authorized", f"{mine.get_name()} {mine.get_base64()}\n".encode())
    spine.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/run/sshd/host"])
    settings = ("AuthorizedKeysFile=/run/sshd/authorized", "UsePAM=no", "StrictModes=no", "PasswordAuthentication=no")
    words = [word for each in settings for word in ("-o", each)]
    spine.run(["/usr/sbin/sshd", "-f", "/dev/null", "-h", "/run/sshd/host", "-p", str(PORT), *words])
    address = unnumbered.loopback("spine1")
    kind, blob, *_ = spine.read("/run/sshd/host.pub").decode().split()
    (folder / "known").write_text(f"[{address}]:{PORT} {kind} {blob}\n")
    there = Login(unnumbered.door("leaf1"), address, folder / "key", folder / "known")
    until("sshd on spine1 listens", there.refused, within=10)
    return there


STEADY = (
    "get_interfaces",
    "get_interfaces_ip",
    "get_bgp_config",
    "get_config",
    "get_network_instances",
    "get_users",
    "get_mac_address_table",
    "get_vlans",
)


@sshd
@root_only
def test_ssh_across_the_fabric_says_the_same_as_the_labs_own_sockets(unnumbered: Live, login: Login) -> None:
    """What does not change by the second is equal, and the sessions are the same."""
    with unnumbered.driver("spine1") as near, login.driver() as far:
        assert far.is_alive() == {"is_alive": True}
        for name in STEADY:
            assert getattr(far, name)() == getattr(near, name)(), name
        assert set(far.get_bgp_neighbors()["global"]["peers"]) == set(near.get_bgp_neighbors()["global"]["peers"])
        assert far.get_facts()["hostname"] == "spine1"
        assert far.get_environment()["cpu"]
        assert far.ping(unnumbered.loopback("leaf2"), count=1)["success"]["packet_loss"] == 0
        with pytest.raises(CommandErrorException, match=r"(?s)root@.* port 2222: .*% Unknown command"):
            far.cli(["show nonsense"])

    assert far.is_alive() == {"is_alive": False}


@sshd
@root_only
def test_a_change_over_ssh_outlives_its_connection_and_is_taken_back(unnumbered: Live, login: Login) -> None:
    """It is the same transaction: a session over the lab's sockets sees it wait, and the router goes back by itself."""
    with unnumbered.driver("spine1") as near:
        with login.driver() as far:
            far.load_merge_candidate(config="ip prefix-list FAR seq 5 permit any\n")
            far.commit_config(revert_in=4)
        during, waits = near.get_config()["running"], near.has_pending_commit()
        until("it is taken back", lambda: "it waits" if near.has_pending_commit() else "", within=20)
        after = near.get_config()["running"]

    assert waits
    assert "prefix-list FAR" in during
    assert "prefix-list FAR" not in after


@sshd
@root_only
def test_logins_and_hosts_that_are_not_known_are_refused(login: Login, tmp_path: Path) -> None:
    """A wrong key is an error of its own; with ssh_strict only a known host key will do, and a wrong one never does."""
    stranger = tmp_path / "key"
    paramiko.ECDSAKey.generate().write_private_key_file(str(stranger))
    wrong = tmp_path / "wrong"
    other = paramiko.ECDSAKey.generate()
    wrong.write_text(f"[{login.address}]:{PORT} {other.get_name()} {other.get_base64()}\n")

    with pytest.raises(ConnectAuthError, match=r"root@.* port 2222: login refused .*key_file"):
        login.driver(key_file=str(stranger)).open()
    with pytest.raises(ConnectionException, match="not found in known_hosts"):
        login.driver(ssh_strict=True).open()
    with pytest.raises(ConnectionException, match="does not match"):
        login.driver(alt_key_file=str(wrong)).open()
    with login.driver(ssh_strict=True, alt_key_file=str(login.known)) as driver:
        assert driver.get_facts()["hostname"] == "spine1"


@sshd
@root_only
def test_a_daemon_that_hangs_is_not_alive_over_ssh_either(unnumbered: Live, login: Login) -> None:
    """The connection is there and vtysh waits; the driver does not."""
    pid = unnumbered.door("spine1").read("/run/frr/bgpd.pid").decode().strip()

    with login.driver(timeout=2) as driver:
        unnumbered.door("spine1").run(["kill", "-STOP", pid])
        hanging = driver.is_alive()
        with pytest.raises(CommandErrorException, match="no answer in time: vtysh -d bgpd"):
            driver.get_bgp_neighbors()
        unnumbered.door("spine1").run(["kill", "-CONT", pid])
        after = driver.is_alive()

    assert (hanging, after) == ({"is_alive": False}, {"is_alive": True})
