"""Faults that change the same thing at one time: neither could be told, or healed, by itself. Pure."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from labs.chaos.faults.impairing import asked
from labs.chaos.faults.model import (
    AclDrop,
    AnyFault,
    DaemonHung,
    DaemonKilled,
    DaemonReconfigured,
    DuplicateAddress,
    Flapping,
    LinkDown,
    ManagementCut,
    MtuMismatch,
    PolarisedHash,
    PowerCut,
    SlowReceiver,
    Surge,
    SwappedCables,
    SwitchDead,
    SwitchPaused,
    WorkloadHung,
    WorkloadKilled,
    WorkloadStopped,
    WrongAsn,
    WrongStatic,
)
from labs.chaos.places import cut_off, far_end, receiver, unmanaged
from topologies.durations import seconds
from topologies.errors import Mistake
from topologies.model import Fabric

POWER = "power"


def refuse_entangled(steps: Sequence[AnyFault], fabric: Fabric) -> None:
    """Raise Mistake where two of these steps do that; they have their places."""
    for one, other in combinations(steps, 2):
        if not _overlap(one, other):
            continue
        for ours in held(one, fabric):
            for theirs in held(other, fabric):
                if _meet(ours, theirs):
                    what = " ".join(each for each in (ours if ours[1] != POWER else theirs) if each)
                    raise Mistake(f"steps {one.name!r} and {other.name!r} change the same at one time: {what}")


def held(step: AnyFault, fabric: Fabric) -> Iterator[tuple[str, str]]:
    """What a fault changes, as (a node or an end of a cable, what of it)."""
    if (wanted := asked(step, fabric)) is not None:
        yield from ((end, field.partition("_")[0]) for end in wanted.ends for field in wanted.changes)
    match step:
        case LinkDown() | Flapping():
            yield from ((end, "carrier") for end in (step.link, far_end(step.link, fabric)))
        case SlowReceiver():
            yield far_end(receiver(step, fabric), fabric), "rate"
        case SwappedCables():
            yield from ((f"{step.node}:{each}", "carrier") for each in step.interfaces)
        case MtuMismatch():
            yield step.link, "MTU"
        case PolarisedHash():
            yield "", "hash"
        case PowerCut():
            yield from ((node, POWER) for node in cut_off(step, fabric))
        case ManagementCut():
            yield from ((node, "management") for node in unmanaged(step, fabric))
        case WorkloadKilled() | WorkloadStopped() | WorkloadHung():
            yield step.host, step.workload
        case Surge():
            yield "", f"requests {step.requests}"
        case _ if node := getattr(step, "node", ""):
            yield node, _part(step)


def _part(step: AnyFault) -> str:
    """What of its node a fault changes."""
    match step:
        case SwitchDead() | SwitchPaused():
            return POWER
        case DaemonKilled() | DaemonHung() | DaemonReconfigured():
            return step.daemon
        case WrongAsn():
            return f"session with {step.peer}"
        case WrongStatic() | DuplicateAddress() | AclDrop():
            return f"{step.__struct_config__.tag} {step.name}"  # each has something of its own
    return str(step.__struct_config__.tag)


def _meet(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two faults change the same: a node without power has nothing else to change."""
    if POWER in (one[1], other[1]):
        return one[0].partition(":")[0] == other[0].partition(":")[0]
    return one[1] == other[1] and (one[0] == other[0] or "" in (one[0], other[0]))  # "" is everywhere


def _overlap(one: AnyFault, other: AnyFault) -> bool:
    begins, lasts = (seconds(one.at), seconds(other.at)), (seconds(one.lasts), seconds(other.lasts))
    return begins[0] < begins[1] + lasts[1] and begins[1] < begins[0] + lasts[0]
