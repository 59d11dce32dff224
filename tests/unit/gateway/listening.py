"""A gateway that listens on loopback, before fake servers, for tests over real sockets."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from plain import FILE, Plain

from gateway.admin.app import Admin
from gateway.admin.desk import Desk
from gateway.answering import answer
from gateway.config.model import TlsPart
from gateway.core.page import OwnPages
from gateway.crew import Change, Drain, Leave, Look, Question, Report, Return
from gateway.http.app import App
from gateway.listening import bound, listener
from gateway.process import Gateway


class Listening(Plain):
    """It, and where it is."""

    port: int

    @property
    def url(self) -> str:
        """Of its API."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def raw(self, text: bytes) -> bytes:
        """All that it answers to these bytes, until it closes."""
        reader, writer = await self.connect()
        writer.write(text)
        try:
            return await reader.read()
        finally:
            writer.close()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to it."""
        return await asyncio.open_connection("127.0.0.1", self.port)


class One:
    """A crew that is a gateway of this process, and nothing that could end."""

    restarts = 0

    def __init__(self, gateway: Gateway) -> None:
        self._gateway, self.pages = gateway, OwnPages()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        yield

    async def ask(self, question: Question) -> list[Report]:
        assert isinstance(question, Look | Change | Drain | Return | Leave)
        report = answer(self._gateway, question)
        return [] if report is None else [report]


def operated(gateway: Gateway) -> Admin:
    """What its operators see."""
    return Admin(Desk(One(gateway), lambda: gateway.settings), {})


@asynccontextmanager
async def listening(
    text: str = FILE, tls: TlsPart | None = None, face: Callable[[Gateway], App | Admin] = App
) -> AsyncGenerator[Listening]:
    """A gateway that listens on some port, until the test is over; then nothing of it is left."""
    it = Listening(text)
    server = listener(face(it.gateway), lambda: it.gateway.settings.file, tls or TlsPart())
    sock = bound("127.0.0.1:0")
    it.port = sock.getsockname()[1]
    serving = asyncio.create_task(server.serve([sock]))
    keeping = asyncio.create_task(it.gateway.keep_time())
    try:
        yield it
    finally:
        server.should_exit = server.force_exit = True
        await serving
        keeping.cancel()
        await it.gateway.reaches.close()
