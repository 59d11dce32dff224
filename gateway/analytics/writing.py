"""What of requests is written, taken from all workers several times a second and handed to the process that writes. As
long as that does not follow, or its database does not, rows wait, up to a number; more are left out, and counted. What
was being written when that process died may be written twice."""

import asyncio
import socket
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from gateway.analytics.model import By, Row, Usage
from gateway.analytics.process import Answered, Asked, Insert, Open, Sum, Task, arguments
from gateway.beside import beside
from gateway.config.model import AnalyticsPart
from gateway.counts import Counts
from gateway.crew import Crew, Look
from gateway.errors import Fault, GatewayError
from gateway.workers.channel import Asking, Pipe

EVERY = 0.2  # seconds between two takings
BATCH, MOST = 5_000, 100_000  # rows that are written at once, and that may wait
AGAIN = 2.0  # seconds until what failed is tried again
WITHIN = 30.0  # seconds that one task may take
ENDING = 5.0  # seconds that the last rows may take

Say = Callable[[str], None]


class Writer:
    """One gateway's. `counts` has what was left out here."""

    def __init__(self, part: AnalyticsPart, folder: Path, password: str, say: Say) -> None:
        self.counts = Counts()
        self._open = Open(part.url, str(folder), password, part.row_days, part.minute_days)
        self._say, self._well = say, True
        self._waiting: list[Row] = []
        self._asking: Asking[Task, Answered] | None = None

    async def keep(self, crew: Crew) -> None:
        """Take rows and have them written, for as long as the process lives, and the last ones at its end."""
        writing = asyncio.create_task(self._write())
        try:
            while True:
                await asyncio.sleep(EVERY)
                await self._take(crew)
        finally:
            await self._take(crew)
            with suppress(TimeoutError):
                async with asyncio.timeout(ENDING):
                    while self._waiting and not writing.done():
                        await asyncio.sleep(EVERY / 10)
            writing.cancel()
            await asyncio.wait([writing])
            self.counts.lost("analytics", len(self._waiting))

    async def usage(self, by: tuple[By, ...], seconds: int) -> tuple[Usage, ...]:
        """Sums of the last so many seconds. Raises Fault where nobody can tell; that it is only being opened is no
        reason."""
        end = time.monotonic() + ENDING
        while self._asking is None and self._well and time.monotonic() < end:
            await asyncio.sleep(EVERY / 10)
        if self._asking is None:
            raise Fault("analytics: their database is not open; the gateway's stderr says why")
        try:
            async with asyncio.timeout(WITHIN):
                return (await self._asking.ask(Sum(by, time.time() - seconds))).usage
        except (TimeoutError, ConnectionError) as error:
            raise Fault(f"analytics: no answer: {error or 'none in time'}") from None

    async def _take(self, crew: Crew) -> None:
        taken = [row for report in await crew.ask(Look(rows=True)) for row in report.rows]
        room = MOST - len(self._waiting)
        self._waiting += taken[:room]
        self.counts.lost("analytics", len(taken[room:]))

    async def _write(self) -> None:
        """Have a process that writes, and another where it ends."""
        while True:
            try:
                await self._work()
            except (GatewayError, OSError) as error:
                if self._well:
                    self._say(f"{error or type(error).__name__}; rows wait, and it is tried again")
                self._well = False
            await asyncio.sleep(AGAIN)

    async def _work(self) -> None:
        """Start it, and give it rows as they come."""
        ours, theirs = socket.socketpair()
        async with AsyncExitStack() as stack:
            asking = Asking(await Pipe.of(ours), Asked, Answered)
            await stack.enter_async_context(beside(asking.listen(), lambda: None))
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *arguments(theirs.fileno()), pass_fds=(theirs.fileno(),), start_new_session=True, stdin=DEVNULL
                )
            stack.push_async_callback(process.wait)
            stack.callback(asking.close)  # which ends it
            await self._done(asking, self._open)
            self._asking = asking
            stack.callback(setattr, self, "_asking", None)
            while True:
                if not self._waiting:
                    await asyncio.sleep(EVERY / 10)
                    continue
                batch = self._waiting[:BATCH]
                await self._done(asking, Insert(tuple(batch)))
                del self._waiting[: len(batch)]
                if not self._well:
                    self._say("analytics are written again")
                    self._well = True

    async def _done(self, asking: "Asking[Task, Answered]", task: Task) -> None:
        async with asyncio.timeout(WITHIN):
            await asking.ask(task)
