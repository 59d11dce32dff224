"""The same by aiohttp, for servers that are reached by a proxy or do what our own client refuses. Its `seconds` is by
this process's clock, so a busy loop is taken for a slow backend."""

import asyncio
import ssl
from time import monotonic

import aiohttp
from aiohttp import ClientResponse, ClientTimeout

from gateway.upstream.model import Bounds, Call, Failed, Headers, Patience, Trouble

FRAMING = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "te", "upgrade"})


class AioAnswer:
    """An answer whose first piece is there."""

    def __init__(self, response: ClientResponse, first: bytes, seconds: float, idle: float) -> None:
        self.status = response.status
        self.headers: Headers = tuple((name.lower(), value) for name, value in response.raw_headers)
        self.seconds = seconds
        self._response, self._first, self._idle = response, first, idle
        self._whole = not first

    async def read(self) -> bytes:
        """The next piece of the body; empty at its end."""
        if self._first or self._whole:
            piece, self._first = self._first, b""
            return piece
        try:
            async with asyncio.timeout(self._idle):
                piece = await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            self._response.close()
            raise _failed(error) from None
        self._whole = not piece
        return piece

    def close(self) -> None:
        """Give the connection back where the answer is whole, cut it off where it is not."""
        if self._whole:
            self._response.release()
        else:
            self._response.close()


class Aio:
    """A server that is asked by aiohttp."""

    def __init__(
        self,
        url: str,
        *,
        tls: ssl.SSLContext | None = None,
        patience: Patience | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self._url, self._tls = url.rstrip("/"), tls
        self._patience, self._bounds = patience or Patience(), bounds or Bounds()
        self._session: aiohttp.ClientSession | None = None

    async def ask(self, call: Call) -> AioAnswer:
        """Send a call; returns when its answer's body has begun. Raises Failed."""
        session = self._opened()
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in call.headers]
        began = monotonic()
        response: ClientResponse | None = None
        try:
            async with asyncio.timeout(self._patience.begin):
                response = await session.request(
                    call.method.decode(),
                    self._url + call.path.decode(),
                    data=call.body or None,
                    headers=[each for each in headers if each[0] not in FRAMING],
                    allow_redirects=False,
                )
                first = await response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            if response is not None:
                response.close()
            raise _failed(error) from None
        except asyncio.CancelledError:
            if response is not None:
                response.close()
            raise
        return AioAnswer(response, first, monotonic() - began, self._patience.idle)

    async def close(self) -> None:
        """Cut off all connections."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            patience, bounds = self._patience, self._bounds
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=patience.keep, ssl=self._tls or True),
                timeout=ClientTimeout(total=None, sock_connect=patience.connect),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                max_field_size=bounds.head,
                read_bufsize=bounds.ahead,
                trust_env=True,
            )
        return self._session


def _failed(error: BaseException) -> Failed:
    """What went wrong, in our words; the error's own stay with us."""
    match error:
        case aiohttp.ConnectionTimeoutError() | aiohttp.ClientConnectorError():
            return Failed(Trouble.UNREACHABLE, str(error))
        case TimeoutError():
            return Failed(Trouble.LATE, "nothing came for longer than is waited")
        case aiohttp.ClientPayloadError() | aiohttp.ServerDisconnectedError() | OSError():
            return Failed(Trouble.BROKEN, str(error))
    return Failed(Trouble.GARBLED, str(error))
