"""The process of a worker: it does what it is asked over its pipe, and ends when told to, or when nobody is there that
could tell it."""

import asyncio
import signal
import socket
import sys
import time
from contextlib import AsyncExitStack, suppress

from gateway.beside import beside
from gateway.config.settings import settle
from gateway.crew import Change, Leave, Question
from gateway.errors import GatewayError
from gateway.listening import Doors
from gateway.worker import Worker
from gateway.workers.channel import Answered, Asked, Pipe, refusal
from gateway.workers.memory import Memory, SharedPages

MODULE = "gateway.workers.process"
LAST = 1.0  # seconds that a worker waits at its end for its last rows to be taken


def arguments(pipe: int, http: int, memory: int, column: int, columns: int, grpc: str) -> list[str]:
    """The command of a worker: three file descriptors that it inherits, which of how many workers it is, where gRPC is
    served."""
    numbers = map(str, (pipe, http, memory, column, columns))
    return [sys.executable, "-P", "-m", MODULE, *numbers, grpc]


class Process:
    """One, with its own end of a pipe."""

    def __init__(self, doors: Doors, pages: SharedPages) -> None:
        self._doors, self._pages = doors, pages
        self._stopping = asyncio.Event()

    async def run(self, sock: socket.socket) -> None:
        """Be a worker; the first thing that it is told are its settings. What goes wrong then is said over the pipe,
        and raised later."""
        pipe = await Pipe.of(sock)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._stopping.set)
        try:
            first = await pipe.receive(Asked)
            async with AsyncExitStack() as stack:
                try:
                    worker = self._worker(first.question)
                    await stack.enter_async_context(beside(self._answer(worker, pipe), self._stopping.set))
                    stack.push_async_callback(self._emptied, worker)
                    await stack.enter_async_context(worker.running())
                except GatewayError as error:
                    pipe.send(refusal(first.number, error))
                    return
                pipe.send(Answered(first.number))
                await self._stopping.wait()
                worker.do(Leave())
        finally:
            pipe.close()

    async def _emptied(self, worker: Worker) -> None:
        """Have the last rows taken, as long as somebody may."""
        recent, end = worker.gateway.recent, time.monotonic() + LAST
        while recent and time.monotonic() < end:
            await asyncio.sleep(LAST / 20)

    def _worker(self, question: Question) -> Worker:
        assert isinstance(question, Change), "without settings it can do nothing"
        self._pages.rows = question.rows
        settings = settle(question.text, question.place, question.added)
        return Worker(settings, self._doors, stop=self._stopping.set, pages=self._pages)

    async def _answer(self, worker: Worker, pipe: Pipe) -> None:
        """Answer questions, until nobody asks any more; also while it ends."""
        with suppress(ConnectionError):
            while True:
                asked = await pipe.receive(Asked)
                if isinstance(asked.question, Change):
                    self._pages.rows = asked.question.rows
                try:
                    pipe.send(Answered(asked.number, worker.do(asked.question)))
                except GatewayError as error:
                    pipe.send(refusal(asked.number, error))


async def main(pipe: int, http: int, memory: int, column: int, columns: int, *, grpc: str) -> None:
    """Run with what `arguments` was given."""
    doors = Doors(socket.socket(fileno=http), grpc, shared=True)
    pages = SharedPages(Memory(columns, memory), column)
    await Process(doors, pages).run(socket.socket(fileno=pipe))


if __name__ == "__main__":
    from gateway.running import run_worker

    run_worker(main(*map(int, sys.argv[1:-1]), grpc=sys.argv[-1]))
