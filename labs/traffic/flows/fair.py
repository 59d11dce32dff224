"""Max-min fair rates: nobody can have more without one who has no more getting less. Pure.

The textbook (Bertsekas and Gallager, "Data Networks", 6.5.2) lets all rates grow together until a link is full, freezes
its flows, and goes on: a round for every rate that there is, tens of thousands in a large fabric. Here a link is
settled as soon as no flow on it could be held lower elsewhere: its share, which is what is left of it divided by the
flows not yet settled, is the least of all links of all its flows. Shares never fall from round to round, since whoever
is settled takes no more than the share of any of its links; so what is settled was right, and all such links of a
round are settled at once: a dozen rounds.

A flow that is split over links grows on each by the share that it sends there: the same with counts weighted.
"""

import numpy as np

from labs.traffic.flows.model import Flags, Floats, Ints, Paths

NONE = 1e-9  # less of a flow than this is none: what sums of shares leave where all are gone


def rates(paths: Paths, capacities: Floats) -> Floats:
    """The rate of each flow in the unit of `capacities`, which are those of all links; inf where nothing limits it."""
    links, weights = paths.links, paths.weights
    rate = np.full(links.shape[1], np.inf)
    active = np.arange(len(rate))
    left, count = capacities.astype(np.float64), loads(paths, None, len(capacities))
    while len(active):
        share = np.divide(left, count, out=np.full(len(left), np.inf), where=(count > NONE) & np.isfinite(left))
        level = _least(share, links)
        settled = _settled(share, level, links) | np.isinf(level)
        rate[active[settled]] = level[settled]
        gone = _only(settled, links, weights)
        left = np.maximum(left - loads(gone, np.nan_to_num(level[settled], posinf=0), len(left)), 0)
        count = count - loads(gone, None, len(left))
        kept = _only(~settled, links, weights)
        active, links, weights = active[~settled], kept.links, kept.weights
    return rate


def loads(paths: Paths, rate: Floats | None, links: int) -> Floats:
    """What each link carries of flows of these rates; None: how many flows it has."""
    total = np.zeros(links)
    for hop, there in enumerate(paths.links):
        weight = None if paths.weights is None else paths.weights[hop]
        amount = rate if weight is None else weight if rate is None else weight * rate
        total += np.bincount(there, amount, minlength=links)
    return total


def _least(share: Floats, links: Ints) -> Floats:
    """The least share on each flow's way."""
    level = np.full(links.shape[1], np.inf)
    for there in links:
        np.minimum(level, share[there], out=level)
    return level


def _settled(share: Floats, level: Floats, links: Ints) -> Flags:
    """The flows on a link none of whose flows is held lower elsewhere."""
    lowest = np.full(len(share), np.inf)
    for there in links:
        np.minimum.at(lowest, there, level)
    full = (lowest == share) & np.isfinite(share)
    settled = np.zeros(len(level), np.bool_)
    for there in links:
        settled |= full[there]
    return settled


def _only(which: Flags, links: Ints, weights: Floats | None) -> Paths:
    return Paths(links[:, which], None if weights is None else weights[:, which])
