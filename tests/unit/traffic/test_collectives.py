"""Schedules of collectives, walked through transfer by transfer: everybody ends with what it must."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labs.traffic.collectives import COLLECTIVES, RAILED, Schedule, collective, exchanges
from labs.traffic.collectives.model import received, sent
from labs.traffic.collectives.nccl import FACTORS, algbw, busbw, factor
from labs.traffic.collectives.placement import carried, placed, railed
from labs.traffic.collectives.trees import depths, parents
from topologies.errors import Mistake

SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 16, 17, 31, 33)
ALL_REDUCES = ("all-reduce", "all-reduce-tree", "all-reduce-halving")
Held = list[dict[int, Counter[int]]]
"""Of each rank: its blocks, and whose contributions are in each, how often."""


def walked(schedule: Schedule, held: Held) -> Held:
    """What everybody has in the end, where what is sent is what was there before the round."""
    for step in schedule.steps:
        for turn in range(step.rounds):
            flying = []
            for source, destination, first in zip(step.source, step.destination, step.first, strict=True):
                for which in range(step.count):
                    block = int(first + turn * step.stride + which * step.apart) % schedule.blocks
                    flying.append((int(destination), block, held[int(source)][block].copy()))
            touched = Counter((destination, block) for destination, block, _ in flying)
            for destination, block, what in flying:
                if step.adds:
                    held[destination][block] = held[destination].get(block, Counter()) + what
                else:
                    assert touched[destination, block] == 1
                    held[destination][block] = what
    return held


def contributions(ranks: int, blocks: int) -> Held:
    """Everybody has all blocks, with what is its own."""
    return [{block: Counter([rank]) for block in range(blocks)} for rank in range(ranks)]


def own_blocks(ranks: int) -> Held:
    """Everybody has the block of its number."""
    return [{rank: Counter([rank])} for rank in range(ranks)]


@pytest.mark.parametrize("ranks", SIZES)
@pytest.mark.parametrize("name", ALL_REDUCES)
def test_after_an_all_reduce_everybody_has_everybodys_part_of_every_block_once(name: str, ranks: int) -> None:
    """Also where the number of ranks is no power of two."""
    schedule = collective(name, ranks, 1000)
    final = walked(schedule, contributions(ranks, schedule.blocks))

    whole = Counter(range(ranks))
    assert all(rank == dict.fromkeys(range(schedule.blocks), whole) for rank in final)


@pytest.mark.parametrize("ranks", SIZES)
def test_a_reduce_scatter_leaves_each_rank_its_own_block(ranks: int) -> None:
    """Block r of the sum is at rank r."""
    final = walked(collective("reduce-scatter", ranks, 1000), contributions(ranks, ranks))

    assert all(final[rank][rank] == Counter(range(ranks)) for rank in range(ranks))


@pytest.mark.parametrize("ranks", SIZES)
def test_an_all_gather_gives_everybody_all_blocks(ranks: int) -> None:
    """Each as its owner had it."""
    final = walked(collective("all-gather", ranks, 1000), own_blocks(ranks))

    assert all(rank == {block: Counter([block]) for block in range(ranks)} for rank in final)


@pytest.mark.parametrize("ranks", SIZES)
def test_an_all_to_all_brings_each_block_from_its_source_to_its_destination(ranks: int) -> None:
    """Block s * n + d is at d."""
    held: Held = [{s * ranks + d: Counter([s]) for d in range(ranks)} for s in range(ranks)]
    final = walked(collective("all-to-all", ranks, 1000), held)

    assert all(final[d][s * ranks + d] == Counter([s]) for s in range(ranks) for d in range(ranks))


@pytest.mark.parametrize("ranks", SIZES)
def test_patterns_bring_blocks_where_they_belong(ranks: int) -> None:
    """A pipeline to the next stage, an incast to the root, a permutation to one other each."""
    pipeline = walked(collective("pipeline", ranks, 10), own_blocks(ranks))
    incast = walked(exchanges.incast(ranks, 10, root=ranks - 1), own_blocks(ranks))
    permuted = walked(collective("permutation", ranks, 10, seed=3), own_blocks(ranks))

    assert [set(rank) for rank in pipeline] == [{rank, rank - 1} & set(range(ranks)) for rank in range(ranks)]
    assert set(incast[-1]) == set(range(ranks))
    arrived = [next(iter(set(held) - {rank})) for rank, held in enumerate(permuted) if len(held) == 2]
    assert sorted(arrived) == (list(range(ranks)) if ranks > 1 else [])


@pytest.mark.parametrize("ranks", SIZES)
@pytest.mark.parametrize("name", COLLECTIVES)
def test_what_is_sent_arrives_and_nobody_sends_to_itself(name: str, ranks: int) -> None:
    """Bytes are conserved, in every pattern."""
    schedule = collective(name, ranks, 1000)

    assert sent(schedule).sum() == pytest.approx(received(schedule).sum())
    for step in schedule.steps:
        assert (step.source != step.destination).all()
        assert min(step.source.min(), step.destination.min()) >= 0
        assert max(step.source.max(), step.destination.max()) < ranks


@pytest.mark.parametrize("ranks", SIZES)
@pytest.mark.parametrize("name", [name for name in FACTORS if name not in {"all-reduce-tree", "all-reduce-halving"}])
def test_bus_bandwidth_is_what_the_busiest_rank_sent_or_received(name: str, ranks: int) -> None:
    """The factor times the size is the bytes through it: the identity that NCCL's factors stand for."""
    schedule = collective(name, ranks, 1200)

    busiest = max(sent(schedule).max(initial=0), received(schedule).max(initial=0))
    assert factor(name, ranks) * 1200 == pytest.approx(busiest)


def test_halving_sends_as_little_as_a_ring_and_two_trees_as_little_on_average() -> None:
    """2 (n - 1) / n of the data; halving with a number that is no power of two sends more."""
    for ranks in (2, 4, 8, 64):
        assert sent(collective("all-reduce-halving", ranks, 1)) == pytest.approx(factor("all-reduce", ranks))
    for ranks in SIZES:
        assert sent(collective("all-reduce-tree", ranks, 1)).mean() == pytest.approx(factor("all-reduce", ranks))
    assert sent(collective("all-reduce-halving", 5, 1)).max() > factor("all-reduce", 5)


@given(st.integers(2, 3000))
@settings(deadline=None)
def test_a_rank_with_children_in_one_tree_has_none_in_the_other(ranks: int) -> None:
    """But for one root where their number is odd; the trees are about as deep as a binary tree of so many ranks is."""
    both = parents(ranks)
    every = np.arange(ranks)

    for parent in both:
        roots = np.flatnonzero(parent == every)
        assert len(roots) == 1
        assert np.bincount(parent[parent != every], minlength=ranks).max() <= 2
        assert depths(parent).max() <= np.ceil(np.log2(ranks)) + 1
    one, other = (set(parent[parent != every].tolist()) for parent in both)
    assert one & other <= {int(parent[parent == every][0]) for parent in both}
    assert len(one & other) <= ranks % 2


def test_a_collective_of_a_hundred_thousand_ranks_is_a_few_arrays() -> None:
    """Rounds that follow the same pattern are one step."""
    assert len(collective("all-reduce", 102_400, 1 << 30).steps) == 2
    assert len(collective("all-reduce-tree", 102_400, 1 << 30).steps) == 2 * 17
    assert len(collective("all-reduce-halving", 65_536, 1 << 30).steps) == 2 * 16


@pytest.mark.parametrize("name", sorted(RAILED))
@pytest.mark.parametrize("hosts", [1, 2, 3, 5, 8])
def test_on_rails_each_gpu_meets_only_those_of_its_own_and_the_host_has_all(name: str, hosts: int) -> None:
    """Each rail does its share of the blocks, and the shares are all of them."""
    gpus = 3
    schedule = railed(collective(name, hosts, 900), gpus)

    for step in schedule.steps:
        assert (step.source % gpus == step.destination % gpus).all()
    plain = sent(collective(name, hosts, 900))
    assert sent(schedule).reshape(hosts, gpus).sum(axis=1) == pytest.approx(plain)
    if name in ALL_REDUCES:
        final = walked(schedule, contributions(hosts * gpus, schedule.blocks))
        for rank, held in enumerate(final):
            mine = range(rank % gpus, schedule.blocks, gpus)
            same = Counter(host * gpus + rank % gpus for host in range(hosts))
            assert all(held[block] == same for block in mine)


def test_traffic_to_another_rail_goes_over_nvlink_first() -> None:
    """It leaves by the NIC of the receiver's rail; without rails by its own, and within a host by none."""
    source, destination = np.array([0, 0, 0, 5]), np.array([4, 5, 1, 2])  # two GPUs a host

    on = carried(source, destination, 2)
    off = carried(source, destination, 2, rails=False)

    assert on.source.tolist() == [0, 1, 1, 4]
    assert on.crossed.tolist() == [False, True, True, True]
    assert on.inside.tolist() == off.inside.tolist() == [False, False, True, False]
    assert off.source.tolist() == source.tolist()
    assert off.crossed.tolist() == [False, False, True, False]


def test_ranks_can_be_placed_anywhere() -> None:
    """As where the second of three hosts has left."""
    schedule = placed(collective("pipeline", 2, 5), np.array([0, 2]))

    assert (schedule.steps[0].source.tolist(), schedule.steps[0].destination.tolist()) == ([0], [2])


def test_permutations_follow_their_seed() -> None:
    """The same one again, and others for others."""
    first, again, other = (collective("permutation", 50, 1, seed).steps[0].source.tolist() for seed in (1, 1, 2))

    assert first == again != other


def test_nccls_terms() -> None:
    """Size over time, and the factor of the collective."""
    assert algbw(8e9, 2) == 4e9
    assert busbw("all-reduce", 4, 8e9, 2) == pytest.approx(6e9)
    assert busbw("all-gather", 4, 8e9, 2) == pytest.approx(3e9)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: collective("all", 4, 1), "no collective 'all'; there are all-reduce,"),
        (lambda: collective("all-reduce", 0, 1), "0 ranks"),
        (lambda: collective("all-reduce", 2, -1), "-1 bytes"),
        (lambda: collective("all-reduce", 2, float("nan")), "nan bytes"),
        (lambda: exchanges.incast(4, 1, root=4), "there are 0 to 3"),
        (lambda: exchanges.shift(4, 1, 8), "to itself"),
        (lambda: algbw(1, 0), "no bandwidth"),
        (lambda: factor("nothing", 3), "there are all-reduce"),
        (lambda: railed(collective("all-reduce", 2, 1), 0), "0 GPUs"),
    ],
)
def test_what_cannot_be_is_refused(call: Callable[[], object], words: str) -> None:
    """With what there is instead."""
    with pytest.raises(Mistake, match=words):
        call()
