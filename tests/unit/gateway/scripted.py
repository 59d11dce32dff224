"""Servers on loopback that say exactly what a test tells them, and count who is connected."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """One. `calls` are the heads and bodies that came; `open` are the connections that are."""

    port: int = 0
    calls: list[bytes] = field(default_factory=list)
    connections: int = 0
    open: int = 0

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"


async def call(reader: asyncio.StreamReader) -> bytes:
    """One request, whole."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    return head + (await reader.readexactly(length) if length else b"")


def says(*pieces: bytes | asyncio.Event, reset: bool = False, stays: bool = False) -> Handler:
    """Answers each request with these pieces, and then closes, resets or stays, and lets the client close."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            if isinstance(piece, asyncio.Event):
                await piece.wait()
            else:
                writer.write(piece)
                await writer.drain()
        if reset:
            writer.transport.abort()
        elif stays:
            await reader.read()

    return handle


@asynccontextmanager
async def scripted(
    handle: Handler, *, again: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Server]:
    """A server that handles the first request of each connection so, or every one."""
    server = Server()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        server.open += 1
        try:
            while True:
                server.calls.append(await call(reader))
                await handle(reader, writer)
                if not again:
                    break
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass  # the client has left
        finally:
            server.open -= 1
            writer.close()

    listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
