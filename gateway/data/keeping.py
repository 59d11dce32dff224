"""What a gateway knows of its database, kept up: read when it has changed, and looked at now and then.

While the database is away, what was read last goes on holding; a key that is not in it may be one all the same, and is
neither let in nor called wrong. After `keep` seconds that holds for all keys that only the database knows. What tenants
spend is said to it with each look, and once more at the end.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from uuid import uuid4

from msgspec.structs import replace
from sqlalchemy import Executable

from gateway.config.added import UNSURE, Added
from gateway.config.model import DatabasePart
from gateway.core.page import OWN, SPENT, Pages
from gateway.data.store import Store
from gateway.errors import Fault, Mistake

Tell = Callable[[Added], Awaitable[None]]
Say = Callable[[str], None]


class Keeper:
    """One gateway's. `tell` makes it known to all workers; it raises Mistake where they cannot follow."""

    def __init__(self, store: Store, part: DatabasePart, tell: Tell, say: Say) -> None:
        self.store = store
        self.added = UNSURE
        self._part, self._tell, self._say = part, tell, say
        self._version = 0  # 0: nothing has been read yet
        self._opened = False
        self._confirmed = time.monotonic()
        self._name, self._said = uuid4().hex, dict[str, float]()
        self._turn, self._news = asyncio.Lock(), asyncio.Event()

    @property
    def away(self) -> float:
        """Seconds for which nothing has been heard of the database; 0 while all is well."""
        return 0.0 if self.added.sure else time.monotonic() - self._confirmed

    async def begin(self) -> Added:
        """What there is before anybody is served; where a database's server is away, nothing that is sure. Raises Fault
        where its file cannot be had."""
        try:
            await self._read()
        except Fault as error:
            if not self.store.postgres:
                raise
            self._say(f"{error}; going on without, and trying again")
        return self.added

    async def keep(self, pages: Pages, tenants: Callable[[], Collection[str]]) -> None:
        """Keep it up, for as long as the process lives."""
        while True:
            await self.look(pages, tenants())
            try:
                async with asyncio.timeout(self._part.every):
                    await self._news.wait()
            except TimeoutError:
                continue
            self._news.clear()

    async def look(self, pages: Pages, tenants: Collection[str]) -> None:
        """Read what has changed, and say what has been spent; what goes wrong with that is said, not raised."""
        async with self._turn:
            was = self.added
            try:
                await self._read()
                await self._spend(pages, tenants)
                await self.store.listen(self._news.set)
                self._confirmed = time.monotonic()
            except Fault as error:
                self._lose(error)
            if self.added is not was:
                await self._known(was)

    async def change(self, *statements: Executable) -> int:
        """An operator changes something: it is kept, and known to all workers, when this returns how many rows it met.
        Raises Fault where it may not have been."""
        async with self._turn:
            met = await self.store.change(*statements)
            await self._read()
            await self._tell(self.added)
            return met

    async def end(self, pages: Pages, tenants: Collection[str]) -> None:
        """Say for the last time what has been spent, and let go."""
        try:
            if self._opened:
                await self.store.fold(self._name, {each: pages(each).cells[OWN] for each in {*tenants, *self._said}})
        except Fault as error:
            self._say(f"{error}; what has been spent in the last {self._part.every:g} s may not be in it")
        with suppress(Fault):  # it is away, and so are its connections
            await self.store.close()

    async def _read(self) -> None:
        """Know all that there is, if that has changed, or may have."""
        if not self._opened:
            await self.store.open()
            self._opened = True
        if not self.added.sure or await self.store.version() != self._version:
            self._version, self.added = await self.store.read()

    async def _spend(self, pages: Pages, tenants: Collection[str]) -> None:
        own = {name: pages(name).cells[OWN] for name in tenants}
        changed = {name: amount for name, amount in own.items() if amount != self._said.get(name, 0.0)}
        others = await self.store.spent(self._name, changed)
        self._said.update(changed)
        for name in tenants:
            pages(name).cells[SPENT] = others.get(name, 0.0)

    def _lose(self, error: Fault) -> None:
        """The database does not answer; what is known is no longer sure, and after some time worth nothing."""
        if self.added.sure:
            self._say(f"{error}; keys that are known go on working for {self._part.keep:g} s")
            self.added = replace(self.added, sure=False)
        elif self.added is not UNSURE and time.monotonic() - self._confirmed > self._part.keep:
            self._say(f"{error}; keys that only it knows are not let in any more")
            self.added = UNSURE

    async def _known(self, was: Added) -> None:
        if self.added.sure and not was.sure:
            self._say("the database answers")
        try:
            await self._tell(self.added)
        except Mistake as error:
            self._say(f"what the database has cannot be taken, and the old settings stay: {error}")
