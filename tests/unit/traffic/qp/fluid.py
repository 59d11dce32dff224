"""The fixed point of DCQCN's fluid model, to compare a simulation with.

Zhu et al., ECN or Delay, CoNEXT 2016, section 3: N flows at one queue, each with 1/N of it. At rest the queue Q marks
packets with probability p = Pmax (Q - Kmin) / (Kmax - Kmin), and p is where what decreases take is what increases give:

    a**2 alpha = tau**2 R_AI R (b + d) (c + e)

    a      share of CNP intervals (tau) with a mark             alpha  share of alpha's intervals with one
    b, d   steps by bytes and by time, per packet               c, e   those of them beyond fast recovery

R is a flow's share and R_AI the additive rate, both in packets a second. Hyper increase is not in the model: with the
same rate it is additive. The model has no variance either, so it is near to packets where the queue is far from empty
and from Kmax, where the law jumps.
"""

from dataclasses import dataclass

from labs.traffic.qp.dcqcn.parameters import Dcqcn


@dataclass(frozen=True, slots=True)
class Red:
    """The law by which a queue marks: bytes, and the probability at `kmax`, beyond which it is 1."""

    kmin: float
    kmax: float
    pmax: float

    def probability(self, queue: float) -> float:
        if queue > self.kmax:
            return 1
        return max(queue - self.kmin, 0) / (self.kmax - self.kmin) * self.pmax

    def queue(self, probability: float) -> float:
        """The bytes at which it marks so."""
        return self.kmin + probability / self.pmax * (self.kmax - self.kmin)


def surplus(p: float, flows: int, size: int, of: Dcqcn) -> float:
    """By how much decreases take more than increases give, negative where less. `size` of packets, bytes."""
    rate, additive = of.line_rate / flows / size / 8, of.additive_rate / size / 8
    tau, timer, steps = of.cnp_interval / 1e9, of.increase_interval / 1e9 * rate, of.increase_bytes / size
    unmarked = 1 - p
    told = 1 - unmarked ** (tau * rate)
    alpha = 1 - unmarked ** (of.alpha_interval / 1e9 * rate)
    by_bytes, by_time = (p * unmarked**each / (1 - unmarked**each) for each in (steps, timer))
    beyond = by_bytes * unmarked ** (of.fast_steps * steps) + by_time * unmarked ** (of.fast_steps * timer)
    return told**2 * alpha - tau**2 * additive * rate * (by_bytes + by_time) * beyond


def fixed_point(flows: int, size: int, of: Dcqcn, red: Red) -> float:
    """The queue in bytes at which flows that fill a link of the line rate stay, by halving an interval."""
    low, high = 1e-6, 0.5
    assert surplus(low, flows, size, of) < 0 < surplus(high, flows, size, of)
    while high - low > 1e-15:
        middle = (low + high) / 2
        low, high = (middle, high) if surplus(middle, flows, size, of) < 0 else (low, middle)
    return red.queue(low)
