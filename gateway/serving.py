"""A gateway that runs: from its file, to its end.

SIGHUP, or a change of the file, reads it anew; it is refused as a whole where anything in it is wrong. With SIGTERM or
SIGINT the gateway is not ready from now on; after the quiet time it takes nothing new, and finishes what is under way
within the drain time. A second one cuts everything off.
"""

import asyncio
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from gateway.admin.app import Admin
from gateway.checking import keep_checking
from gateway.config import reading
from gateway.config.model import GatewayFile, TlsPart
from gateway.config.settings import Settings
from gateway.errors import GatewayError, Mistake
from gateway.http.app import App
from gateway.listening import Server, bound, listener, opened
from gateway.process import Gateway

LOOK = 0.25  # seconds between two looks whether the file has changed
FIXED = ("listen", "admin", "grpc", "tls")
"""What of the file holds from the start to the end."""

Say = Callable[[str], None]


class Serving:
    """One gateway and all that belongs to it. `say` is told what an operator should know."""

    def __init__(self, path: Path, say: Say) -> None:
        self._path, self._say = path, say
        self._seen = _stamp(path)
        self._settings = reading.read(path)
        self._servers: list[Server] = []
        self._stopping, self._forced = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """Serve until a signal says to stop. Raises Mistake or Fault where it cannot begin."""
        file = self._settings.file
        gateway = Gateway.of(self._settings, opened, reading.secret, time.monotonic)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(gateway.reaches.close)
            stack.enter_context(self._heeding(gateway))
            for work in (gateway.keep_time(), keep_checking(gateway), self._keep_looking(gateway)):
                await stack.enter_async_context(self._beside(work))
            await stack.enter_async_context(self._face(gateway, "admin", file.admin, Admin(gateway), TlsPart()))
            faces = [self._face(gateway, "gateway", file.listen, App(gateway), file.tls)]
            faces += [self._grpc(gateway, file)] if file.grpc else []
            endings = [await _entered(stack, face) for face in faces]
            await self._stopping.wait()
            gateway.draining = True
            self._say("stopping; not ready from now on")
            await asyncio.sleep(gateway.settings.file.times.quiet)
            await asyncio.gather(*(end() for end in endings))

    @asynccontextmanager
    async def _face(self, gateway: Gateway, name: str, where: str, app: Any, tls: TlsPart) -> AsyncGenerator[None]:
        """A listener, until all that came by it is over."""
        server = listener(app, lambda: gateway.settings.file, tls)
        sock = bound(where)
        self._servers.append(server)
        host, port = sock.getsockname()[:2]
        self._say(f"{name} on {'https' if tls.certificate else 'http'}://{f'[{host}]' if ':' in host else host}:{port}")
        async with self._beside(server.serve([sock]), cancel=False):
            try:
                yield
            finally:
                server.should_exit = True

    @asynccontextmanager
    async def _grpc(self, gateway: Gateway, file: GatewayFile) -> AsyncGenerator[None]:
        from gateway.grpc.serving import served

        async with served(gateway, file, self._forced) as port:
            self._say(f"grpc on {file.grpc.rpartition(':')[0]}:{port}")
            yield

    @asynccontextmanager
    async def _beside(self, work: Coroutine[Any, Any, None], *, cancel: bool = True) -> AsyncGenerator[None]:
        """Let something go on beside all else; in the end it is cancelled, or waited for. Where it ends before by an
        error, all ends, with that."""
        task = asyncio.create_task(work)
        task.add_done_callback(lambda _: self._stopping.set())
        try:
            yield
        finally:
            if cancel:
                task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    @contextmanager
    def _heeding(self, gateway: Gateway) -> Generator[None]:
        """Do what signals say."""
        loop = asyncio.get_running_loop()
        heeded = {signal.SIGTERM: self._stop, signal.SIGINT: self._stop, signal.SIGHUP: lambda: self._reload(gateway)}
        for signum, deed in heeded.items():
            loop.add_signal_handler(signum, deed)
        try:
            yield
        finally:
            for signum in heeded:
                loop.remove_signal_handler(signum)

    def _stop(self) -> None:
        if self._stopping.is_set():
            self._forced.set()
            for server in self._servers:
                server.force_exit = True
        self._stopping.set()

    async def _keep_looking(self, gateway: Gateway) -> None:
        """Read the file anew whenever it has changed."""
        while True:
            await asyncio.sleep(LOOK)
            if _stamp(self._path) != self._seen:
                self._reload(gateway)

    def _reload(self, gateway: Gateway) -> None:
        self._seen = _stamp(self._path)
        try:
            settings = reading.read(self._path)
            self._refuse_fixed(settings)
            gateway.change(settings)
        except GatewayError as error:
            gateway.tally.reloads[("refused",)] += 1
            self._say(f"the old settings stay: {error}")
        else:
            gateway.tally.reloads[("taken",)] += 1
            self._say(f"{self._path} read anew")

    def _refuse_fixed(self, settings: Settings) -> None:
        for name in FIXED:
            if getattr(settings.file, name) != getattr(self._settings.file, name):
                raise Mistake(f"{self._path}: {name} cannot be changed while the gateway runs; restart it")


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file does; None where it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


async def _entered(stack: AsyncExitStack, face: AbstractAsyncContextManager[None]) -> Callable[[], Awaitable[None]]:
    """Enter it, to be left with all else at the latest; returns what leaves it before."""
    own = await stack.enter_async_context(AsyncExitStack())
    await own.enter_async_context(face)
    return own.aclose
