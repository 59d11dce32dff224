"""Announce a service address from a host for as long as the service there is well.

The address (anycast: several hosts may announce one) is put on the host's `lo`. Health checks decide, by the table of
`automation.health`, and GoBGP on the host is told. Each round looks at what is announced and sets right what differs,
so a gobgpd that was restarted hears of it again. `automation.lease` takes all of it back, whatever becomes of us.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from ipaddress import ip_address, ip_network
from threading import Event

from msgspec import Struct
from napalm_gobgp.client import Client, open_through
from napalm_gobgp.reading import community

from automation.handover import hand_over, table_of
from automation.health import WANTED, Health, State, Timing, checked, judged
from automation.lease import Lease, prefix_of
from topologies import deploy
from topologies.errors import Fault, Mistake
from topologies.plan import Plan
from topologies.runtime.door import Door, enter, open_door
from topologies.runtime.model import LabRecord
from topologies.workloads.checks import wrong
from topologies.workloads.model import Check

GRACEFUL_SHUTDOWN = "65535:0"  # RFC 8326: FRR prefers every other path
ANSWER = 2.0  # seconds in which gobgpd must answer
SPARE = 10.0  # seconds that a round may take beyond its check before the service is withdrawn


class Announcement(Struct, frozen=True):
    """What is announced: a single address, from a host, while its check passes. Packets of connections that the host
    does not know go on to `peers`, the next one first; they reach it at its `own` address."""

    node: str
    address: str
    check: Check
    timing: Timing = Timing()
    communities: tuple[str, ...] = ()
    own: str = ""
    peers: tuple[str, ...] = ()


class Move(Struct, frozen=True):
    """A service came to another state: `at` in seconds since the epoch; `why`, what its check found wrong."""

    at: float
    state: State
    why: str


Tell = Callable[[Move], None]


def announce(record: LabRecord, wanted: Announcement, *, stop: Event, tell: Tell) -> None:
    """Look after a service until `stop` is set; each move is told. The service is withdrawn at the end.

    In a lab without root, call it first while the process has one thread. Raises Mistake where the host may not
    announce that, Fault where the host or our hold of the address is gone.
    """
    allowed(wanted, deploy.plan_of(record))
    enter(record)
    announce_from(open_door(record, wanted.node), wanted, stop=stop, tell=tell)


def announce_from(door: Door, wanted: Announcement, *, stop: Event, tell: Tell) -> None:
    """The same from a host whose door is open; its routers decide what it may announce."""
    allowed(wanted, None)
    timing = checked(wanted.timing)
    table = table_of(wanted.address) if wanted.peers else ""
    with (
        Lease(door, wanted.address, timing.interval + timing.timeout + SPARE, table=table) as lease,
        _Speaker(door, wanted) as speaker,
    ):
        if wanted.peers:
            hand_over(door, wanted.address, wanted.own, wanted.peers)
        health = Health(due=time.monotonic())
        try:
            while not stop.wait(max(0.0, health.due - time.monotonic())):
                lease.beat()
                health = _round(door, wanted, health, speaker, tell)
        finally:
            if health.announced and lease.held and speaker.settle(State.DRAINING):
                time.sleep(timing.interval)  # as long as one that is unwell is drained; who still sends, we cannot ask


def allowed(wanted: Announcement, plan: Plan | None) -> None:
    """Raise Mistake for no single address of the fabric's pools, no community, or no host that announces any.

    Without a plan nobody knows of pools, and the routers decide.
    """
    try:
        address = ip_address(wanted.address)
    except ValueError:
        raise Mistake(f"{wanted.address!r} is no address; a service has a single one, without a length") from None
    for each in wanted.communities:
        community(each)
    if plan is None:
        return
    if wanted.node not in plan.nodes:
        raise Mistake(f"lab {plan.fabric}: no node {wanted.node!r}; there are {', '.join(plan.nodes)}")
    node = plan.nodes[wanted.node]
    if not node.announces_services:
        able = ", ".join(each.name for each in plan.nodes.values() if each.announces_services)
        cure = f"there are {able}" if able else "`underlay: {services: true}` in the fabric file makes hosts that do"
        raise Mistake(f"{wanted.node} announces no service addresses; {cure}")
    pools = [ip_network(pool) for pool in node.services]
    if not any(address.version == pool.version and address in pool for pool in pools):
        raise Mistake(f"{address} is in none of the pools of service addresses, {' and '.join(node.services)}")


def _round(door: Door, wanted: Announcement, health: Health, speaker: "_Speaker", tell: Tell) -> Health:
    """One check, and what follows from it."""
    found = wrong(wanted.check, door, wanted.address, wanted.timing.timeout)
    after = judged(health, found, now=time.monotonic(), timing=wanted.timing)
    speaker.settle(after.state)
    if after.state is not health.state:
        tell(Move(time.time(), after.state, found))
    return after


class _Speaker:
    """GoBGP on the host, opened anew after it was away."""

    def __init__(self, door: Door, wanted: Announcement) -> None:
        self._door = door
        self._wanted = wanted
        self._prefix = prefix_of(wanted.address)
        self._open = ExitStack()
        self._client: Client | None = None

    def __enter__(self) -> "_Speaker":
        """Connect; raises Fault where nobody answers, for then there is nothing to begin with."""
        self._client = self._connected()
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnect. The lease withdraws."""
        self._open.close()

    def settle(self, state: State) -> bool:
        """Have the address announced as its state asks for; False while gobgpd is away, and with it every route."""
        try:
            client = self._client = self._client or self._connected()
            now = [path.communities for path in client.paths(self._prefix) if not path.neighbor]
            wanted = self._as(state)
            if wanted is not None and now != [wanted]:
                client.advertise(self._prefix, communities=wanted)
            elif now and wanted is None:
                client.withdraw(self._prefix)
        except Fault:
            self._client = None
            self._open.close()
            return False
        return True

    def _as(self, state: State) -> tuple[str, ...] | None:
        """The communities with which it is announced in a state, None where it is not."""
        if state in WANTED:
            return self._wanted.communities
        return (*self._wanted.communities, GRACEFUL_SHUTDOWN) if state is State.DRAINING else None

    def _connected(self) -> Client:
        return self._open.enter_context(open_through(self._door, timeout=ANSWER))
