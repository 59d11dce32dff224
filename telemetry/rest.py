"""Wait until sessions are up and the routing of a lab has come to rest, which can be known without a plan.

At rest means that no daemon has work left, no update is on its way between two of them, and nothing has changed since
the last look. Nodes are looked at one after another, so one look proves nothing: an update that leaves a node not yet
seen wakes one that was. Two looks that are alike do (F. Mattern's four counters, 1987). Sessions that were reset have
lost count of their updates, so for those the second look alone must do.

Only BGP by FRR tells all this. Nodes that run no bgpd of FRR are taken to be at rest.
"""

import time
from collections.abc import Iterator, Mapping

from msgspec import Struct, field

from telemetry.facts import open_doors
from telemetry.frr import parse_neighbors
from telemetry.frr_work import Connection, Updates, parse_updates, parse_versions, queued, uninstalled, unsent
from topologies.errors import Fault
from topologies.lab import BRIDGE
from topologies.runtime.door import Door, enter
from topologies.runtime.model import LabRecord
from topologies.runtime.netlink import KernelRoute
from topologies.waiting import until

EVERY = 0.02  # seconds between two looks


class Routing(Struct, frozen=True):
    """The routing of a node at one moment: the work that its daemons have left, its updates, its kernel's routes."""

    work: tuple[str, ...] = ()
    updates: Mapping[Connection, Updates] = field(default_factory=dict)
    routes: tuple[KernelRoute, ...] = ()


def wait_for_sessions(record: LabRecord, *, within: float) -> None:
    """Wait until every session is Established or shut down on purpose; a check would tell too, and cost much more.

    Raises Fault after `within` seconds, naming a session that is not.
    """
    enter(record)
    doors, _ = open_doors(record, [node.name for node in record.lab.nodes if node.kind != BRIDGE])
    waiting = [name for name, door in doors.items() if _speaks(door, "bgpd")]

    def missing() -> str:
        while waiting:
            for session in parse_neighbors(doors[waiting[0]].vty("bgpd", "show bgp neighbors json")).values():
                if not session.established and not session.admin_down:
                    return f"{waiting[0]} has {session.neighbor} in {session.state}"
            waiting.pop(0)
        return ""

    until(f"sessions of lab {record.name} Established", missing, within=within, every=EVERY, longest=EVERY)


def wait_for_rest(record: LabRecord, *, within: float) -> float:
    """Wait until all routes are where they will be; returns the seconds that it took.

    Raises Fault after `within` seconds, naming a node whose routing is not at rest and why.
    """
    begun = time.monotonic()
    enter(record)
    doors, _ = open_doors(record, [node.name for node in record.lab.nodes if node.kind != BRIDGE])
    daemons = {name: [daemon for daemon in ("bgpd", "zebra") if _speaks(door, daemon)] for name, door in doors.items()}
    routers = [name for name in doors if "bgpd" in daemons[name]]
    before: dict[str, Routing] = {}
    now: dict[str, Routing] = {}

    def missing() -> str:
        nonlocal before, now
        for name in (each for each in routers if each not in now):
            look = _look(doors[name], with_zebra="zebra" in daemons[name])
            if look.work:
                return f"{name} has {look.work[0]}"
            now[name] = look
        lack = next(unrest(before, now), "")
        before, now = now, {}
        return lack

    missing()  # the first look has none to be like, however short the time
    until(f"routing of lab {record.name} at rest", missing, within=within, every=EVERY, longest=EVERY)
    return time.monotonic() - begun


def unrest(before: Mapping[str, Routing], now: Mapping[str, Routing]) -> Iterator[str]:
    """Why two looks at all routers do not show that routing is at rest."""
    sessions = {connection: seen for routing in now.values() for connection, seen in routing.updates.items()}
    for name, routing in now.items():
        yield from (f"{name} has {each}" for each in routing.work)
        for connection, ours in routing.updates.items():
            theirs = sessions.get(connection.reversed)
            if theirs and ours.from_begin and theirs.from_begin and ours.taken != theirs.sent:
                yield f"updates from {ours.neighbor} to {name} are on their way"
        if before.get(name) != routing:
            yield f"the routes of {name} still change"


def _speaks(door: Door, daemon: str) -> bool:
    try:
        door.vty(daemon, "show version")
    except Fault:  # there is none; whether there should be is the check's to say
        return False
    return True


def _look(door: Door, *, with_zebra: bool) -> Routing:
    """What is cheap to ask comes first, and the rest only where there is no work left."""
    if work := next(_work(door, with_zebra=with_zebra), ""):
        return Routing((work,))
    updates, waiting = parse_updates(door.vty("bgpd", "show bgp neighbors json"))
    with door.netlink() as kernel:
        return Routing(waiting, updates, tuple(kernel.routes()))


def _work(door: Door, *, with_zebra: bool) -> Iterator[str]:
    yield from queued(door.vty("bgpd", "show work-queues"))
    for family, version in parse_versions(door.vty("bgpd", "show bgp summary json")).items():
        yield from unsent(door.vty("bgpd", f"show bgp {family} unicast update-groups"), version)
    if with_zebra:
        yield from queued(door.vty("zebra", "show work-queues"))
        yield from uninstalled(door.vty("zebra", "show zebra dplane"))
