"""What a failure costs a job, once routing has converged around it: the same job before and after. Pure.

The job is one rank a NIC. Hosts that are cut off leave it, and it goes on without them; that is `after`. Goodput counts
them with nothing.
"""

from dataclasses import dataclass

import numpy as np

from labs.traffic.collectives.nccl import busbw
from labs.traffic.collectives.placement import scheduled
from labs.traffic.flows.failing import cut_off
from labs.traffic.flows.model import HOST, Flags, Floats, Ints, Network, Nics, nics
from labs.traffic.flows.routing import Routes, routes
from labs.traffic.flows.spreading import Manner
from labs.traffic.flows.timing import Taken, timed
from topologies.errors import Mistake


@dataclass(frozen=True, slots=True)
class Job:
    """What runs: a collective of so many bytes, its transfers as flows in this manner, a latency a round in seconds."""

    workload: str
    size: int
    manner: Manner
    latency: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job fares. Goodput in bit/s a NIC, bandwidth in byte/s, times in seconds: None where it never ends, or has
    nothing to do."""

    ranks: int
    goodput_mean: float
    goodput_worst: float
    step_seconds: float | None
    seconds: float | None
    bus_bandwidth: float | None
    lost_transfers: int


@dataclass(frozen=True, slots=True, eq=False)
class Loss:
    """Before and after. `cut_off`: cables of NICs, by number; `hosts_lost`: hosts that left the job.

    `demand`, before and after: of each link, how many times its capacity would come if all NICs sent as fast as they
    can. `crossed`: the job's transfers that NVLink carries from rail to rail.
    """

    before: Outcome
    after: Outcome
    cut_off: tuple[int, ...]
    hosts_lost: tuple[str, ...]
    demand: tuple[Floats, Floats]
    crossed: int


def loss_of(network: Network, dead: Flags, job: Job) -> Loss:
    """The job with all cables, and without those that are dead. Raises Mistake where there are no two hosts."""
    cards = nics(network)
    hosts = np.arange(len(cards) // cards.per_host)
    if len(hosts) < 2:
        raise Mistake(f"{len(hosts)} of the nodes are hosts; for traffic between hosts there must be two or more")
    whole, broken = routes(network), routes(network, dead)
    gone = cut_off(broken, cards)
    lost = np.unique(cards.host[gone])
    before = _run(network, whole, cards, job, hosts)
    after = _run(network, broken, cards, job, np.setdiff1d(hosts, lost))
    left = np.isin(cards.host, lost)
    return Loss(
        _outcome(job, before, len(cards), before.goodput),
        _outcome(job, after, len(cards) - int(left.sum()), np.where(left, 0.0, after.goodput)),
        tuple(cards.cable[gone].tolist()),
        tuple(np.array(network.names)[network.tiers == HOST][lost].tolist()),
        (before.demand, after.demand),
        before.crossed,
    )


def _run(network: Network, found: Routes, cards: Nics, job: Job, hosts: Ints) -> Taken:
    schedule = scheduled(job.workload, job.size, hosts, cards.per_host, job.manner.seed)
    return timed(network, found, cards, schedule, job.manner, job.latency)


def _outcome(job: Job, taken: Taken, ranks: int, goodput: Floats) -> Outcome:
    """Figures of a run; of NICs that send nothing by their part in the job there is no goodput."""
    sending = goodput[~np.isnan(goodput)]
    ends = 0 < taken.seconds < np.inf
    return Outcome(
        ranks,
        float(sending.mean()) if len(sending) else 0.0,
        float(sending.min(initial=np.inf)) if len(sending) else 0.0,
        taken.slowest if ends else None,
        taken.seconds if ends else None,
        busbw(job.workload, ranks, job.size, taken.seconds) if ends else None,
        taken.lost,
    )
