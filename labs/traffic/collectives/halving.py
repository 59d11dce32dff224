"""All-reduce by recursive halving and doubling: as little data as around a ring, in 2 log2(n) steps. Pure.

Thakur, Rabenseifner and Gropp, "Optimization of collective communication operations in MPICH" (2005). Where the number
of ranks is no power of two, the first ones pair up: the even one of a pair gives its data to the odd one, sits out, and
is given the result. That costs the pairs two steps of all the data.
"""

import numpy as np

from labs.traffic.collectives.model import Ranks, Schedule, Step, check


def all_reduce(ranks: int, size: float) -> Schedule:
    """Every rank ends with the whole sum. `size`: bytes of each rank."""
    check(ranks, size)
    power = 1 << (ranks.bit_length() - 1)
    extra = ranks - power
    even = 2 * np.arange(extra)
    active = np.concatenate([even + 1, np.arange(2 * extra, ranks)])
    whole = np.zeros(extra, np.int64)
    before = (Step(even, even + 1, whole, count=power, adds=True),) if extra else ()
    after = (Step(even + 1, even, whole, count=power),) if extra else ()
    distances = [1 << bit for bit in range(power.bit_length() - 1)]
    halved = (_exchange(active, distance, adds=True) for distance in reversed(distances))
    doubled = (_exchange(active, distance, adds=False) for distance in distances)
    return Schedule(ranks, power, size / power, (*before, *halved, *doubled, *after))


def _exchange(active: Ranks, distance: int, *, adds: bool) -> Step:
    """Each with the one so far away: when halving it gives away that one's half of what both have, when doubling its
    own."""
    own = np.arange(len(active))
    other = own ^ distance
    first = (other if adds else own) // distance * distance
    return Step(active, active[other], first, count=distance, adds=adds)
