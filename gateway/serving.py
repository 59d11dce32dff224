"""A gateway that runs: from its file, to its end.

SIGHUP, or a change of the file, reads it anew; it is refused as a whole where anything in it is wrong. With SIGTERM or
SIGINT the gateway is not ready from now on; after the quiet time it takes nothing new, and finishes what is under way
within the drain time. A second one cuts everything off.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.admin.app import Admin
from gateway.admin.desk import Desk
from gateway.beside import beside
from gateway.config import reading
from gateway.config.added import UNSURE, Added
from gateway.config.model import TlsPart
from gateway.config.settings import Settings, settle
from gateway.crew import Change, Crew, Cut, Leave
from gateway.errors import GatewayError, Mistake
from gateway.listening import Doors, bound, listened, listener, url
from gateway.worker import Worker
from gateway.workers.crew import Workers

if TYPE_CHECKING:
    from gateway.analytics.writing import Writer
    from gateway.data.keeping import Keeper

LOOK = 0.25  # seconds between two looks whether the file has changed
FIXED = ("listen", "admin", "grpc", "tls", "workers", "database", "analytics", "log", "traces")
"""What of the file holds from the start to the end."""

Say = Callable[[str], None]


class Serving:
    """One gateway and all that belongs to it. `say` is told what an operator should know."""

    def __init__(self, path: Path, say: Say) -> None:
        self._path, self._say = path, say
        self._seen = _stamp(path)
        settings = reading.read(path)
        self._settings = settle(settings.text, str(path), UNSURE) if settings.file.database.url else settings
        self._reloads = Counter[str]()
        self._stopping, self._forced = asyncio.Event(), asyncio.Event()
        self._changing = asyncio.Lock()
        self._beside: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until a signal says to stop. Raises Mistake or Fault where it cannot begin."""
        keeper = self._keeper()
        if keeper is not None:
            self._settings = settle(self._settings.text, str(self._path), await keeper.begin())
        crew = self._made = self._crew()
        async with AsyncExitStack() as stack:
            stack.enter_context(self._heeding(crew))
            if keeper is not None:
                await stack.enter_async_context(self._kept(keeper, crew))
            await stack.enter_async_context(beside(self._keep_looking(crew), self._stopping.set))
            if (writer := self._writer()) is not None:
                await stack.enter_async_context(beside(writer.keep(crew), self._stopping.set))
            await stack.enter_async_context(self._admin(crew, keeper, writer))
            await stack.enter_async_context(crew.running())
            await self._stopping.wait()
            await crew.ask(Leave())
            self._say("stopping; not ready from now on")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.file.times.quiet):
                    await self._forced.wait()

    def _crew(self) -> Crew:
        settings, file = self._settings, self._settings.file
        if file.workers > 1:
            return Workers(settings, self._path, stop=self._stopping.set, say=self._say)
        return Worker(settings, Doors(bound(file.listen), file.grpc), stop=self._stopping.set, say=self._say)

    def _keeper(self) -> "Keeper | None":
        """What keeps up what the database has, where there is one. It is loaded only then."""
        part = self._settings.file.database
        if not part.url:
            return None
        from gateway.data.keeping import Keeper
        from gateway.data.store import Store

        kind, slashes, rest = part.url.partition(":///")
        url = f"{kind}{slashes}{self._path.parent / rest}" if kind == "sqlite" else part.url
        password = reading.secret(part.password) if part.password else ""
        return Keeper(Store(url, part.within, password), part, self._take, self._say)

    def _writer(self) -> "Writer | None":
        """What has requests written down, where that is wanted."""
        part = self._settings.file.analytics
        if not part.url:
            return None
        from gateway.analytics.writing import Writer

        password = reading.secret(part.password) if part.password else ""
        return Writer(part, self._path.parent, password, self._say)

    @asynccontextmanager
    async def _kept(self, keeper: "Keeper", crew: Crew) -> AsyncGenerator[None]:
        """Know what the database has, and let it know what is spent, also at the end."""
        try:
            await keeper.look(crew.pages, self._settings.file.tenants)  # what has been spent, before any is
            async with beside(keeper.keep(crew.pages, lambda: self._settings.file.tenants), self._stopping.set):
                yield
        finally:
            await keeper.end(crew.pages, self._settings.file.tenants)

    async def _take(self, added: Added) -> None:
        """What was added is another from now on. Raises Mistake where the crew cannot follow; then all stays."""
        async with self._changing:
            settings = settle(self._settings.text, str(self._path), added)
            await self._made.ask(Change(settings.text, str(self._path), added=added))
            self._settings = settings

    @asynccontextmanager
    async def _admin(self, crew: Crew, keeper: "Keeper | None", writer: "Writer | None") -> AsyncGenerator[None]:
        """Where operators are listened to, to the very end."""
        desk = Desk(crew, lambda: self._settings, keeper, writer)
        server = listener(Admin(desk, self._reloads), lambda: self._settings.file, TlsPart())
        sock = bound(self._settings.file.admin)
        self._say(f"admin on {url(sock)}")
        async with listened(server, sock, self._stopping.set):
            yield
            server.force_exit = self._forced.is_set()

    @contextmanager
    def _heeding(self, crew: Crew) -> Generator[None]:
        """Do what signals say."""
        loop = asyncio.get_running_loop()
        stop, reload = lambda: self._stop(crew), lambda: self._later(self._reload(crew))
        heeded = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}
        for signum, deed in heeded.items():
            loop.add_signal_handler(signum, deed)
        try:
            yield
        finally:
            for signum in heeded:
                loop.remove_signal_handler(signum)

    def _stop(self, crew: Crew) -> None:
        if self._stopping.is_set():
            self._forced.set()
            self._later(_cut(crew))
        self._stopping.set()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def _keep_looking(self, crew: Crew) -> None:
        """Read the file anew whenever it has changed."""
        while True:
            await asyncio.sleep(LOOK)
            if _stamp(self._path) != self._seen:
                await self._reload(crew)

    async def _reload(self, crew: Crew) -> None:
        async with self._changing:
            self._seen = _stamp(self._path)
            try:
                settings = reading.read(self._path, self._settings.added)
                self._refuse_fixed(settings)
                await crew.ask(Change(settings.text, str(self._path), added=settings.added))
            except GatewayError as error:
                self._reloads["refused"] += 1
                self._say(f"the old settings stay: {error}")
            else:
                self._settings = settings
                self._reloads["taken"] += 1
                self._say(f"{self._path} read anew")

    def _refuse_fixed(self, settings: Settings) -> None:
        for name in FIXED:
            if getattr(settings.file, name) != getattr(self._settings.file, name):
                raise Mistake(f"{self._path}: {name} cannot be changed while the gateway runs; restart it")


async def _cut(crew: Crew) -> None:
    await crew.ask(Cut())


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file does; None where it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
