"""How long collectives take: a max-min fair solution a step, and a latency a step. Pure.

A transfer's queue pairs share its bytes as each can, so it has the rate of all of them together. The rates are those
with all of a step's transfers at work; what ends early would leave its share to others, so a step in which transfers
differ in length takes at most what is said.
"""

from dataclasses import dataclass

import numpy as np

from labs.traffic.collectives import Schedule, Step
from labs.traffic.collectives.placement import carried
from labs.traffic.flows import fair
from labs.traffic.flows.model import Floats, Ints, Network, Nics
from labs.traffic.flows.routing import Routes
from labs.traffic.flows.spreading import Manner, paths

BITS = 8  # a byte


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """One round of a step. `rates`, in bit/s, and `source`, a NIC, of each transfer that leaves its host.

    `demand`: of each link, how many times its capacity would come if every NIC sent as fast as it can.
    """

    source: Ints
    rates: Floats
    demand: Floats
    crossed: int  # transfers that NVLink carries from rail to rail


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """What a schedule takes. `seconds` in all and `slowest`, its longest round; inf where a transfer has no way.

    `goodput`: bit/s that leave each NIC, averaged over the bytes it sends; nan for NICs that send nothing. `demand` as
    in `Moment`, the most of all steps. `lost`: transfers without a way, of all steps.
    """

    seconds: float
    slowest: float
    goodput: Floats
    demand: Floats
    lost: int
    crossed: int


def moment(network: Network, found: Routes, nics: Nics, step: Step, manner: Manner) -> Moment:
    """The rates of a step's transfers, by ranks that are numbered as the NICs are."""
    way = carried(step.source, step.destination, nics.per_host)
    source, destination = way.source[~way.inside], way.destination[~way.inside]
    taken = paths(network, found, nics, source, destination, manner)
    capacities = network.capacities()
    flow_rates = fair.rates(taken, capacities)
    rates = flow_rates.reshape(len(source), manner.flows).sum(axis=1)
    wanted = network.rates[nics.cable] / np.maximum(np.bincount(source, minlength=len(nics)), 1) / manner.flows
    offered = fair.loads(taken, np.repeat(wanted[source], manner.flows), len(capacities))
    demand = offered[: network.links] / capacities[: network.links]
    return Moment(source, rates, demand, int(np.count_nonzero(way.crossed)))


def timed(network: Network, found: Routes, nics: Nics, schedule: Schedule, manner: Manner, latency: float) -> Taken:
    """The whole schedule; `latency`: seconds that a round takes beside sending."""
    seconds = slowest = 0.0
    lost = crossed = 0
    weighted, weight = np.zeros(len(nics)), np.zeros(len(nics))
    demand = np.zeros(network.links)
    for step in schedule.steps:
        now = moment(network, found, nics, step, manner)
        spent = latency + _sending(step.count * schedule.block_bytes, now.rates)
        seconds, slowest = seconds + step.rounds * spent, max(slowest, spent)
        blocks = step.count * step.rounds
        weighted += np.bincount(now.source, now.rates, len(nics)) * blocks
        weight += (np.bincount(now.source, minlength=len(nics)) > 0) * blocks
        demand = np.maximum(demand, now.demand)
        lost += int(np.count_nonzero(now.rates == 0)) * step.rounds
        crossed += now.crossed * step.rounds
    goodput = np.divide(weighted, weight, out=np.full(len(nics), np.nan), where=weight > 0)
    return Taken(seconds, slowest, goodput, demand, lost, crossed)


def _sending(size: float, rates: Floats) -> float:
    """Seconds until the last of transfers of so many bytes is there; inf where one has no way."""
    slowest = float(rates.min(initial=np.inf))
    return size * BITS / slowest if slowest else float("inf")
