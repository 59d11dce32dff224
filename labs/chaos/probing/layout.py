"""Which flows are probed. Pure.

Both ends of every pair are hosts, or the loopbacks of switches where the fabric has no hosts. Between two addresses go
as many flows as make it likely (all but SEEN) that each equal way carries one, and one flow of packets as large as the
way takes. A flow is probed at least once in INTERVAL, so a rate allows so many flows in all; beyond, each pair has
fewer, and then there are fewer pairs, chosen by the seed: in rounds, each of which lets every address send and hear
once, so that none is left out as long as the rate allows one round.
"""

import hashlib
import math
from itertools import chain, islice
from typing import TypeAlias

from msgspec import Struct

from labs.chaos.model import Flow
from telemetry.probes import HEADERS, LARGEST, Reach, Target, widest
from topologies.model import Role
from topologies.plan import Plan

INTERVAL = 0.02  # seconds between two probes of one flow, at most
SEEN = 0.001  # chance that some way between two addresses carries no flow
MOST_FLOWS = 32
Pair: TypeAlias = tuple[Target, Target]
SMALL = 16  # bytes of payload: the run's mark and the probe's number


class Layout(Struct, frozen=True):
    """The flows, those of one number after those of the one before, and how many more there could have been."""

    flows: tuple[Flow, ...]
    left_out: int


def lay_out(plan: Plan, *, rate: int, flows: int = 0, seed: int = 0) -> Layout:
    """What to probe at a rate of so many datagrams a second; `flows` between two addresses, 0 for as many as needed."""
    reach = Reach(plan)
    rounds = _rounds(plan, reach)
    pairs = [pair for each in rounds for pair in each]
    wanted = flows or needed(widest(plan))
    room = max(int(rate * INTERVAL), 1)
    each = wanted if flows else max(min(wanted, room // max(len(pairs), 1) - 1), 1)
    whole = each + 1
    chosen = pairs if len(pairs) * whole <= room or flows else _some(rounds, max(room // whole, 1), seed)
    made = [
        _flow(reach, source, target, number, last=number == each)
        for number in range(whole)
        for source, target in chosen
    ]
    return Layout(tuple(made), (wanted + 1) * len(pairs) - len(made))


def needed(width: int) -> int:
    """Flows between two addresses of which each of `width` equal ways most likely carries one."""
    if width <= 1:
        return 1
    return min(math.ceil(math.log(SEEN / width) / math.log(1 - 1 / width)), MOST_FLOWS)


def _rounds(plan: Plan, reach: Reach) -> list[list[Pair]]:
    """Every two addresses of one family that reach each other by the plan; in each round each sends to another one."""
    hosts = [node for node in plan.nodes.values() if node.role is Role.HOST and node.probe_addresses]
    nodes = hosts if len(hosts) > 1 else list(plan.nodes.values())
    targets = [Target(node.name, address) for node in nodes for address in node.probe_addresses]
    rounds = [list(zip(targets, targets[step:] + targets[:step], strict=True)) for step in range(1, len(targets))]
    reached = [[pair for pair in each if _reached(reach, *pair)] for each in rounds]
    return [each for each in reached if each]


def _reached(reach: Reach, source: Target, target: Target) -> bool:
    return source.family == target.family and reach(source.node, target) and reach(target.node, source)


def _some(rounds: list[list[Pair]], count: int, seed: int) -> list[Pair]:
    """So many of the pairs, whole rounds before parts of one; the same ones for the same seed."""

    def rank(pair: Pair) -> bytes:
        return hashlib.sha256(f"{seed}/{pair[0].address}/{pair[1].address}".encode()).digest()

    mixed = sorted((sorted(each, key=rank) for each in rounds), key=lambda each: rank(each[0]))
    return list(islice(chain.from_iterable(mixed), count))


def _flow(reach: Reach, source: Target, target: Target, number: int, *, last: bool) -> Flow:
    size = min(reach.mtu(source.node, target) - HEADERS[source.family], LARGEST) if last else SMALL
    return Flow(source.node, target.node, source.family, number, source.address, target.address, size)
