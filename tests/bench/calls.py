"""Calls over gRPC, many at once, counted: `python -m tests.bench.calls PORT METHOD AT_ONCE SECONDS KEY`."""

import asyncio
import sys
from time import monotonic
from typing import Any

import grpc
import msgspec

from gateway.grpc.stubs import SERVICE, load
from tests.bench.ours import ROOT
from topologies import process

UNARY, STREAM = "Chat", "StreamChat"


def called(port: int, method: str, at_once: int, seconds: float, key: str, cores: str) -> dict[str, float]:
    """Answers, or messages of streams, a second, and how long they take to begin, in ms; loaded from these cores."""
    words = [sys.executable, "-m", "tests.bench.calls", str(port), method, str(at_once), str(seconds), key]
    done = process.run(["taskset", "-c", cores, *words], env={"PYTHONPATH": str(ROOT)}, timeout=120)
    return msgspec.json.decode(done.stdout, type=dict[str, float])


class Calls:
    """Calls, one after the other in each of several tasks."""

    def __init__(self, channel: grpc.aio.Channel, method: str, key: str, until: float) -> None:
        stubs = load()
        message, told = stubs.message("ChatRequest"), stubs.message("ChatChunk" if method == STREAM else "ChatReply")
        kind = channel.unary_stream if method == STREAM else channel.unary_unary
        self._call: Any = kind(f"/{SERVICE}/{method}", message.SerializeToString, told.FromString)
        said = stubs.message("Message")(role="user", content="hello there")
        self._asked = message(model="llama", messages=[said], max_tokens=20)
        self._sent, self._stream, self._until = (("authorization", f"Bearer {key}"),), method == STREAM, until
        self.count, self.firsts = 0, list[float]()

    async def run(self) -> None:
        """Until the time is over."""
        while (begun := monotonic()) < self._until:
            call = self._call(self._asked, metadata=self._sent)
            if not self._stream:
                await call
                self._one(begun, first=True)
                continue
            first = True
            async for _ in call:
                self._one(begun, first=first)
                first = False

    def _one(self, begun: float, *, first: bool) -> None:
        now = monotonic()
        self.count += now < self._until
        if first:
            self.firsts.append(now - begun)


async def loaded(port: int, method: str, at_once: int, seconds: float, key: str) -> dict[str, float]:
    """Load it, and count."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        calls = Calls(channel, method, key, monotonic() + seconds)
        await asyncio.gather(*(calls.run() for _ in range(at_once)))
    firsts = sorted(calls.firsts)
    half, last = firsts[len(firsts) // 2], firsts[len(firsts) * 99 // 100]
    return {"rate": calls.count / seconds, "p50 ms": half * 1000, "p99 ms": last * 1000}


if __name__ == "__main__":
    port, method, at_once, seconds, key = sys.argv[1:]
    found = asyncio.run(loaded(int(port), method, int(at_once), float(seconds), key))
    sys.stdout.write(msgspec.json.encode(found).decode())
