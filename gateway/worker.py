"""A worker: a gateway in this process, and what its clients reach it by."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from gateway.analytics.ring import Ring
from gateway.answering import answer
from gateway.beside import beside
from gateway.checking import keep_checking
from gateway.config import reading
from gateway.config.settings import Settings
from gateway.core.page import OwnPages, Pages
from gateway.crew import Cut, Question, Report, Stop
from gateway.http.app import App
from gateway.journal import Journal
from gateway.listening import Doors, listened, listener, opened, url
from gateway.process import Gateway
from gateway.reaching import Reaches

Say = Callable[[str], None]


class Worker:
    """One. `stop` is called where it is asked to stop, or a part of it ends by itself; `say` is told where clients come
    in; `pages` are its tenants' accounts."""

    restarts = 0

    def __init__(
        self,
        settings: Settings,
        doors: Doors,
        *,
        stop: Callable[[], None],
        say: Say = lambda _: None,
        pages: Pages | None = None,
    ) -> None:
        self._doors, self._stop, self._say = doors, stop, say
        self.pages = pages or OwnPages()
        self.gateway = Gateway.of(settings, opened, reading.secret, time.monotonic, self.pages)
        self._server = listener(App(self.gateway), lambda: self.gateway.settings.file, settings.file.tls)
        self._forced = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Serve, until what came in is over."""
        gateway = self.gateway
        async with AsyncExitStack() as stack:
            stack.push_async_callback(gateway.reaches.close)
            for work in (gateway.keep_time(), keep_checking(gateway), *self._telling(stack)):
                await stack.enter_async_context(beside(work, self._stop))
            faces = [self._http(), self._grpc()] if gateway.settings.file.grpc else [self._http()]
            endings = [await _entered(stack, face) for face in faces]
            yield
            await asyncio.gather(*(end() for end in endings))

    def _telling(self, stack: AsyncExitStack) -> Iterator[Coroutine[Any, Any, None]]:
        """Have those told what is over who are to be; what they do meanwhile."""
        gateway, file = self.gateway, self.gateway.settings.file
        if file.log.requests != "none":
            failed, lost = file.log.requests == "failed", partial(gateway.counts.lost, "log")
            journal = Journal(file.log.to, failed=failed, lost=lost)
            gateway.sinks.append(journal.over)
            yield journal.keep()
        if file.analytics.url:
            gateway.recent = Ring(partial(gateway.counts.lost, "analytics"))
            gateway.sinks.append(gateway.recent.over)
        if file.traces.url:
            from gateway.exporting import Exporter

            exporter = Exporter(file.traces.url)
            gateway.sinks.append(exporter.over)
            stack.push_async_callback(asyncio.to_thread, exporter.close)

    async def ask(self, question: Question) -> list[Report]:
        """Ask it."""
        report = self.do(question)
        return [] if report is None else [report]

    def do(self, question: Question) -> Report | None:
        """Do what is asked. Raises Mistake where that is nothing that could be done."""
        match question:
            case Stop():
                self._stop()
            case Cut():
                self._server.force_exit = True
                self._forced.set()
            case _:
                return answer(self.gateway, question)
        return None

    @asynccontextmanager
    async def _http(self) -> AsyncGenerator[None]:
        self._say(f"gateway on {url(self._doors.http, tls=bool(self.gateway.settings.file.tls.certificate))}")
        async with listened(self._server, self._doors.http, self._stop):
            yield

    @asynccontextmanager
    async def _grpc(self) -> AsyncGenerator[None]:
        from gateway.grpc.serving import served

        file = self.gateway.settings.file
        shared = self._doors.grpc if self._doors.shared else ""
        async with served(self.gateway, file, self._forced, shared=shared) as port:
            self._say(f"grpc on {file.grpc.rpartition(':')[0]}:{port}")
            yield


async def tried(settings: Settings) -> None:
    """Mistake where a worker could not follow these settings, for a backend's key or certificates are not there."""
    reaches = Reaches(opened, reading.secret)
    reaches.change(settings.backends, settings.file.times)
    await reaches.close()


async def _entered(stack: AsyncExitStack, face: AbstractAsyncContextManager[None]) -> Callable[[], Awaitable[None]]:
    """Enter it, to be left with all else at the latest; returns what leaves it before."""
    own = await stack.enter_async_context(AsyncExitStack())
    await own.enter_async_context(face)
    return own.aclose
