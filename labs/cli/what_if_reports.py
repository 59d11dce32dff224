"""What `closlab what-if` says, as plain values: the one source of both its JSON (docs/json.md) and its tables. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labs.cli.reports import Report, counted
from labs.traffic.flows.what_if import Job, Loss, Outcome
from topologies.model import Fabric

GIGA, MEGA, BITS = 1e9, 1e6, 8
NEVER = "-"
EQUAL = 0.0005  # of a figure: less is no change


@dataclass(frozen=True, slots=True)
class Demand:
    """A direction of a cable, by its ends, and how many times its capacity is wanted before and after."""

    begin: str
    end: str
    before: float
    after: float

    @property
    def name(self) -> str:
        """Both ends, in the direction of the traffic."""
        return f"{self.begin} > {self.end}"

    def times(self) -> tuple[str, str]:
        """Both figures as text."""
        return f"{self.before:.2f} x", f"{self.after:.2f} x"


def demands(fabric: Fabric, loss: Loss) -> list[Demand]:
    """All directions of cables that traffic wants before or after, those first that are wanted most."""
    before, after = loss.demand
    most = np.maximum(before, after)
    wanted = [int(link) for link in np.argsort(-most, kind="stable") if most[link] > 0]
    return [_demand(fabric, link, float(before[link]), float(after[link])) for link in wanted]


def _demand(fabric: Fabric, link: int, before: float, after: float) -> Demand:
    low, high = map(str, fabric.links[link // 2].ends)
    return Demand(high, low, before, after) if link % 2 else Demand(low, high, before, after)


def report(fabric: Fabric, failed: Sequence[str], job: Job, loss: Loss) -> Report:
    """Everything. Times in seconds, sizes in bytes, rates in 10^6 bit/s."""
    return {
        "fabric": fabric.name,
        "failed": list(failed),
        "workload": job.workload,
        "size": job.size,
        "spread": str(job.manner.spread),
        "qps": job.manner.flows,
        "seed": job.manner.seed,
        "latency": job.latency,
        "before": _outcome(loss.before),
        "after": _outcome(loss.after),
        "hosts_lost": list(loss.hosts_lost),
        "cut_off": [str(fabric.links[cable].a) for cable in loss.cut_off],
        "crossed": loss.crossed,
        "links": [
            {"from": each.begin, "to": each.end, "before": round(each.before, 6), "after": round(each.after, 6)}
            for each in demands(fabric, loss)
        ],
    }


def _outcome(outcome: Outcome) -> Report:
    bus = outcome.bus_bandwidth
    return {
        "ranks": outcome.ranks,
        "goodput_mean_mbps": round(outcome.goodput_mean / MEGA, 3),
        "goodput_worst_mbps": round(outcome.goodput_worst / MEGA, 3),
        "step_seconds": outcome.step_seconds,
        "seconds": outcome.seconds,
        "bus_bandwidth_mbps": None if bus is None else round(bus * BITS / MEGA, 3),
        "lost_transfers": outcome.lost_transfers,
    }


def heading(fabric: Fabric, job: Job, loss: Loss) -> str:
    """What was reckoned with, in a line."""
    manner = job.manner
    spread = str(manner.spread) if manner.flows == 1 else f"{manner.spread} over {counted(manner.flows, 'queue pair')}"
    ranks = counted(loss.before.ranks, "rank")
    return f"{fabric.name}: {job.workload} of {job.size} bytes among {ranks}, {spread}, seed {manner.seed}"


def figures(loss: Loss) -> list[list[str]]:
    """Before, after and the change of each figure, with its unit."""
    before, after = loss.before, loss.after
    unit, size = ("Gbit/s", GIGA) if before.goodput_mean >= GIGA else ("Mbit/s", MEGA)
    long, second = ("s", 1.0) if (before.seconds or 0) >= 1 else ("ms", 1e-3)
    rates = [
        (f"goodput of a NIC, mean, {unit}", before.goodput_mean, after.goodput_mean),
        (f"goodput of a NIC, worst, {unit}", before.goodput_worst, after.goodput_worst),
        (f"bus bandwidth, {unit}", _bits(before.bus_bandwidth), _bits(after.bus_bandwidth)),
    ]
    times = [
        (f"longest round, {long}", before.step_seconds, after.step_seconds),
        (f"the whole, {long}", before.seconds, after.seconds),
    ]
    return [
        *(_row(name, one, other, size) for name, one, other in rates),
        *(_row(name, one, other, second) for name, one, other in times),
        ["ranks", str(before.ranks), str(after.ranks), ""],
        ["transfers without a way", str(before.lost_transfers), str(after.lost_transfers), ""],
    ]


def _bits(bandwidth: float | None) -> float | None:
    return None if bandwidth is None else bandwidth * BITS


def _row(name: str, before: float | None, after: float | None, unit: float) -> list[str]:
    change = "" if not before or after is None else f"{100 * (after / before - 1):+.1f} %"
    return [name, *(NEVER if each is None else f"{each / unit:.4g}" for each in (before, after)), change]


def cut_off(fabric: Fabric, loss: Loss) -> str:
    """Who is cut off, in a line; "" where nobody is."""
    names = [str(fabric.links[cable].a) for cable in loss.cut_off]
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f"cut off: {', '.join(names[:10])}{more}" if names else ""


def harmed(loss: Loss) -> bool:
    """Whether the failure costs anything."""
    before, after = loss.before, loss.after
    slower = before.seconds is not None and (after.seconds is None or after.seconds > before.seconds * (1 + EQUAL))
    return bool(loss.cut_off) or slower or after.goodput_mean < before.goodput_mean * (1 - EQUAL)


def verdict(failed: Sequence[str], job: Job, loss: Loss) -> str:
    """What the failure costs, in a sentence."""
    before, after, down = loss.before, loss.after, f"{', '.join(failed) or 'nothing'} down"
    hosts = f", {counted(len(loss.hosts_lost), 'host')} lost" if loss.hosts_lost else ""
    if before.seconds is None:
        return f"{down}: {job.workload} never ends as it is{hosts}"
    if after.seconds is None:
        without = f"{counted(after.lost_transfers, 'transfer')} without a way"
        why = without if after.lost_transfers else "too few are left"
        return f"{down}: {job.workload} never ends, {why}{hosts}"
    if not harmed(loss):
        return f"{down}: {job.workload} loses nothing"
    goodput = 100 * (after.goodput_mean / before.goodput_mean - 1)
    times = after.seconds / before.seconds
    return f"{down}: {job.workload} takes {times:.2f} times as long, goodput {goodput:+.1f} %{hosts}"
