"""Which faults impair cables, and how: what is asked of which ends. Pure."""

from msgspec import Struct

from labs.chaos.faults.model import AnyFault, Corruption, Delay, Loss, LossyRail, OneWay, RateDrop, WrongMarking
from labs.chaos.places import far_end, rail_cables
from topologies.durations import seconds
from topologies.impairments.model import Marking
from topologies.model import Fabric


class Asked(Struct, frozen=True):
    """What a fault does to what leaves these ends: fields of an `Impairment` that take other values."""

    ends: tuple[str, ...]
    changes: dict[str, float | Marking]


def asked(step: AnyFault, fabric: Fabric) -> Asked | None:
    """The impairments that a fault is made of; None for one that is made otherwise."""
    changes = _changes(step)
    return Asked(_ends(step, fabric), changes) if changes else None


def _changes(step: AnyFault) -> dict[str, float | Marking]:
    found: dict[str, float | Marking] = {}
    match step:
        case OneWay():
            found["loss_percent"] = 100
        case Loss() | LossyRail():
            found["loss_percent"] = step.percent
        case Corruption():
            found["corruption_percent"] = step.percent
        case Delay():
            found["delay_ms"], found["jitter_ms"] = seconds(step.delay) * 1000, seconds(step.jitter) * 1000
        case RateDrop():
            found["rate_mbps"] = step.mbps
        case WrongMarking():
            found["ecn"] = Marking(step.kmin, step.kmax, step.pmax)
    return found


def _ends(step: AnyFault, fabric: Fabric) -> tuple[str, ...]:
    """One end of a cable, or both; of a rail, both ends of each of its cables."""
    near = rail_cables(fabric, step.rail) if isinstance(step, LossyRail) else (getattr(step, "link", ""),)
    if getattr(step, "one_way", isinstance(step, OneWay | WrongMarking)):
        return near
    return tuple(dict.fromkeys(each for end in near for each in (end, far_end(end, fabric))))
