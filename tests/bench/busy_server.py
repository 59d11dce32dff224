"""A server of models that can do so much and no more: `python -m tests.bench.busy_server PORT SLOTS SECONDS`. So many
requests are worked on at once, each for so long; all others wait, in order, however many they are, and whether or not
anybody still waits for their answers."""

import asyncio
import sys

from tests.bench.model_server import WHOLE, Connection


class Busy(Connection):
    """One client's connection."""

    slots: asyncio.Semaphore
    seconds: float

    def __init__(self) -> None:
        super().__init__()
        self._working = set[asyncio.Task[None]]()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone, and what it asked is done all the same."""

    def answered(self, body: bytes) -> None:
        """Work on it, when its turn comes."""
        task = asyncio.get_running_loop().create_task(self._work())
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _work(self) -> None:
        async with self.slots:
            await asyncio.sleep(self.seconds)
        if not self._transport.is_closing():
            self._transport.write(WHOLE)


async def serve(port: int, slots: int, seconds: float) -> None:
    """Serve until the end."""
    Busy.slots, Busy.seconds = asyncio.Semaphore(slots), seconds
    server = await asyncio.get_running_loop().create_server(Busy, "127.0.0.1", port, backlog=4096)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
