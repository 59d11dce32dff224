"""The simulator's physics: what is asked for is served once, within what fits, and its times follow from its load."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.sim.blocks import Blocks
from gateway.sim.engine import Engine, Sequence
from gateway.sim.model import BLOCK, PROFILES, Settings, Size, Timing
from gateway.sim.text import Answer, blocks, tokens, vector

SIMPLE = Settings(timing=Timing(base=0.01, prefill=0.0001, decode=0.001), size=Size(batch=4, step=64, blocks=40))


def engine(settings: Settings = SIMPLE, seed: int = 1) -> Engine:
    random = Random(seed)
    return Engine(settings, lambda: random.gauss(0, 1))


def asked(prompt: int, wanted: int, hashes: tuple[int, ...] = ()) -> Sequence:
    """A request; without hashes its prompt is nobody else's."""
    return Sequence(prompt, hashes, wanted, 0.0)


def served(it: Engine, *sequences: Sequence) -> dict[Sequence, list[float]]:
    """The moments of each one's tokens."""
    now, times = 0.0, {each: list[float]() for each in sequences}
    for each in sequences:
        it.submit(each)
    while it.busy:
        step = it.step()
        now += step.seconds
        for token in step.tokens:
            times[token.sequence].append(now)
    return times


REQUESTS = st.lists(st.tuples(st.integers(1, 200), st.integers(1, 80), st.integers(0, 3)), min_size=1, max_size=20)


@settings(deadline=None)
@given(REQUESTS, st.integers(1, 8), st.integers(18, 60), st.integers(1, 64))
def test_all_that_fits_is_served_once_and_in_full(
    requests: list[tuple[int, int, int]], batch: int, size: int, step: int
) -> None:
    """Whatever has to be put back meanwhile; the cache never holds more than it has."""
    it = engine(Settings(size=Size(batch=batch, step=step, blocks=size)))
    sequences = [
        asked(prompt, wanted, tuple(hash((group, at)) for at in range(prompt // BLOCK)) if group else ())
        for prompt, wanted, group in requests
        if it.fits(prompt, wanted)
    ]
    for each in sequences:
        it.submit(each)
    got: dict[Sequence, int] = dict.fromkeys(sequences, 0)
    ended = []
    while it.busy:
        for token in it.step().tokens:
            got[token.sequence] += 1
            ended += [token.sequence] if token.last else []
        assert it.blocks.used + len(it.blocks.idle) <= size
        assert len(it.running) <= batch

    assert got == {each: each.wanted for each in sequences}
    assert len(ended) == len(sequences)
    assert it.blocks.used == 0
    assert it.counts.answer_tokens == sum(each.wanted for each in sequences)


def test_a_request_alone_takes_what_its_steps_take() -> None:
    """One for the prompt, one for each token after the first."""
    ((first, *_, last),) = served(engine(), asked(50, 11)).values()

    assert first == pytest.approx(0.01 + 50 * 0.0001 + 0.001)
    assert last - first == pytest.approx(10 * (0.01 + 0.001))


def test_a_long_prompt_takes_several_steps() -> None:
    """As many as its tokens need; others get theirs meanwhile."""
    it = engine()
    short, long = asked(1, 10), asked(200, 1)
    times = served(it, short, long)

    assert times[short][0] < times[short][1] < times[long][0]
    assert times[long][0] == pytest.approx(4 * 0.01 + 201 * 0.0001 + 5 * 0.001)


def test_the_more_there_is_to_do_the_longer_all_of_it_takes() -> None:
    """The first token waits for the queue, each other for the batch."""
    alone = served(engine(), asked(16, 8))
    together = served(engine(), *(asked(16, 8) for _ in range(12)))
    (one,) = alone.values()
    firsts = sorted(times[0] for times in together.values())
    first = next(iter(together.values()))

    assert first[1] - first[0] > one[1] - one[0]
    assert firsts[-1] > 10 * firsts[0], "the last of twelve waits for two batches of four"


def test_who_came_first_is_served_first() -> None:
    """In the order in which they came."""
    times = served(engine(), *(asked(16, 5) for _ in range(9)))
    firsts = [each[0] for each in times.values()]

    assert firsts == sorted(firsts)


def test_a_prompt_that_begins_as_another_is_quicker() -> None:
    """What both have in common is computed once."""
    it, hashes = engine(), tuple(range(3))
    cold = next(iter(served(it, asked(50, 1, hashes)).values()))[0]
    warm = next(iter(served(it, asked(50, 1, hashes)).values()))[0]

    assert warm == pytest.approx(cold - 48 * 0.0001)
    assert (it.counts.queried, it.counts.hit) == (100, 48)


def test_a_full_cache_puts_the_newest_back() -> None:
    """Both are served in the end, and the first is not kept waiting."""
    it = engine(Settings(timing=SIMPLE.timing, size=Size(batch=4, step=512, blocks=20)))
    first, second = asked(100, 150), asked(100, 150)
    times = served(it, first, second)

    assert it.counts.preemptions >= 1
    assert second.preempted >= 1
    assert times[first][-1] < times[second][-1]


def test_one_that_is_cancelled_makes_room() -> None:
    """Wherever it is."""
    it = engine()
    sequences = [asked(16, 1000 // 4) for _ in range(6)]
    for each in sequences:
        it.submit(each)
    it.step()
    for each in sequences:
        it.cancel(each)
        it.cancel(each)  # as often as one likes

    assert (it.busy, it.blocks.used) == (False, 0)


def test_the_same_seed_gives_the_same_times() -> None:
    """And another one others; half a deviation is seen, and time never goes back."""
    varied = Settings(timing=Timing(variance=1.0))

    def times(seed: int) -> list[float]:
        return next(iter(served(engine(varied, seed), asked(10, 50)).values()))

    assert times(1) == times(1) != times(2)
    assert times(1) == sorted(times(1))


def test_blocks_that_nobody_uses_stay_until_their_room_is_wanted() -> None:
    """The one used longest ago goes first."""
    it = Blocks(4)
    assert it.take((1, 2), 0)
    it.give((1, 2), 0)
    assert it.known((1, 2, 3)) == 2
    assert it.take((), 3)

    assert it.known((1, 2)) == 0
    assert it.known((2,)) == 1
    assert not it.take((7, 8), 0)
    assert it.used == 3


@settings(deadline=None)
@given(st.text(max_size=200), st.integers(1, 300), st.integers(0, 5))
def test_what_is_said_follows_from_the_prompt_and_the_seed(prompt: str, most: int, seed: int) -> None:
    """Always the same, never more than is allowed, and as many tokens as it has."""
    answer = Answer(prompt, seed, most)
    words = answer.words()

    assert words == Answer(prompt, seed, most).words()
    assert len(words) == answer.length <= most
    assert (answer.finish == "length") == (Answer(prompt, seed, 10_000).length > most)


def test_prompts_share_blocks_as_far_as_they_are_the_same() -> None:
    """A block stands for all before it."""
    one, other = blocks(tokens("a b " * 40)), blocks(tokens("a b " * 24 + "c d " * 16))

    assert len(one) == len(other) == 5
    assert one[:3] == other[:3]
    assert not set(one[3:]) & set(other[3:])


def test_vectors_are_near_where_words_are_shared() -> None:
    """And of length 1."""

    def near(one: str, other: str) -> float:
        return sum(a * b for a, b in zip(vector(one, 64), vector(other, 64), strict=True))

    assert near("spine leaf", "spine leaf") == pytest.approx(1)
    assert near("the spine fails", "a spine fails") > near("the spine fails", "cats purr softly")


def test_profiles_are_in_order() -> None:
    """The larger the model, the slower; all of them can serve 8,000 tokens."""
    steps = [each.timing.base for each in PROFILES.values()]

    assert steps == sorted(steps)
    assert all(engine(each).fits(4000, 4000) for each in PROFILES.values())
