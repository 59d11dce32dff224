"""What to expect of flows that meet on links by chance, without a model of the network: oracles for one. Pure."""

from math import exp, lgamma, log

import numpy as np

from topologies.errors import Mistake


def closed_form(ways: int) -> float:
    """Mean goodput, as a share, of as many NICs with one flow each as there are equal ways: 1 - (1 - 1/n)^n.

    That is the share of ways on which any flow falls. It tends to 1 - 1/e.
    """
    _check(ways, 1)
    return float(1 - (1 - 1 / ways) ** ways)


def balls_in_bins(ways: int, qps: int) -> float:
    """The same with `qps` flows a NIC, none of which takes more than its part of the NIC: E[min(X, q)] / q of a way.

    X, the flows on one way, is binomial: n q flows, each there with probability 1/n. Max-min fair flows reach more,
    for one that is not held up takes what others of its NIC cannot; for one flow a NIC it is the closed form.
    """
    _check(ways, qps)
    balls = ways * qps
    short = sum((qps - count) * _binomial(balls, count, 1 / ways) for count in range(qps))
    return 1 - short / qps


def thrown(ways: int, qps: int, seed: int, times: int) -> float:
    """The same by throwing balls, so many times."""
    _check(ways, qps)
    found = np.random.default_rng(seed).multinomial(ways * qps, np.full(ways, 1 / ways), times)
    return float(np.minimum(found, qps).mean() / qps)


def _binomial(balls: int, count: int, chance: float) -> float:
    if chance == 1:
        return float(count == balls)
    ways = lgamma(balls + 1) - lgamma(count + 1) - lgamma(balls - count + 1)
    return exp(ways + count * log(chance) + (balls - count) * log(1 - chance))


def _check(ways: int, qps: int) -> None:
    if ways < 1 or qps < 1:
        raise Mistake(f"{qps} flows a NIC over {ways} ways; there must be one or more of both")
