"""A simulator that listens."""

import asyncio
import signal
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from gateway.config.model import DoorPart, GatewayFile, TimesPart, TlsPart
from gateway.listening import bound, listener
from gateway.sim.app import App, Reached
from gateway.sim.model import Settings
from gateway.sim.running import Simulator

FILE = GatewayFile(models={}, times=TimesPart(drain=5.0), door=DoorPart())
"""Bounds of its connections, as a gateway has them."""


@asynccontextmanager
async def simulating(
    model: str, settings: Settings, where: str, seed: int = 0
) -> AsyncGenerator[tuple[Simulator, str]]:
    """A simulator at HOST:PORT, and the URL that it has, until the end. Raises Fault where it cannot listen there."""
    simulator = Simulator(model, settings, seed, time.monotonic)
    server = listener(App(simulator, time.time), lambda: FILE, TlsPart(), protocol=Reached)
    sock = bound(where)
    serving, running = asyncio.create_task(server.serve([sock])), asyncio.create_task(simulator.run())
    host, port = sock.getsockname()[:2]
    try:
        yield simulator, f"http://{f'[{host}]' if ':' in host else host}:{port}"
    finally:
        server.should_exit = True
        await serving
        running.cancel()
        await asyncio.wait([running])


async def simulate(
    model: str, settings: Settings, where: str, seed: int, say: Callable[[str], None], *, grpc: str = ""
) -> None:
    """Simulate until SIGTERM or SIGINT, at HOST:PORT, and over gRPC at another one where that is said."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    async with AsyncExitStack() as stack:
        simulator, url = await stack.enter_async_context(simulating(model, settings, where, seed))
        say(f"simulator of {model} on {url}")
        if grpc:
            from gateway.sim.typed import typed

            port = await stack.enter_async_context(typed(simulator, grpc))
            say(f"gRPC on {grpc.rpartition(':')[0]}:{port}")
        await stop.wait()
