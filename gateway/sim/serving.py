"""A simulator that listens."""

import asyncio
import signal
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

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


async def simulate(model: str, settings: Settings, where: str, seed: int, say: Callable[[str], None]) -> None:
    """Simulate until SIGTERM or SIGINT."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    async with simulating(model, settings, where, seed) as (_, url):
        say(f"simulator of {model} on {url}")
        await stop.wait()
