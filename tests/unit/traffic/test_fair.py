"""Max-min fair rates: as the textbook has them, and with the properties that make them so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labs.traffic.flows import fair
from labs.traffic.flows.model import Floats, Paths

CLOSE = 1e-9


def filled(paths: Paths, capacities: Floats) -> Floats:
    """Progressive filling as in the textbook: all grow alike until a link is full, whose flows then stay."""
    hops, flows = paths.links.shape
    use = np.zeros((flows, len(capacities)))
    for hop in range(hops):
        weight = 1.0 if paths.weights is None else paths.weights[hop]
        np.add.at(use, (np.arange(flows), paths.links[hop]), weight)
    rate, growing = np.zeros(flows), np.ones(flows, bool)
    while growing.any():
        width = use[growing].sum(axis=0)
        left = capacities - rate @ use
        finite = np.isfinite(capacities) & (width > CLOSE)
        if not finite.any():
            rate[growing] = np.inf
            return rate
        step = max(float((left[finite] / width[finite]).min()), 0.0)
        rate[growing] += step
        full = finite & (capacities - rate @ use <= CLOSE * (1 + np.where(finite, capacities, 0)))
        growing &= ~(use[:, full] > 0).any(axis=1)
    return rate


@st.composite
def problems(draw: st.DrawFn) -> tuple[Paths, Floats]:
    """Up to 30 flows over up to 12 links of few different capacities, so that shares are often equal; or split."""
    links, flows, hops = draw(st.integers(1, 12)), draw(st.integers(1, 30)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    sizes = [0.0, 1.0, 1.004, 2.0, 2.002, 3.0, 10.0, 1 / 3]
    capacities = np.append(rng.choice(sizes, links, p=[0.05, 0.2, 0.15, 0.15, 0.15, 0.1, 0.1, 0.1]), np.inf)
    way = np.array([np.resize(rng.permutation(links), hops) for _ in range(flows)]).T
    way[min(hops, links) :] = links  # a link that comes again is the one without limit
    way = np.where(rng.random(way.shape) < 0.2, links, way)
    way[0] = np.where(way[0] == links, 0, way[0]) if links == 1 or hops == 1 else way[0]
    weights = np.where(way == links, 0.0, rng.choice([1.0, 0.5, 0.25], way.shape)) if draw(st.booleans()) else None
    return Paths(way.astype(np.int64), weights), capacities


@settings(max_examples=300, deadline=None)
@given(problems())
def test_rates_are_those_of_progressive_filling(problem: tuple[Paths, Floats]) -> None:
    """To a billionth, also for split flows, dead links, and flows that nothing limits."""
    ours, textbook = fair.rates(*problem), filled(*problem)

    assert np.allclose(ours, textbook, rtol=CLOSE, atol=CLOSE)


@settings(max_examples=300, deadline=None)
@given(problems())
def test_no_link_carries_more_than_it_can_and_every_flow_has_a_bottleneck(problem: tuple[Paths, Floats]) -> None:
    """A bottleneck: a full link on which nobody is faster; where each flow has one, rates are max-min fair."""
    paths, capacities = problem
    rate = fair.rates(paths, capacities)
    finite = np.where(np.isinf(rate), 0.0, rate)
    load = fair.loads(paths, finite, len(capacities))

    assert (load <= capacities * (1 + CLOSE) + CLOSE).all()
    full = load >= capacities * (1 - CLOSE) - CLOSE
    fastest = np.zeros(len(capacities))
    crossed = paths.links < len(capacities) - 1
    for hop, there in enumerate(paths.links):
        np.maximum.at(fastest, there[crossed[hop]], finite[crossed[hop]])
    held = np.zeros(len(rate), bool)
    for hop, there in enumerate(paths.links):
        held |= crossed[hop] & full[there] & (finite >= fastest[there] - CLOSE)
    assert (held | np.isinf(rate)).all()
    assert (crossed.any(axis=0) | np.isinf(rate)).all()


def test_a_flow_that_is_held_up_leaves_its_share_to_others() -> None:
    """Three on a link of 3, of which one has but 0.5 further on: the others have 1.25 each."""
    rate = fair.rates(Paths(np.array([[0, 0, 0], [1, 2, 2]])), np.array([3.0, 0.5, np.inf]))

    assert rate.tolist() == [0.5, 1.25, 1.25]


def test_a_split_flow_is_limited_by_the_link_with_most_of_it() -> None:
    """Half of it over each of two links of 1 is 2; three quarters over one is 4/3."""
    links = np.array([[0], [1]])

    assert fair.rates(Paths(links, np.array([[0.5], [0.5]])), np.ones(2)).tolist() == [2.0]
    assert fair.rates(Paths(links, np.array([[0.75], [0.25]])), np.ones(2)) == pytest.approx(4 / 3)


def test_no_flows_have_no_rates() -> None:
    """An empty answer, not an endless loop."""
    assert fair.rates(Paths(np.empty((4, 0), np.int64)), np.ones(3)).tolist() == []
