r"""Connections to an anycast address outlive changes of routes: hosts hand packets over to the one that knows them.

    spine1     spine2
   /  |  \   /  |  \          every leaf to every spine
leaf1 leaf2 leaf3 leaf4
  |     |     |     |
host1 host2 host3 client      the three announce one address, the client keeps connections to it open
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from automation.announce import Announcement, announce
from automation.handover import table_of
from automation.health import Timing
from telemetry.converge import converge
from topologies import deploy
from topologies.plan import Plan
from topologies.runtime.door import Door, open_door
from topologies.runtime.model import LabRecord
from topologies.runtime.store import Store
from topologies.waiting import until
from topologies.workloads.model import Command

pytestmark = [pytest.mark.programs("gobgpd", "gobgp", "nft"), pytest.mark.gobgp("v3")]
NAME = f"handover{os.getpid()}x"
FABRIC = f"{{name: {NAME}, design: leaf-spine, spines: 2, leaves: 4, hosts_per_leaf: 1, underlay: {{services: true}}}}"
HOSTS, CLIENT = ("leaf1-host1", "leaf2-host1", "leaf3-host1"), "leaf4-host1"
ADDRESSES = {4: "10.32.0.1", 6: "fdc1:5:1ab:2::1"}
QUICK = Timing(interval=0.1, timeout=1.0, rise=2, fall=2)
PORT, MANY = 8080, 24


def quiet(*_: object) -> None:
    """Progress that nobody reads."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabRecord]:
    """The fabric, converged."""
    at = Store(tmp_path_factory.mktemp("state"))
    source = deploy.source_of(FABRIC, "x.yml")
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


def own(plan: Plan, host: str, family: int) -> str:
    """A host's own address of a family."""
    return next(each for each in plan.nodes[host].probe_addresses if (":" in each) == (family == 6))


def hosts_of(lab: LabRecord, address: str) -> int:
    """To how many leaves both spines send what is for an address; -1 while switches do not agree."""
    counts = []
    for switch in ("spine1", "spine2", "leaf4"):
        with open_door(lab, switch).netlink() as kernel:
            found = [len(each.hops) for each in kernel.routes() if each.prefix.partition("/")[0] == address]
        counts.append(found[0] if found else 0)
    ways, others, last = counts
    return ways if ways == others and bool(last) == bool(ways) else -1


def wait_for_hosts(lab: LabRecord, address: str, wanted: int) -> None:
    """Wait until so many are announced."""
    until(f"{wanted} ways", lambda: "" if hosts_of(lab, address) == wanted else "not yet", within=20)


@contextmanager
def announced(lab: LabRecord, plan: Plan, family: int, *, handing: bool) -> Iterator[None]:
    """The address announced from all hosts while the file /run/well is there."""
    stop, threads, address = threading.Event(), [], ADDRESSES[family]
    for number, host in enumerate(HOSTS):
        open_door(lab, host).run(["touch", "/run/well"])
        others = (*HOSTS[number + 1 :], *HOSTS[:number])
        peers = tuple(own(plan, each, family) for each in others) if handing else ()
        mine = own(plan, host, family) if handing else ""
        wanted = Announcement(host, address, Command(("test", "-e", "/run/well")), QUICK, (), mine, peers)
        threads.append(threading.Thread(target=announce, args=(lab, wanted), kwargs={"stop": stop, "tell": quiet}))
    for each in threads:
        each.start()
    try:
        wait_for_hosts(lab, address, len(HOSTS))
        yield
    finally:
        stop.set()
        for each in threads:
            each.join(timeout=60)
        assert not any(each.is_alive() for each in threads)
        wait_for_hosts(lab, address, 0)


@contextmanager
def echoing(door: Door, family: int) -> Iterator[None]:
    """A server at the wildcard address that says its host's name for each line that it hears."""
    kind, anywhere = (socket.AF_INET6, "::") if family == 6 else (socket.AF_INET, "0.0.0.0")
    with door.socket(kind, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((anywhere, PORT))
        listener.listen(64)
        thread = threading.Thread(target=_accept, args=(listener, door.node))
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=10)


def _accept(listener: socket.socket, name: str) -> None:
    while True:
        try:
            caller, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_echo, args=(caller, name), daemon=True).start()


def _echo(caller: socket.socket, name: str) -> None:
    with caller, caller.makefile("rwb") as file:
        try:
            for _ in file:
                file.write(f"{name}\n".encode())
                file.flush()
        except OSError:
            return


def opened(door: Door, family: int) -> list[socket.socket]:
    """Connections of a client to the service."""
    found = []
    for _ in range(MANY):
        sock = door.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_STREAM)
        sock.settimeout(3)
        sock.connect((ADDRESSES[family], PORT))
        found.append(sock)
    return found


def heard(sock: socket.socket) -> str:
    """What the other end says now: its host's name, or what became of the connection."""
    try:
        sock.sendall(b"who\n")
        return sock.recv(100).decode().strip() or "end"
    except OSError as error:
        return type(error).__name__


@pytest.mark.parametrize("family", [4, 6])
def test_connections_stay_whole_when_hosts_go_and_come(lab: LabRecord, plan: Plan, family: int) -> None:
    """Each is answered by the host that it began with, whoever announces the address meanwhile; new ones by others."""
    doors, address = {host: open_door(lab, host) for host in HOSTS}, ADDRESSES[family]
    with ExitStack() as stack:
        for door in doors.values():
            stack.enter_context(echoing(door, family))
        stack.enter_context(announced(lab, plan, family, handing=True))
        held = [stack.enter_context(each) for each in opened(open_door(lab, CLIENT), family)]
        first = [heard(each) for each in held]
        gone = first[0]
        assert set(first) <= set(HOSTS)

        doors[gone].run(["rm", "/run/well"])
        wait_for_hosts(lab, address, len(HOSTS) - 1)
        without = [heard(each) for each in held]
        held_later = [stack.enter_context(each) for each in opened(open_door(lab, CLIENT), family)]
        later = [heard(each) for each in held_later]
        doors[gone].run(["touch", "/run/well"])
        wait_for_hosts(lab, address, len(HOSTS))

        assert without == first
        assert set(later) <= set(HOSTS) - {gone}
        assert [heard(each) for each in held] == first
        assert [heard(each) for each in held_later] == later


def test_without_it_they_are_reset(lab: LabRecord, plan: Plan) -> None:
    """Which is what this is for: the connections of a host that goes are nobody's."""
    doors = {host: open_door(lab, host) for host in HOSTS}
    with ExitStack() as stack:
        for door in doors.values():
            stack.enter_context(echoing(door, 4))
        stack.enter_context(announced(lab, plan, 4, handing=False))
        held = [stack.enter_context(each) for each in opened(open_door(lab, CLIENT), 4)]
        gone = heard(held[0])

        doors[gone].run(["rm", "/run/well"])
        wait_for_hosts(lab, ADDRESSES[4], len(HOSTS) - 1)

        assert heard(held[0]) == "ConnectionResetError"


def test_the_rules_go_with_the_address(lab: LabRecord, plan: Plan) -> None:
    """They are there while it is announced, and no longer."""

    def tables() -> list[str]:
        return [
            line for host in HOSTS for line in open_door(lab, host).run(["nft", "list", "tables"]).stdout.splitlines()
        ]

    with announced(lab, plan, 4, handing=True):
        during = tables()

    assert during == [f"table {table_of(ADDRESSES[4])}"] * len(HOSTS)
    until("no table is left", lambda: ", ".join(tables()), within=10)
