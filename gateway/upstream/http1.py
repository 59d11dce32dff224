"""Our own client: connections that are kept, the newest used first, so that those which are not needed come to their
end. How many there are is not bounded here, for the gateway's core bounds what a backend has under way."""

import asyncio
import ssl
from functools import partial

from gateway.upstream.connection import Connection, Http1Answer, Stale
from gateway.upstream.model import Bounds, Call, Failed, Patience, Trouble
from gateway.upstream.wire import head, where


class Http1:
    """A server that is asked by HTTP/1.1. Raises ValueError for a URL that is none, as `ask` does for what no call can
    have in it."""

    def __init__(
        self,
        url: str,
        *,
        tls: ssl.SSLContext | None = None,
        patience: Patience | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self._where = where(url)
        self._tls = (tls or ssl.create_default_context()) if self._where.tls else None
        self._patience, self._bounds = patience or Patience(), bounds or Bounds()
        self._all: set[Connection] = set()
        self._idle: dict[Connection, None] = {}  # in the order in which they came free

    async def ask(self, call: Call) -> Http1Answer:
        """Send a call; returns when its answer's body has begun. Raises Failed. A connection that was kept, and that
        the server closed before it read anything, is nobody's failure: another is taken."""
        text = head(call, self._where)
        while self._idle:
            connection, _ = self._idle.popitem()
            try:
                return await connection.ask(text, call.body)
            except Stale:
                continue
        return await (await self._connect()).ask(text, call.body)

    async def close(self) -> None:
        """Cut off all that is under way, and all connections."""
        for connection in list(self._all):
            connection.abort()

    async def _connect(self) -> Connection:
        loop, to = asyncio.get_running_loop(), self._where
        made = partial(Connection, loop, self._patience, self._bounds, self._free, self._gone)
        try:
            async with asyncio.timeout(self._patience.connect):
                _, connection = await loop.create_connection(
                    made, to.host, to.port, ssl=self._tls, server_hostname=to.host if to.tls else None
                )
        except TimeoutError:
            raise Failed(Trouble.UNREACHABLE, f"no connection within {self._patience.connect:g} s") from None
        except OSError as error:
            raise Failed(Trouble.UNREACHABLE, str(error)) from None
        if connection.open:
            self._all.add(connection)
        return connection

    def _free(self, connection: Connection) -> None:
        self._idle[connection] = None

    def _gone(self, connection: Connection) -> None:
        self._all.discard(connection)
        self._idle.pop(connection, None)
