"""Several workers: started, asked, watched, started anew where one ends too early or answers no more.

Settings are tried here before any worker hears of them, so that none is told what it cannot follow. A worker that is
started later gets the settings as they are then, and is told what operators have taken out of service.

What a worker counted is known as it was when it was last asked, at the latest a second ago. When it is gone that goes
on being counted, so that no counter ever goes back.
"""

import asyncio
import signal
import socket
import time
from asyncio import FIRST_COMPLETED
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from gateway.admin.model import Which
from gateway.beside import beside
from gateway.config.settings import Settings, settle
from gateway.counts import Counts, total
from gateway.crew import Change, Drain, Look, Question, Report, Return, Stop
from gateway.errors import Fault, GatewayError
from gateway.listening import Doors, named, shared, url
from gateway.worker import tried
from gateway.workers.channel import Answered, Asked, Asking, Pipe
from gateway.workers.memory import Memory, SharedPages
from gateway.workers.process import arguments

EVERY = 1.0  # seconds between two looks at a worker
SILENT = 10.0  # seconds for which it may answer nothing; then it is killed
WITHIN = 2.0  # seconds in which it answers, or is left out
BEGUN = 30.0  # seconds in which it must have begun
SOON, LATEST = 0.1, 10.0  # seconds until it is started anew; twice as long each time it ends before it has LIVED
LIVED = 10.0

Say = Callable[[str], None]


@dataclass(slots=True, eq=False)
class Slot:
    """A place for a worker, and the one that has it now, if any."""

    number: int
    doors: Doors
    process: Process | None = None
    asking: "Asking[Question, Answered] | None" = None
    counts: Counts = field(default_factory=Counts)
    heard: float = 0.0  # when it answered last

    @property
    def pid(self) -> int:
        """Of the worker."""
        return self.process.pid if self.process else 0

    async def ask(self, question: Question) -> Report | None:
        """Ask it. Raises Mistake or Fault as it says, ConnectionError or TimeoutError where it says nothing."""
        if self.asking is None:
            raise ConnectionError("there is none at the moment")
        async with asyncio.timeout(WITHIN):
            return (await self.asking.ask(question)).report


class Workers:
    """As many as the settings say. `stop` is called where they cannot go on, `say` is told what befalls them."""

    def __init__(self, settings: Settings, path: Path, *, stop: Callable[[], None], say: Say) -> None:
        file = settings.file
        doors, self._guards = shared(file.listen, file.grpc, file.workers)
        self._slots = [Slot(number, each) for number, each in enumerate(doors)]
        self._stop, self._say, self._tls = stop, say, bool(file.tls.certificate)
        self._memory, self._rows = Memory(len(doors)), dict[str, int]()
        self.pages = SharedPages(self._memory, 0)
        self.pages.rows = self._rows
        self._settings = Change(settings.text, str(path), self._known(settings), settings.added)
        self._out = set[Which]()
        self._gone = Counts()
        self._turn = asyncio.Lock()
        self._leaving = asyncio.Event()
        self.restarts = 0

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """All of them, until what came by them is over."""
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            stack.callback(self._end)
            begun: list[asyncio.Future[None]] = [loop.create_future() for _ in self._slots]
            for slot, each in zip(self._slots, begun, strict=True):
                await stack.enter_async_context(beside(self._keep(slot, each), self._stop, cancel=False))
            try:
                await asyncio.gather(*begun)
                self._say(f"{len(begun)} workers")
                self._say(f"gateway on {url(self._slots[0].doors.http, tls=self._tls)}")
                if self._guards:
                    self._say(f"grpc on {named(self._guards[0])}")
                yield
            finally:
                self._end()

    def _end(self) -> None:
        """Let nobody wait at a door behind which nobody is going to be, and all workers stop."""
        self._leaving.set()
        for each in (*(slot.doors.http for slot in self._slots), *self._guards):
            each.close()

    async def ask(self, question: Question) -> list[Report]:
        """Ask each; what changes anything, one after the other."""
        if isinstance(question, Look):
            found = await asyncio.gather(*(self._look(slot, question) for slot in self._slots))
            return [*found, Report(self._gone, None)]
        async with self._turn:
            if isinstance(question, Change):
                settings = settle(question.text, question.place, question.added)
                await tried(settings)
                question = replace(question, rows=self._known(settings))
            await self._tell(question)
            match question:
                case Change():
                    self._settings = question
                    self._out = {each for each in self._out if each.backend in settings.backends.get(each.model, {})}
                case Drain(which):
                    self._out.add(which)
                case Return(which):
                    self._out.discard(which)
            return []

    async def _tell(self, question: Question) -> None:
        """Tell all of them; one that does otherwise than the others has no place here. Raises Mistake where none can do
        it."""
        told = await asyncio.gather(*(self._told(slot, question) for slot in self._slots))
        refused = [(slot, each) for slot, each in zip(self._slots, told, strict=True) if isinstance(each, GatewayError)]
        if refused and len(refused) == sum(each is not None for each in told):
            raise refused[0][1]
        for slot, error in refused:
            self._kill(slot, f"does otherwise than the others: {error}")

    async def _told(self, slot: Slot, question: Question) -> bool | GatewayError | None:
        """Whether a worker has done it: what it says is wrong with that, or None where it says nothing."""
        try:
            await slot.ask(question)
        except (ConnectionError, TimeoutError):
            return None
        except GatewayError as error:
            return error
        return True

    async def _look(self, slot: Slot, look: Look) -> Report:
        """How a worker stands, and what has been counted in its place."""
        try:
            if (report := await slot.ask(look)) is not None:
                slot.counts, slot.heard = report.counts, time.monotonic()
                return report
        except (ConnectionError, TimeoutError):
            pass  # it is gone, or hangs, and those who watch it find out
        return Report(slot.counts, None)

    async def _keep(self, slot: Slot, begun: "asyncio.Future[None]") -> None:
        """Have a worker in a place, for as long as the gateway runs."""
        pause = SOON
        while not self._leaving.is_set():
            since = time.monotonic()
            try:
                async with self._started(slot):
                    if not begun.done():
                        begun.set_result(None)
                    await self._watch(slot)
            except (GatewayError, OSError) as error:  # timeouts and closed pipes are OSErrors
                why = error if isinstance(error, GatewayError) else Fault(f"a worker could not be started: {error!r}")
                if not begun.done():
                    begun.set_exception(why)
                    return
                self._say(f"worker {slot.number} does not begin: {why}")
            if self._leaving.is_set():
                return
            self.restarts += 1
            pause = SOON if time.monotonic() - since > LIVED else min(pause * 2, LATEST)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._leaving.wait()

    @asynccontextmanager
    async def _started(self, slot: Slot) -> AsyncGenerator[None]:
        """A worker with the settings of now; what it held is free when it is gone, what it counted is kept."""
        ours, theirs = socket.socketpair()
        asking = Asking(await Pipe.of(ours), Asked, Answered)
        async with beside(asking.listen(), lambda: None):
            with theirs:
                process = await self._spawned(slot, theirs)
            try:
                async with asyncio.timeout(BEGUN):
                    await asking.ask(told := self._settings)
                    async with self._turn:  # meanwhile nobody is told anything, so it misses nothing
                        await self._caught_up(asking, told)
                        slot.process, slot.asking, slot.heard = process, asking, time.monotonic()
                yield
            finally:
                slot.process = slot.asking = None
                if process.returncode is None:
                    process.kill()
                await process.wait()
                self._gone, slot.counts = total([self._gone, slot.counts]), Counts()
                self._memory.strike(len(self._rows), slot.number)

    async def _spawned(self, slot: Slot, pipe: socket.socket) -> Process:
        """A process that is to be a worker, with the other end of its pipe. Signals for us are not for it."""
        files = (pipe.fileno(), slot.doors.http.fileno(), self._memory.fd)
        words = arguments(*files, slot.number, len(self._slots), slot.doors.grpc)
        return await asyncio.create_subprocess_exec(
            *words, pass_fds=files, start_new_session=True, stdin=asyncio.subprocess.DEVNULL
        )

    async def _caught_up(self, asking: "Asking[Question, Answered]", told: Change) -> None:
        """Tell a worker what has been said since it was told its settings, and while it was not there."""
        if self._settings is not told:
            await asking.ask(self._settings)
        for which in self._out:
            await asking.ask(Drain(which))

    async def _watch(self, slot: Slot) -> None:
        """Wait for the end of a worker; one that says nothing for too long is killed."""
        assert slot.process is not None, "it has been started"
        gone = asyncio.create_task(slot.process.wait())
        leaving = asyncio.create_task(self._leaving.wait())
        try:
            while not gone.done():
                if leaving.done():
                    await self._told(slot, Stop())
                await asyncio.wait(
                    {gone} if leaving.done() else {gone, leaving}, timeout=EVERY, return_when=FIRST_COMPLETED
                )
                if gone.done():
                    break
                await self._look(slot, Look())
                if time.monotonic() - slot.heard > SILENT:
                    self._kill(slot, f"has said nothing for {SILENT:g} s")
        finally:
            for each in (gone, leaving):
                each.cancel()
        if not self._leaving.is_set():
            self._say(f"worker {slot.number} (pid {slot.pid}) {_end_of(gone.result())}; another is started")

    def _kill(self, slot: Slot, why: str) -> None:
        self._say(f"worker {slot.number} (pid {slot.pid}) {why}: it is killed")
        if slot.process is not None:
            with suppress(ProcessLookupError):
                slot.process.kill()

    def _known(self, settings: Settings) -> dict[str, int]:
        """The row of each tenant; one that had a row before has it again."""
        for name in settings.setup.tenants:
            self._rows.setdefault(name, len(self._rows))
        self._memory.grow(len(self._rows))
        return {name: self._rows[name] for name in settings.setup.tenants}


def _end_of(code: int) -> str:
    """How a process ended, in words."""
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
