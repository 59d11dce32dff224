"""The parameters of DCQCN. Values only.

    [1] Zhu et al., Congestion Control for Large-Scale RDMA Deployments, SIGCOMM 2015
    [2] Zhu et al., ECN or Delay: Lessons Learnt from Analysis of DCQCN and TIMELY, CoNEXT 2016
    [3] the sample configurations of the simulators ns3-rdma (of [1] and [2]) and HPCC (of Li et al., SIGCOMM 2019)

Sources differ; so do cards. Each default says whose it is.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from labs.traffic.qp.bounds import positive, share, whole
from topologies.errors import Mistake


class Kind(StrEnum):
    """What becomes of a parameter when time is dilated."""

    RATE = "bit/s"
    TIME = "ns"
    BYTES = "bytes"
    NUMBER = ""


@dataclass(frozen=True, slots=True)
class Dcqcn:
    """All of them: rates in bit/s, times in ns. Raises Mistake for what cannot be."""

    line_rate: float  # of the card; a flow begins with it [1]
    min_rate: float = 10e6  # below which no flow is slowed; ours, as no source names one
    cnp_interval: int = 50_000  # between two notifications of one flow [1] [3]
    g: float = 1 / 256  # weight of news in alpha [1] [2]
    initial_alpha: float = 1.0  # so the first notification halves the rate [1]
    alpha_interval: int = 55_000  # between two updates of alpha [1] [2]
    decrease_interval: int = 0  # at most one decrease in it; 0: one for each notification [1]. HPCC's has 4,000 [3]
    clamp_target: bool = True  # a decrease sets the target to what the rate was [1]; not, and only after an increase
    increase_interval: int = 55_000  # between two increases by time [1] [2]
    increase_bytes: int = 10_000_000  # between two increases by bytes sent [1] [2]
    fast_steps: int = 5  # increases of either kind that go half-way back to the target [1] [2]
    additive_rate: float = 40e6  # by which the target grows thereafter [1] [2]
    hyper_rate: float = 100e6  # by which it grows after that many of both kinds [3]
    catch_up: int = 0  # time for which a sender that was late may send faster than its rate; ours

    def __post_init__(self) -> None:
        for name, kind in KINDS.items():
            value = getattr(self, name)
            if kind is Kind.RATE:
                positive(name, value)
            elif kind in (Kind.TIME, Kind.BYTES):
                whole(name, value, 0 if name in _MAY_BE_NONE else 1, 1 << 62)
        whole("fast_steps", self.fast_steps, 0, 1 << 16)
        share("g", self.g)
        share("initial_alpha", self.initial_alpha)
        if type(self.clamp_target) is not bool:
            raise Mistake(f"clamp_target: {self.clamp_target!r} is neither True nor False")
        if self.min_rate > self.line_rate:
            raise Mistake(f"min_rate: {self.min_rate!r} is above the line rate, {self.line_rate!r}")

    def dilated(self, factor: float) -> "Dcqcn":
        """The same so many times slower: rates divided, times multiplied, bytes as they are. Mistake for no factor."""
        positive("dilation", factor)
        rates = {name: getattr(self, name) / factor for name, kind in KINDS.items() if kind is Kind.RATE}
        times = {name: round(getattr(self, name) * factor) for name, kind in KINDS.items() if kind is Kind.TIME}
        return replace(self, **rates, **times)


KINDS: dict[str, Kind] = {
    "line_rate": Kind.RATE,
    "min_rate": Kind.RATE,
    "cnp_interval": Kind.TIME,
    "g": Kind.NUMBER,
    "initial_alpha": Kind.NUMBER,
    "alpha_interval": Kind.TIME,
    "decrease_interval": Kind.TIME,
    "clamp_target": Kind.NUMBER,
    "increase_interval": Kind.TIME,
    "increase_bytes": Kind.BYTES,
    "fast_steps": Kind.NUMBER,
    "additive_rate": Kind.RATE,
    "hyper_rate": Kind.RATE,
    "catch_up": Kind.TIME,
}
"""What each of them is."""

_MAY_BE_NONE = ("decrease_interval", "catch_up", "cnp_interval")
