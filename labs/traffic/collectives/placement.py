"""Which rank is where, and over which NICs its data goes: GPU k of a host has NIC k, and stands on rail k. Pure.

Ranks are numbered host by host, so rank = host * gpus + k, and NICs likewise. Data for a GPU of another rail goes over
NVLink first, to the GPU of its own host that has the rail of the receiver (NCCL calls it PXN), and so never from rail
to rail through the spines. NVLink takes no time here.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from labs.traffic.collectives import RAILED, collective
from labs.traffic.collectives.model import Ranks, Schedule, Step
from topologies.errors import Mistake


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """How each transfer of a step goes. `inside`: it stays in its host, over NVLink alone, and its NICs do not count.

    `crossed`: NVLink carries it too, from one rail to another.
    """

    source: Ranks
    destination: Ranks
    inside: NDArray[np.bool_]
    crossed: NDArray[np.bool_]


def carried(source: Ranks, destination: Ranks, gpus: int, *, rails: bool = True) -> Carried:
    """The NICs of transfers between ranks; `rails` off: every GPU uses its own NIC, whatever the rail of the other."""
    _check(gpus)
    inside = source // gpus == destination // gpus
    crossed = source % gpus != destination % gpus
    leaving = source // gpus * gpus + destination % gpus if rails else source
    return Carried(leaving, destination, inside, crossed & (rails | inside))


def railed(schedule: Schedule, gpus: int) -> Schedule:
    """A schedule among hosts, run on every rail at once with a share of the data each, as a schedule of all GPUs.

    What the GPUs of one host do among themselves before and after is NVLink's. The data of one host is cut into as many
    shares as it has GPUs.
    """
    _check(gpus)
    steps = tuple(_on_rails(step, gpus) for step in schedule.steps)
    return Schedule(schedule.ranks * gpus, schedule.blocks * gpus, schedule.block_bytes / gpus, steps)


def scheduled(name: str, size: float, hosts: Ranks, gpus: int, seed: int = 0) -> Schedule:
    """A collective among all GPUs of these hosts, by the numbers of their NICs. Raises Mistake for an unknown one."""
    _check(gpus)
    nics = (hosts[:, None] * gpus + np.arange(gpus)).ravel()
    if name in RAILED and len(hosts):
        return placed(railed(collective(name, len(hosts), size, seed), gpus), nics)
    return placed(collective(name, max(len(nics), 1), size, seed), nics)


def placed(schedule: Schedule, where: Ranks) -> Schedule:
    """A schedule whose rank r is called `where[r]` from now on, as where some GPUs have left a job."""
    steps = tuple(
        replace(step, source=where[step.source], destination=where[step.destination]) for step in schedule.steps
    )
    return replace(schedule, steps=steps)


def _on_rails(step: Step, gpus: int) -> Step:
    """Rail k has the blocks k, k + gpus, k + 2 gpus..., so a range that goes around the end stays on its rail."""
    rail = np.arange(gpus)
    source, destination, first = (
        (numbers[:, None] * gpus + rail).ravel() for numbers in (step.source, step.destination, step.first)
    )
    return Step(source, destination, first, step.count, step.apart * gpus, step.rounds, step.stride * gpus, step.adds)


def _check(gpus: int) -> None:
    if gpus < 1:
        raise Mistake(f"hosts with {gpus} GPUs; there must be one or more")
