"""The paths of flows: connected, spread as asked for, and as good as chance lets them be."""

import numpy as np
import pytest
from fabric_files import files, made
from fabrics import RATE
from hypothesis import given, settings
from hypothesis import strategies as st

from labs.traffic.flows import collisions, fair, regular
from labs.traffic.flows.building import network_of
from labs.traffic.flows.model import Network, Nics, Paths, nics, positions
from labs.traffic.flows.routing import Routes, reachable, routes
from labs.traffic.flows.spreading import Manner, Spread, flow_keys, mixed, paths, spread_named
from topologies.errors import Mistake

THREE_TIER = {"spines_per_pod": 4, "leaves_per_pod": 4, "superspines_per_plane": 4, "hosts_per_leaf": 16}


def ends(network: Network, link: int) -> tuple[int, int]:
    """The nodes from and to which a directed link leads."""
    both = int(network.lower[link // 2]), int(network.upper[link // 2])
    return both[::-1] if link % 2 else both


def follows(network: Network, links: list[int], source: int, target: int) -> bool:
    """Whether links lead from one node to another, each from where the one before ended."""
    at = source
    for link in links:
        begin, end = ends(network, link)
        if begin != at:
            return False
        at = end
    return at == target


def pairs(cards: Nics, data: st.DataObject) -> tuple[np.ndarray, np.ndarray]:
    """A few pairs of different NICs."""
    one = st.integers(0, len(cards) - 1)
    drawn = data.draw(st.lists(st.tuples(one, one).filter(lambda pair: pair[0] != pair[1]), min_size=1, max_size=8))
    source, destination = np.array(drawn).T
    return source, destination


@settings(max_examples=150, deadline=None)
@given(files(), st.sampled_from(list(Spread)), st.data())
def test_every_path_leads_from_nic_to_nic_over_live_links_or_nowhere(
    file: dict[str, object], spread: Spread, data: st.DataObject
) -> None:
    """The shortest there are, all parts of a split flow too; where there is no way, the link that carries nothing."""
    fabric, plan = made(file)
    network = network_of(fabric, plan, 1)
    cards = nics(network)
    if len(cards) < 2:
        return
    dead = np.array([data.draw(st.integers(0, 5)) == 0 for _ in fabric.links])
    found = routes(network, dead)
    source, destination = pairs(cards, data)

    taken = paths(network, found, cards, source, destination, Manner(spread, 3, 1))

    flows = 1 if spread is Spread.SPRAYED else 3
    assert taken.links.shape[1] == flows * len(source)
    for flow in range(taken.links.shape[1]):
        check_flow(network, cards, found, taken, flow, int(source[flow // flows]), int(destination[flow // flows]))


def check_flow(network: Network, cards: Nics, found: Routes, taken: Paths, flow: int, one: int, other: int) -> None:
    """One flow: the ways that it takes, and how much of it goes there."""
    alive = found.alive[cards.cable[[one, other]]].all()
    there = bool(alive and reachable(found)[cards.leaf[one], cards.leaf[other]])
    links = taken.links[:, flow]
    weights = np.ones(len(links)) if taken.weights is None else taken.weights[:, flow]
    assert (network.nowhere in links) == (not there)
    if not there:
        return
    used = [(int(link), float(weight)) for link, weight in zip(links, weights, strict=True) if link != network.spare]
    assert all(found.alive[link // 2] for link, _ in used)
    host = int(network.lower[cards.cable[one]]), int(network.lower[cards.cable[other]])
    if taken.weights is None:
        assert follows(network, [link for link, _ in used], *host)
        return
    balance = np.zeros(len(network.names))
    for link, weight in used:
        begin, end = ends(network, link)
        balance[begin] -= weight
        balance[end] += weight
    wanted = np.zeros(len(network.names))
    wanted[host[0]] -= 1
    wanted[host[1]] += 1
    assert balance == pytest.approx(wanted)


def goodput(network: Network, qps: int, ahead: int, seed: int, spread: Spread = Spread.HASHED) -> np.ndarray:
    """The share of its rate that each NIC has, sending to the one so far ahead."""
    cards = nics(network)
    source = np.arange(len(cards))
    manner = Manner(spread, qps, seed)
    taken = paths(network, routes(network), cards, source, (source + ahead) % len(source), manner)
    rates = fair.rates(taken, network.capacities())
    return rates.reshape(len(source), manner.flows).sum(axis=1) / RATE


def leaf_spine(ways: int, leaves: int = 16) -> Network:
    """As many hosts a leaf as spines: nobody would be held up, were flows spread ideally."""
    return regular.leaf_spine(spines=ways, leaves=leaves, hosts_per_leaf=ways, rate=RATE, host_rate=RATE)


@pytest.mark.parametrize("ways", [4, 8, 32])
def test_one_flow_a_nic_has_the_goodput_of_the_closed_form(ways: int) -> None:
    """1 - (1 - 1/n)^n: a leaf's hosts all send to one other leaf, so only chance at their own leaf counts."""
    network = leaf_spine(ways)
    means = [goodput(network, 1, ways * 3, seed).mean() for seed in range(20)]

    spread = np.std(means) / np.sqrt(len(means))
    assert np.mean(means) == pytest.approx(collisions.closed_form(ways), abs=5 * spread + 1e-9)


def test_more_queue_pairs_have_more_than_balls_in_bins_and_less_than_all() -> None:
    """1 to 64 a NIC: what one cannot have the others of its NIC take, so the balls are the least that is expected."""
    network = leaf_spine(32)
    means = {
        qps: np.mean([goodput(network, qps, 96, seed).mean() for seed in range(3)]) for qps in (1, 2, 4, 8, 16, 64)
    }

    assert list(means.values()) == sorted(means.values())
    for qps, mean in means.items():
        assert collisions.balls_in_bins(32, qps) - 0.03 < mean <= 1
    assert means[4] > collisions.balls_in_bins(32, 4) + 0.05
    assert means[64] > 0.99


def test_balls_in_bins_is_the_closed_form_for_one_and_what_throwing_gives() -> None:
    """Two oracles of different origin agree."""
    for ways in (1, 2, 7, 32, 1000):
        assert collisions.balls_in_bins(ways, 1) == pytest.approx(collisions.closed_form(ways))
    for qps in (1, 3, 8):
        assert collisions.balls_in_bins(16, qps) == pytest.approx(collisions.thrown(16, qps, 1, 4000), abs=0.005)
    with pytest.raises(Mistake, match="one or more"):
        collisions.balls_in_bins(0, 1)


def test_ideal_spraying_holds_nobody_up() -> None:
    """Everybody has all of its rate, at two tiers and at three."""
    three = regular.three_tier(pods=2, **{**THREE_TIER, "hosts_per_leaf": 4}, rate=RATE, host_rate=RATE)

    assert goodput(leaf_spine(8), 1, 24, 1, Spread.SPRAYED) == pytest.approx(1)
    assert goodput(three, 1, 16, 1, Spread.SPRAYED) == pytest.approx(1)


def upper_choices(network: Network, spread: Spread) -> np.ndarray:
    """How many flows each spine of the first pod sends to each of its super-spines."""
    cards, place = nics(network), positions(network)
    source = np.flatnonzero(cards.leaf < 4)
    taken = paths(network, routes(network), cards, source, source + 64, Manner(spread, 16, 1)).links
    upward = taken[2] // 2  # host to leaf, leaf to spine, spine to super-spine
    counts = np.zeros((4, 4), int)
    np.add.at(counts, (place[network.lower[upward]], place[network.upper[upward]] % 4), 1)
    return counts


def test_seeds_alike_polarise_the_second_tier_and_seeds_of_their_own_do_not() -> None:
    """Polarised, each spine uses one of its four super-spines; else all four, none much more than another."""
    network = regular.three_tier(pods=2, **THREE_TIER, rate=RATE, host_rate=RATE)

    polarised, hashed = (upper_choices(network, spread) for spread in (Spread.POLARISED, Spread.HASHED))

    assert polarised.sum() == hashed.sum() == 1024
    assert np.count_nonzero(polarised) == 4
    assert hashed.min() > 30  # 64 expected, 8 their deviation
    assert hashed.max() < 100


def test_hashes_are_uniform_and_belong_to_their_flow() -> None:
    """Keys differ for every end, number and seed, the two directions too; their first bits are spread evenly."""
    source, destination = np.arange(4000), np.arange(4000) + 1
    zero = np.zeros(4000, int)
    keys = [
        flow_keys(source, destination, zero, 1),
        flow_keys(destination, source, zero, 1),
        flow_keys(source, destination, zero + 1, 1),
        flow_keys(source, destination, zero, 2),
    ]

    assert len(np.unique(np.concatenate(keys))) == 16_000
    buckets = np.bincount((keys[0] >> np.uint64(60)).astype(int), minlength=16)
    assert ((buckets - 250) ** 2 / 250).sum() < 45  # chi-square, 15 degrees: exceeded once in 10,000


def test_the_mixing_function_is_splitmix64() -> None:
    """The first numbers of its published sequence for the seed 1234567."""
    states = np.array([1234567 + step * 0x9E3779B97F4A7C15 & 2**64 - 1 for step in range(3)], np.uint64)

    assert mixed(states).tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_an_unknown_spread_lists_those_there_are() -> None:
    """So that the next command is right."""
    with pytest.raises(Mistake, match="there are hashed, polarised, sprayed"):
        spread_named("random")
