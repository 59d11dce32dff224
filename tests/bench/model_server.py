"""A server of models that costs next to nothing: `python -m tests.bench.model_server PORT`. It answers every POST at
once, or as a stream of fifty events, one every 20 ms, where the body says so."""

import asyncio
import sys

import uvloop

EVENTS, PACE = 50, 0.02  # of a stream, and seconds between two
BODY = (
    b'{"id":"x","object":"chat.completion","created":0,"model":"llama","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"hello there"}}],'
    b'"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}'
)
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = (
    b'data: {"id":"x","object":"chat.completion.chunk","created":0,"model":"llama","choices":[{"index":0,"delta":'
    b'{"content":"word "},"finish_reason":null}]}\n\n'
)
LAST = b"data: [DONE]\n\n"


def chunk(data: bytes) -> bytes:
    """A chunk of a body (RFC 9112, 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class Connection(asyncio.Protocol):
    """One client's."""

    def __init__(self) -> None:
        self._come = b""
        self._streaming: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # it is one

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        if self._streaming is not None:
            self._streaming.cancel()

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self._come += data
        while (end := self._come.find(b"\r\n\r\n")) >= 0:
            head = self._come[:end].lower()
            _, found, length = head.partition(b"content-length:")
            whole = end + 4 + (int(length.split(b"\r\n")[0]) if found else 0)
            if len(self._come) < whole:
                return
            body, self._come = self._come[end + 4 : whole], self._come[whole:]
            self.answered(body)

    def answered(self, body: bytes) -> None:
        """Answer a request."""
        if b'"stream":true' in body.replace(b" ", b""):
            self._streaming = asyncio.get_running_loop().create_task(self._stream())
        else:
            self._transport.write(WHOLE)

    async def _stream(self) -> None:
        self._transport.write(HEAD)
        for _ in range(EVENTS):
            await asyncio.sleep(PACE)
            self._transport.write(chunk(EVENT))
        self._transport.write(chunk(LAST) + b"0\r\n\r\n")


async def serve(port: int) -> None:
    """Serve until the end."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=1024)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
