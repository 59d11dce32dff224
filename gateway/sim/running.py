"""The engine in real time: its steps take as long as it says, and whoever asked gets tokens as they are made."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from random import Random

from gateway.sim.engine import Engine, Sequence, Token
from gateway.sim.metrics import Metrics
from gateway.sim.model import Kind, Settings
from gateway.sim.text import Answer, blocks, tokens
from gateway.wrong import Wrong


class Ask:
    """One request under way: its prompt's tokens, and what it is told."""

    def __init__(self, prompt: str, most: int, seed: int, now: float) -> None:
        parts = tokens(prompt)
        self.prompt = max(len(parts), 1)
        self.answer = Answer(prompt, seed, most)
        self.sequence = Sequence(self.prompt, blocks(parts), self.answer.length, now)
        self.came: asyncio.Queue[Token] = asyncio.Queue()
        self.last = now
        self.stopped = False  # before its end, by words that it was to end before


class Simulator:
    """A model that is served. `clock` is the loop's."""

    def __init__(self, model: str, settings: Settings, seed: int, clock: Callable[[], float]) -> None:
        self.model, self.seed, self.settings = model, seed, settings
        chance = Random(seed)
        self.engine = Engine(settings, lambda: chance.gauss(0, 1))
        self.fate = Random(f"{seed} fate")  # whose nth draw says whether the nth request fails
        self.metrics = Metrics(self.engine, model)
        self._clock = clock
        self._asks: dict[Sequence, Ask] = {}
        self._work = asyncio.Event()

    def change(self, settings: Settings) -> None:
        """Other settings from now on."""
        self.settings = settings
        self.engine.change(settings)

    def failing(self) -> Kind | None:
        """How the next request fails, None where it does not."""
        failing = self.settings.failing
        return failing.kind if self.fate.random() < failing.rate else None

    def refuse_unknown(self, model: str) -> None:
        """Raise Wrong for a model that it does not serve."""
        if model != self.model:
            raise Wrong(404, "NotFoundError", f"The model `{model}` does not exist.", param="model")

    @asynccontextmanager
    async def asking(self, prompt: str, most: int) -> AsyncGenerator[Ask]:
        """A request, for as long as somebody waits for it. Raises Wrong for one that does not fit."""
        ask = Ask(prompt, most, self.seed, self._clock())
        if not self.engine.fits(ask.prompt, most):
            what = f"{ask.prompt} tokens of prompt and {most} of answer are more than fit"
            raise Wrong(400, "BadRequestError", what, param="messages")
        self._asks[ask.sequence] = ask
        self.engine.submit(ask.sequence)
        self._work.set()
        try:
            yield ask
        finally:
            if self._asks.pop(ask.sequence, None) is not None:
                self.engine.cancel(ask.sequence)
                self.metrics.ended("stop" if ask.stopped else "abort")

    async def run(self) -> None:
        """Do step after step, for as long as there is anything to do; for ever."""
        due = self._clock()
        while True:
            if not self.engine.busy:
                self._work.clear()
                await self._work.wait()
                due = self._clock()
            step = self.engine.step()
            due = max(due + step.seconds, self._clock())
            await asyncio.sleep(due - self._clock())
            for token in step.tokens:
                self._tell(token)

    def _tell(self, token: Token) -> None:
        ask = self._asks.get(token.sequence)
        if ask is None:  # it was cancelled while the step lasted
            return
        now = self._clock()
        since = now - ask.last
        if token.sequence.got == 1:
            self.metrics.first.observe(since)
        else:
            self.metrics.each.observe(since)
            self.metrics.older.observe(since)
        ask.last = now
        ask.came.put_nowait(token)
        if token.last:
            del self._asks[token.sequence]
            self.metrics.whole.observe(now - token.sequence.arrived)
            self.metrics.ended(ask.answer.finish)
