"""What a server of models does with what it is asked: continuous batching over a KV cache, as vLLM's scheduler does it.

Time passes in steps. In each, every sequence whose prompt is done gets its next token, and what is left of a step's
tokens goes to prompts, in the order in which they came; a prompt may take several steps. A step takes longer the more
it does, so all that a client sees follows from it: the first token waits for the queue and for the prompt, each next
one for the size of the batch. Where the cache is full, the newest sequence is put back, and begins anew when there is
room.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from msgspec import Struct

from gateway.sim.blocks import Blocks
from gateway.sim.model import BLOCK, Settings

MOST = 0.7  # of a step's time, by which chance may change it at most


@dataclass(slots=True, eq=False)
class Sequence:
    """One request: its prompt's tokens and the hashes of its whole blocks, and the tokens that it is to get."""

    prompt: int
    hashes: tuple[int, ...]
    wanted: int
    arrived: float
    done: int = 0  # tokens of its prompt that are computed, and of its answer where it began anew
    got: int = 0
    cached: int = 0  # tokens of its prompt that were there already
    preempted: int = 0
    owned: int = 0  # blocks of its own

    @property
    def to_compute(self) -> int:
        """Tokens that are left before its next one can be made."""
        return self.prompt + self.got - self.done


class Token(Struct, frozen=True):
    """A sequence got a token."""

    sequence: Sequence
    last: bool


class Step(Struct, frozen=True):
    """A step: how long it takes, and what has come of it at its end."""

    seconds: float
    tokens: tuple[Token, ...]


@dataclass(slots=True)
class Counts:
    """What has happened since the beginning."""

    prompt_tokens: int = 0
    answer_tokens: int = 0
    preemptions: int = 0
    queried: int = 0  # tokens looked for in the cache
    hit: int = 0


@dataclass(slots=True)
class Engine:
    """One accelerator's worth. `chance` draws from the normal distribution of mean 0 and deviation 1."""

    settings: Settings
    chance: Callable[[], float]
    waiting: deque[Sequence] = field(default_factory=deque)
    running: list[Sequence] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    blocks: Blocks = field(init=False)

    def __post_init__(self) -> None:
        self.blocks = Blocks(self.settings.size.blocks)

    @property
    def busy(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.waiting or self.running)

    def fits(self, prompt: int, wanted: int) -> bool:
        """Whether a request could ever be served."""
        return _blocks(prompt + wanted) <= self.settings.size.blocks

    def submit(self, sequence: Sequence) -> None:
        """Let one wait for its turn."""
        self.waiting.append(sequence)

    def cancel(self, sequence: Sequence) -> None:
        """Nobody waits for it any more."""
        if sequence in self.running:
            self._leave(sequence)
        elif sequence in self.waiting:
            self.waiting.remove(sequence)

    def change(self, settings: Settings) -> None:
        """Other settings from the next step on; a smaller cache drains first."""
        self.settings = settings
        self.blocks.total = settings.size.blocks

    def step(self) -> Step:
        """Do one step."""
        decoding = list(self._decoding())
        room = max(self.settings.size.step - len(decoding), 1)  # a prompt is never kept waiting for ever
        prefilled = 0
        for sequence in self._prefilling():
            amount = min(room - prefilled, sequence.to_compute)
            sequence.done += amount
            prefilled += amount
            if not sequence.to_compute:
                decoding.append(sequence)
            if prefilled >= room:
                break
        tokens = tuple(self._token(each) for each in decoding)
        return Step(self._seconds(prefilled, len(decoding)), tokens)

    def _seconds(self, prefilled: int, decoding: int) -> float:
        timing = self.settings.timing
        chance = min(max(self.chance() * timing.variance, -MOST), MOST) if timing.variance else 0.0
        plain = timing.base + prefilled * timing.prefill + decoding * timing.decode
        return plain * timing.slowdown * (1 + chance)

    def _decoding(self) -> Iterator[Sequence]:
        """Those whose prompt was done before, each with room for its next token; the newest make room."""
        for sequence in list(self.running):
            if sequence.to_compute or sequence not in self.running:
                continue
            while sequence in self.running and not self._grow(sequence):
                self._preempt(self.running[-1])
            if sequence in self.running:
                yield sequence

    def _grow(self, sequence: Sequence) -> bool:
        """Room for one token more."""
        more = _blocks(sequence.prompt + sequence.got + 1) - len(sequence.hashes) - sequence.owned
        if more > 0:
            if not self.blocks.take((), more):
                return False
            sequence.owned += more
        return True

    def _prefilling(self) -> Iterator[Sequence]:
        """Those whose prompt is not done, and then those who wait, as long as they fit."""
        yield from [each for each in self.running if each.to_compute]
        while self.waiting and len(self.running) < self.settings.size.batch:
            sequence = self.waiting[0]
            own = _blocks(sequence.prompt + sequence.got + 1) - len(sequence.hashes)
            known = self.blocks.known(sequence.hashes) * BLOCK
            if not self.blocks.take(sequence.hashes, own):
                return
            self.waiting.popleft()
            sequence.owned = own
            sequence.cached = sequence.done = min(known, sequence.prompt + sequence.got - 1)
            self.counts.queried += sequence.prompt
            self.counts.hit += sequence.cached
            self.running.append(sequence)
            yield sequence

    def _preempt(self, sequence: Sequence) -> None:
        """Put one back to where it waits first of all."""
        self._leave(sequence)
        sequence.done = 0
        sequence.preempted += 1
        self.counts.preemptions += 1
        self.waiting.appendleft(sequence)

    def _token(self, sequence: Sequence) -> Token:
        if not sequence.got:
            self.counts.prompt_tokens += sequence.prompt
        sequence.got += 1
        sequence.done += 1
        self.counts.answer_tokens += 1
        last = sequence.got >= sequence.wanted
        if last:
            self._leave(sequence)
        return Token(sequence, last)

    def _leave(self, sequence: Sequence) -> None:
        self.running.remove(sequence)
        self.blocks.give(sequence.hashes, sequence.owned)
        sequence.owned = 0


def _blocks(tokens: int) -> int:
    return -(-tokens // BLOCK)
