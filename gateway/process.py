"""One gateway in one process: its settings, its core, the ways to its backends, and who is told of what is over.

Settings are changed as a whole, between two steps of the loop: a request sees the old ones or the new ones.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from gateway.analytics.ring import Ring
from gateway.config.settings import Settings
from gateway.core.admission import Core
from gateway.core.page import Pages
from gateway.counts import Counts
from gateway.passage import Passage
from gateway.reaching import Opener, Reaches, Secret
from gateway.record import Done

TICK = 0.1  # seconds

Clock = Callable[[], float]


@dataclass(slots=True, eq=False)
class Gateway:
    """Both edges have the same one. `clock` is the core's: the loop's own would be too coarse, for uvloop's
    goes by milliseconds. `wall` is Unix time."""

    settings: Settings
    core: Core
    reaches: Reaches
    passage: Passage
    counts: Counts
    clock: Clock
    wall: Clock = time.time
    draining: bool = False
    recent: Ring | None = None
    sinks: list[Callable[[Done], None]] = field(default_factory=list)

    @classmethod
    def of(
        cls, settings: Settings, opener: Opener, secret: Secret, clock: Clock, pages: Pages | None = None
    ) -> "Gateway":
        """A gateway by its settings; `pages` are its tenants' accounts."""
        core = Core(settings.setup, Random().randrange, clock(), pages)
        reaches = Reaches(opener, secret)
        reaches.change(settings.backends, settings.file.times)
        passage = Passage(core, reaches, clock, hedges=settings.file.again.hedges > 0)
        counts = Counts()
        return cls(settings, core, reaches, passage, counts, clock, sinks=[counts.count])

    def change(self, settings: Settings) -> None:
        """Other settings from now on; where it raises, the old ones stay."""
        self.reaches.change(settings.backends, settings.file.times)
        self.passage.hedges = settings.file.again.hedges > 0
        self.settings = settings
        self.passage.tell(self.core.change(settings.setup, self.clock()))

    def over(self, done: Done) -> None:
        """A request is over."""
        for sink in self.sinks:
            sink(done)

    @property
    def ready(self) -> bool:
        """Whether requests should come here: not while it stops, and not while no backend of any model may be asked."""
        standings = self.core.standings(self.clock())
        return not self.draining and any(each.share > 0 for _, _, backends in standings for each in backends)

    async def keep_time(self) -> None:
        """Tell the core several times a second how late the loop is; for as long as the process lives."""
        due = self.clock() + TICK
        while True:
            await asyncio.sleep(max(due - self.clock(), 0.0))
            now = self.clock()
            self.passage.tell(self.core.ticked(max(now - due, 0.0), now))
            due = now + TICK
