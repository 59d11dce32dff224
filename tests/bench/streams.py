"""Many streams at once, counted: `python -m tests.bench.streams PORT STREAMS SECONDS AUTHORIZATION BODY`."""

import asyncio
import sys
from time import monotonic

import msgspec
import uvloop

from tests.bench.ours import ROOT
from topologies import process
from topologies.errors import Fault


def streamed(port: int, streams: int, seconds: float, authorization: str, body: str, cores: str) -> dict[str, float]:
    """Events a second, and how long a stream takes to begin, in ms; loaded from these cores. Raises Fault where nothing
    came."""
    words = [sys.executable, "-m", "tests.bench.streams", str(port), str(streams), str(seconds), authorization, body]
    done = process.run(["taskset", "-c", cores, *words], env={"PYTHONPATH": str(ROOT)}, timeout=120)
    found = msgspec.json.decode(done.stdout, type=dict[str, float])
    if not found["rate"]:
        raise Fault("no stream has begun")
    return found


class Load:
    """Streams, one after the other on each connection."""

    def __init__(self, port: int, request: bytes, until: float) -> None:
        self._port, self._request, self._until = port, request, until
        self.events, self.firsts = 0, list[float]()

    async def run(self) -> None:
        """One connection's, until the time is over."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while monotonic() < self._until:
            begun, first, tail = monotonic(), True, b""
            writer.write(self._request)
            while not tail.endswith(b"0\r\n\r\n"):
                piece = await reader.read(65_536)
                if not piece:
                    raise ConnectionError("a stream broke off")
                if monotonic() < self._until:
                    self.events += piece.count(b"data: ")
                if first and b"data: " in piece:
                    self.firsts.append(monotonic() - begun)
                    first = False
                tail = (tail + piece)[-16:]
        writer.close()


async def loaded(port: int, streams: int, seconds: float, authorization: str, body: str) -> dict[str, float]:
    """Load it, and count."""
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: {authorization}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    )
    load = Load(port, head.encode(), monotonic() + seconds)
    await asyncio.gather(*(load.run() for _ in range(streams)))
    firsts = sorted(load.firsts)
    half, last = firsts[len(firsts) // 2], firsts[len(firsts) * 99 // 100]
    return {"rate": load.events / seconds, "p50 ms": half * 1000, "p99 ms": last * 1000}


if __name__ == "__main__":
    port, streams, seconds, authorization, body = sys.argv[1:]
    found = uvloop.run(loaded(int(port), int(streams), float(seconds), authorization, body))
    sys.stdout.write(msgspec.json.encode(found).decode())
