r"""Service addresses in a running fabric: announced from hosts, withdrawn with the services' health.

spine1   spine2
  |  \ /  / |      every leaf to every spine
leaf1 leaf2 leaf3
  |     |     |
host1 host2 host3   host1 and host2 announce 10.32.0.1, host3 is their client
"""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from automation.announce import Announcement, Move, announce
from automation.health import State, Timing
from telemetry.check import check
from telemetry.converge import converge
from tests.conftest import STRANGER
from tests.program import ROOT, Closlab
from topologies import deploy, process
from topologies.errors import Fault, Mistake
from topologies.model import Role
from topologies.plan import Plan
from topologies.runtime.door import Door, open_door
from topologies.runtime.model import LabRecord
from topologies.runtime.store import Store
from topologies.waiting import until
from topologies.workloads.checks import wrong
from topologies.workloads.model import Check, Command, Http, Tcp

pytestmark = [pytest.mark.programs("gobgpd", "gobgp"), pytest.mark.gobgp("v3")]
NAME = f"gobgpann{os.getpid()}x"
FABRIC = f"{{name: {NAME}, design: leaf-spine, spines: 2, leaves: 3, hosts_per_leaf: 1, underlay: {{services: true}}}}"
HOSTS = ("leaf1-host1", "leaf2-host1")
CLIENT = "leaf3-host1"
ANYCAST, SIXTH, OTHER = "10.32.0.1", "fdc1:5:1ab:2::1", "10.32.0.2"
QUICK = Timing(interval=0.1, timeout=1.0, rise=2, fall=2)
WELL = Command(("test", "-e", "/run/well"))


def quiet(*_: object) -> None:
    """Progress that nobody reads."""


@pytest.fixture(scope="module")
def closlab(tmp_path_factory: pytest.TempPathFactory) -> Closlab:
    """The program, with the lab's state folder."""
    return Closlab(tmp_path_factory.mktemp("announce"))


@pytest.fixture(scope="module")
def lab(closlab: Closlab) -> Iterator[LabRecord]:
    """The fabric, converged."""
    at = Store(closlab.state)
    source = deploy.load(closlab.folder / closlab.file("fabric.yml", FABRIC))
    assert source.plan
    record = deploy.up(source, "netns", say=quiet, at=at)
    try:
        converge(record, source.plan, within=60, say=quiet)
        yield record
    finally:
        deploy.down(NAME, at=at)


@pytest.fixture(scope="module")
def plan(lab: LabRecord) -> Plan:
    """What is planned of it."""
    planned = deploy.plan_of(lab)
    assert planned
    return planned


@pytest.fixture(autouse=True)
def clean(lab: LabRecord) -> Iterator[None]:
    """Nothing of a test stays: no address, no route."""
    for host in HOSTS:
        open_door(lab, host).run(["touch", "/run/well"])
    yield
    for address in (ANYCAST, SIXTH, OTHER):
        wait_for_width(lab, address, 0)
        assert all(address not in addresses(lab, host) for host in HOSTS)


def width(lab: LabRecord, node: str, address: str) -> int:
    """Over how many interfaces a node's kernel sends to an address by BGP, 0 for no route."""
    with open_door(lab, node).netlink() as kernel:
        found = [route for route in kernel.routes() if route.prefix.partition("/")[0] == address]
    return len(found[0].hops) if found else 0


def wait_for_width(lab: LabRecord, address: str, wanted: int, within: float = 15) -> None:
    """Wait until both spines' kernels have exactly so many ways to an address."""

    def lack() -> str:
        found = {spine: width(lab, spine, address) for spine in ("spine1", "spine2")}
        return "" if set(found.values()) == {wanted} else f"ways: {found}"

    until(f"{wanted} ways to {address}", lack, within=within)


def addresses(lab: LabRecord, node: str) -> str:
    """The addresses on a node's lo."""
    return open_door(lab, node).run(["ip", "address", "show", "lo"]).stdout


@contextmanager
def announcing(lab: LabRecord, node: str, address: str, check: Check = WELL) -> Iterator[list[Move]]:
    """An announcement for the length of a block, by the Python API; its moves so far."""
    stop, moves, errors = threading.Event(), list[Move](), list[Exception]()

    def work() -> None:
        try:
            announce(lab, Announcement(node, address, check, QUICK), stop=stop, tell=moves.append)
        except (Fault, Mistake) as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield moves
    finally:
        stop.set()
        thread.join(timeout=60)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


@contextmanager
def serving(door: Door, address: str, port: int, answer: Callable[[], bytes]) -> Iterator[None]:
    """A server in a node's network that gives each caller one answer."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with door.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.IPPROTO_IP, 15, 1)  # IP_FREEBIND: the address may come later
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(64)
        thread = threading.Thread(target=_serve, args=(listener, answer))
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=10)


def _serve(listener: socket.socket, answer: Callable[[], bytes]) -> None:
    while True:
        try:
            caller, _ = listener.accept()
        except OSError:
            return
        with caller:
            caller.settimeout(5)
            caller.sendall(answer())


class Calls:
    """A client that connects to the service again and again, for the length of a block."""

    def __init__(self, client: Door) -> None:
        self.heard: list[str] = []
        self.failed: list[OSError] = []
        self._client = client
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._call)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(timeout=10)

    def _call(self) -> None:
        while not self._done.is_set():
            try:
                self.heard.append(asked(self._client, ANYCAST, 8080))
            except OSError as error:
                self.failed.append(error)

    def more(self, count: int) -> int:
        """Wait for so many answers more; how many there are then."""
        wanted = len(self.heard) + count
        until(f"{count} more answers", lambda: "" if len(self.heard) >= wanted else f"{self.failed[:2]}", within=20)
        return len(self.heard)


def asked(door: Door, address: str, port: int) -> str:
    """What a server says to a client in a node's network. Raises OSError where there is no answer."""
    with door.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(3)
        sock.connect((address, port))
        return sock.recv(100).decode()


def test_one_of_two_withdraws_and_traffic_keeps_going(lab: LabRecord) -> None:
    """Two ways in the spines' kernels; one service gets unwell, its way is gone; it returns. Every connection finds its
    server, but for one at most that is open when a way comes or goes, which the other host knows nothing of."""
    doors = {host: open_door(lab, host) for host in HOSTS}
    calls = Calls(open_door(lab, CLIENT))
    with ExitStack() as stack:
        for host, door in doors.items():
            stack.enter_context(serving(door, ANYCAST, 8080, host.encode))
        moves = {host: stack.enter_context(announcing(lab, host, ANYCAST)) for host in HOSTS}
        wait_for_width(lab, ANYCAST, 2)
        until("both spines on leaf3", lambda: "" if width(lab, "leaf3", ANYCAST) == 2 else "not yet", within=5)
        stack.enter_context(calls)
        calls.more(100)
        first = calls.heard[-1]  # the kernels choose among both, but need not choose both for one client

        doors[first].run(["rm", "/run/well"])
        wait_for_width(lab, ANYCAST, 1)
        until("withdrawn is told", lambda: "" if moves[first][-1].state is State.WITHDRAWN else "not yet", within=5)
        before = calls.more(2)  # what was under way when the last way changed
        calls.more(100)
        assert set(calls.heard[before:]) == set(HOSTS) - {first}

        doors[first].run(["touch", "/run/well"])
        wait_for_width(lab, ANYCAST, 2)
        calls.more(100)
        assert width(lab, "leaf3", ANYCAST) == 2
    assert len(calls.failed) <= 4  # at each of two spines, as a way goes and as it comes
    assert all(isinstance(each, ConnectionResetError) for each in calls.failed)
    assert [move.state for move in moves[first]][:5] == [
        State.RISING,
        State.ANNOUNCED,
        State.FALLING,
        State.DRAINING,
        State.WITHDRAWN,
    ]


def test_ipv6_is_announced_too(lab: LabRecord) -> None:
    """A /128 with two ways, and gone at the end."""
    with announcing(lab, HOSTS[0], SIXTH), announcing(lab, HOSTS[1], SIXTH):
        wait_for_width(lab, SIXTH, 2)
    wait_for_width(lab, SIXTH, 0)


def test_a_fabric_with_services_is_as_planned(lab: LabRecord, plan: Plan) -> None:
    """Check finds nothing missing and nothing leaked while services are announced, nor afterwards."""
    with announcing(lab, HOSTS[0], ANYCAST), announcing(lab, HOSTS[1], ANYCAST), announcing(lab, HOSTS[1], SIXTH):
        wait_for_width(lab, ANYCAST, 2)
        wait_for_width(lab, SIXTH, 1)
        assert check(lab, plan).differences == ()
    wait_for_width(lab, ANYCAST, 0)
    wait_for_width(lab, SIXTH, 0)
    assert check(lab, plan, mesh=False).differences == ()


def test_check_names_service_routes_that_come_from_no_host(lab: LabRecord, plan: Plan) -> None:
    """A spine that announces one itself, and a host that announces one that it does not have."""
    spine, host = open_door(lab, "spine1"), open_door(lab, HOSTS[0])
    asn = plan.nodes["spine1"].asn
    target = ["gobgp", "--target", "unix:///run/gobgpd.sock", "global", "rib"]
    spine.vty("bgpd", f"configure\nrouter bgp {asn}\naddress-family ipv4 unicast\nnetwork {OTHER}/32")
    host.run([*target, "add", f"{ANYCAST}/32"])
    try:
        until("both on leaf2", lambda: "" if all(width(lab, "leaf2", a) for a in (OTHER, ANYCAST)) else "no", within=10)
        found = [str(each) for each in check(lab, plan, mesh=False).differences]
    finally:
        spine.vty("bgpd", f"configure\nrouter bgp {asn}\naddress-family ipv4 unicast\nno network {OTHER}/32")
        host.run([*target, "del", f"{ANYCAST}/32"])

    told = "expected from a host, found over eth1 from spine1, which has it from no host"
    assert f"leaf2: route 10.32.0.2/32: service-origin: {told}" in found
    missing = "address 10.32.0.1/32: address-missing: expected on lo, for leaf1 routes it there, found none"
    assert f"{HOSTS[0]}: {missing}" in found


def test_leaves_take_single_addresses_of_the_pools_only(lab: LabRecord) -> None:
    """Whatever gobgpd itself would let out: its policies are set aside, and the leaf refuses what is none of that."""
    host, leaf = open_door(lab, HOSTS[0]), open_door(lab, "leaf1")
    client = ["gobgp", "--target", "unix:///run/gobgpd.sock"]
    for way in ("import", "export"):
        host.run([*client, "global", "policy", way, "set", "default", "accept"])
    strangers = ("10.32.1.0/24", "10.33.0.1/32", "0.0.0.0/0", "10.64.2.0/24")
    for prefix in (*strangers, f"{OTHER}/32"):
        host.run([*client, "global", "rib", "add", prefix])
    try:
        wait_for_width(lab, OTHER, 1)
        table = leaf.vty("bgpd", "show bgp ipv4 unicast neighbors 10.64.1.3 routes json")
    finally:
        for prefix in (*strangers, f"{OTHER}/32"):
            host.run([*client, "global", "rib", "del", prefix])
        for way in ("import", "export"):
            host.run([*client, "global", "policy", way, "set", "SERVICES-ipv4", "SERVICES-ipv6", "default", "reject"])

    assert f"{OTHER}/32" in table
    assert not [prefix for prefix in strangers if f'"{prefix}"' in table]


def test_a_killed_announcer_leaves_nothing(closlab: Closlab, lab: LabRecord) -> None:
    """After kill -9 the route goes from all kernels and the address from the host."""
    process = announcer(closlab)
    wait_for_width(lab, ANYCAST, 1)
    assert ANYCAST in addresses(lab, HOSTS[0])

    process.kill()
    process.communicate(timeout=10)

    wait_for_width(lab, ANYCAST, 0, within=5)
    until("address gone", lambda: "still there" if ANYCAST in addresses(lab, HOSTS[0]) else "", within=5)


def test_an_announcer_that_hangs_loses_its_lease(closlab: Closlab, lab: LabRecord) -> None:
    """Stopped and not killed, it says nothing, and is taken for dead; woken up, it says so."""
    process = announcer(closlab)
    wait_for_width(lab, ANYCAST, 1)

    process.send_signal(signal.SIGSTOP)
    try:
        wait_for_width(lab, ANYCAST, 0, within=20)
    finally:
        process.send_signal(signal.SIGCONT)

    _, words = process.communicate(timeout=20)
    assert process.returncode == 3
    assert f"{HOSTS[0]}: what holds {ANYCAST} for us was ended" in words


def test_ctrl_c_is_the_fine_end(closlab: Closlab, lab: LabRecord) -> None:
    """It withdraws, and reports what happened as JSON with exit code 0."""
    process = announcer(closlab, "--json")
    wait_for_width(lab, ANYCAST, 1)

    process.send_signal(signal.SIGINT)
    text, words = process.communicate(timeout=20)

    assert process.returncode == 0
    wait_for_width(lab, ANYCAST, 0, within=5)
    assert '"state": "announced"' in text
    assert f"{ANYCAST} at {HOSTS[0]}: ended" in words


def test_what_holds_the_address_may_be_killed_too(closlab: Closlab, lab: LabRecord) -> None:
    """The announcer notices, has the address taken away by another, and ends with a fault."""
    process = announcer(closlab)
    wait_for_width(lab, ANYCAST, 1)

    for each in open_door(lab, HOSTS[0]).processes():
        if "lease" in each.argv:
            os.kill(each.pid, signal.SIGKILL)

    _, words = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "was ended" in words
    wait_for_width(lab, ANYCAST, 0, within=5)


def test_a_restarted_gobgpd_hears_of_the_service_again(closlab: Closlab, lab: LabRecord) -> None:
    """Killed, its sessions and routes are gone at once; started again, what is well is announced again."""
    gobgpd = next(each for each in open_door(lab, HOSTS[0]).processes() if each.name == "gobgpd")
    with announcing(lab, HOSTS[0], ANYCAST):
        wait_for_width(lab, ANYCAST, 1)
        os.kill(gobgpd.pid, signal.SIGKILL)
        wait_for_width(lab, ANYCAST, 0, within=5)

        assert closlab("node", "restart-daemon", HOSTS[0], "gobgpd").returncode == 0
        wait_for_width(lab, ANYCAST, 1, within=30)


def test_a_second_announcer_is_refused(lab: LabRecord) -> None:
    """One address, one announcer on a host; the first one goes on."""
    with announcing(lab, HOSTS[0], ANYCAST):
        wait_for_width(lab, ANYCAST, 1)
        with (
            pytest.raises(Mistake, match=f"{HOSTS[0]}: {ANYCAST} is announced from there already"),
            announcing(lab, HOSTS[0], ANYCAST),
        ):
            pass
        assert width(lab, "leaf1", ANYCAST) == 1


@pytest.mark.programs("mmdebstrap")
def test_frr_10_passes_services_on_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With Debian 13's routers: both ways, then one while the other is drained, and nothing differs from the plan."""
    process.run([str(ROOT / ".ci" / "rootfs")], timeout=280)
    monkeypatch.setenv("CLOSLAB_STATE", str(tmp_path))
    (tmp_path / "fabric.yml").write_text(FABRIC)
    source, image = deploy.load(tmp_path / "fabric.yml", name=f"{NAME}ten"), str(ROOT / ".cache" / "rootfs" / "trixie")
    assert source.plan
    nodes = tuple(replace(node, image="" if node.role is Role.HOST else image) for node in source.lab.nodes)
    record = deploy.up(replace(source, lab=replace(source.lab, nodes=nodes)), "netns", say=quiet)
    try:
        converge(record, source.plan, within=60, say=quiet)
        for host in HOSTS:
            open_door(record, host).run(["touch", "/run/well"])
        with announcing(record, HOSTS[0], ANYCAST), announcing(record, HOSTS[1], ANYCAST):
            wait_for_width(record, ANYCAST, 2)
            assert check(record, source.plan).differences == ()
            open_door(record, HOSTS[0]).run(["rm", "/run/well"])
            wait_for_width(record, ANYCAST, 1)
        wait_for_width(record, ANYCAST, 0)
    finally:
        deploy.down(record.name)


@pytest.mark.stranger
@pytest.mark.root_only("can become somebody else")
def test_a_lab_without_root_announces_too(home: Path) -> None:
    """The command joins the lab first; killed, it leaves nothing there either."""
    theirs = Closlab(home, under=STRANGER)
    theirs.env |= {"HOME": str(home)}
    file = theirs.file("fabric.yml", FABRIC.replace(NAME, f"{NAME}less"))
    up = theirs("up", file)
    assert up.returncode == 0, up.stderr
    try:
        started = theirs.start("announce", HOSTS[0], ANYCAST, "--interval", "0.2", "--", "true")
        until("announced", lambda: "" if ANYCAST in ways(theirs) else f"no route, {started.poll()}", within=20)
        started.kill()
        started.communicate(timeout=10)
        until("withdrawn", lambda: "a route" if ANYCAST in ways(theirs) else "", within=10)
    finally:
        down = theirs("down", f"{NAME}less")
    assert down.returncode == 0, down.stderr


def ways(closlab: Closlab) -> str:
    """The routes of a spine by BGP."""
    return closlab("exec", "spine1", "--", "ip", "route", "show", "proto", "bgp").stdout


def test_checks_tell_what_is_wrong(lab: LabRecord) -> None:
    """Ports, answers, exit codes and times, from inside the host."""
    host = open_door(lab, HOSTS[0])
    said = b"HTTP/1.1 200 OK\r\n\r\n"

    def told(check: Check, timeout: float = 1.0) -> str:
        return wrong(check, host, "127.0.0.1", timeout)

    assert told(Tcp(9)) == "Connection refused"
    with serving(host, "127.0.0.1", 8081, lambda: said):
        assert told(Tcp(8081)) == ""
        assert told(Http(8081, "/health")) == ""
        said = b"HTTP/1.1 503 Service Unavailable\r\n\r\n"
        assert told(Http(8081)) == "status 503"
        said = b"220 mail.example ESMTP\r\n"
        assert told(Http(8081)) == "no HTTP: it answers '220 mail.example ESMTP'"
    with host.socket(socket.AF_INET, socket.SOCK_STREAM) as silent:
        silent.bind(("127.0.0.1", 8082))
        silent.listen()
        assert told(Http(8082), 0.3) == "no answer within 0.3 s"
    assert told(Command(("true",))) == ""
    assert told(Command(("sh", "-c", "echo no disk >&2; exit 7"))) == "exit code 7: no disk"
    assert told(Command(("sleep", "60")), 0.3) == "not finished within 0.3 s"
    assert not [each for each in host.processes() if each.argv[:1] == ("sleep",) and each.argv[1:] == ("60",)]
    assert "no-such-program" in told(Command(("no-such-program",)))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            (HOSTS[0], "10.99.0.1", "--tcp", "80"),
            "10.99.0.1 is in none of the pools of service addresses, 10.32.0.0/16",
        ),
        ((HOSTS[0], "10.32.0.1/32", "--tcp", "80"), "is no address; a service has a single one, without a length"),
        (("leaf1", ANYCAST, "--tcp", "80"), f"leaf1 announces no service addresses; there are {HOSTS[0]}"),
        (("leaf9", ANYCAST, "--tcp", "80"), "no node 'leaf9'; there are spine1"),
        ((HOSTS[0], ANYCAST), "say how the service is checked, in one way"),
        ((HOSTS[0], ANYCAST, "--tcp", "80", "--http", "80/"), "say how the service is checked, in one way"),
        ((HOSTS[0], ANYCAST, "--tcp", "99999"), "--tcp '99999': no port"),
        ((HOSTS[0], ANYCAST, "--http", "/health"), "it must begin with a port from 1 to 65535"),
        ((HOSTS[0], ANYCAST, "--tcp", "80", "--interval", "0"), "interval 0: it must be from 0.05 to 3600 seconds"),
        ((HOSTS[0], ANYCAST, "--tcp", "80", "--community", "1"), "'1' is no community"),
    ],
)
def test_what_makes_no_sense_is_refused(closlab: Closlab, lab: LabRecord, words: tuple[str, ...], message: str) -> None:
    """Before anything is announced, with exit code 2 and what would be right."""
    done = closlab("announce", *words)

    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert ANYCAST not in addresses(lab, HOSTS[0])


def announcer(closlab: Closlab, *more: str) -> "subprocess.Popen[str]":
    """The command, started."""
    pace = ("--interval", "0.2", "--rise", "1", "--fall", "2")
    return closlab.start("announce", HOSTS[0], ANYCAST, *pace, *more, "--", *WELL.argv)
