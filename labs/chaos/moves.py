"""Which flows took another way for a fault though nothing on their own had failed. Pure."""

from collections.abc import Collection, Iterable

from labs.chaos.model import Flow, Move
from telemetry.paths import Path


def sample(flows: Iterable[Flow], most: int) -> tuple[Flow, ...]:
    """At most so many of the flows, evenly from all of them."""
    every = tuple(flows)
    step = max(-(-len(every) // most), 1)
    return every[::step]


def moves(
    step: str, at: float, before: Iterable[tuple[Flow, Path]], after: Iterable[tuple[Flow, Path]], hit: Collection[str]
) -> tuple[Move, ...]:
    """What became of flows that had a way: `hit` are the nodes and ends of cables that failed, both ends of each."""
    later = dict(after)
    return tuple(
        Move(step, at, flow.source, flow.target, touched(way, hit), later[flow].hops != way.hops)
        for flow, way in before
        if not way.end
    )


def touched(way: Path, hit: Collection[str]) -> bool:
    """Whether a way goes through any of these nodes, or by any of these ends."""
    return any(node in hit for node in way.nodes) or any(str(hop) in hit for hop in way.hops)
