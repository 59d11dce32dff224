"""One line of JSON for each request that is over. Lines are made and written by a thread, some at a time; where that
cannot follow, lines are left out and counted, and no request waits."""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gateway.errors import Fault
from gateway.record import Done, Outcome

EVERY = 0.1  # seconds between two writings
MOST = 20_000  # lines that wait
ATOMIC = 4096  # bytes that a pipe takes from one writer without those of another in between
MILLI = 1000


class Journal:
    """Where lines go. `failed` leaves out those that were answered; `lost` is told how many could not be written."""

    def __init__(self, to: str, *, failed: bool, lost: Callable[[int], None]) -> None:
        self._fd = _opened(to)
        self._failed, self._lost = failed, lost
        self._waiting: list[Done] = []

    def over(self, done: Done) -> None:
        """A request is over."""
        if self._failed and done.outcome is Outcome.ANSWERED and done.status < 400:
            return
        if len(self._waiting) >= MOST:
            self._lost(1)
        else:
            self._waiting.append(done)

    async def keep(self) -> None:
        """Write them, for as long as the process lives, and the last ones at its end."""
        try:
            while True:
                await asyncio.sleep(EVERY)
                await self._write()
        finally:
            self._lost(_written(self._fd, self._waiting))
            if self._fd != sys.stdout.fileno():
                os.close(self._fd)

    async def _write(self) -> None:
        if self._waiting:
            lines, self._waiting = self._waiting, []
            self._lost(await asyncio.to_thread(_written, self._fd, lines))


def line(done: Done) -> bytes:
    """What is said of a request: milliseconds where a name ends on _ms, money in millionths."""
    said = {
        "at": datetime.fromtimestamp(done.at, UTC).isoformat(timespec="milliseconds"),
        "id": done.id,
        "trace": done.trace.id if done.trace else "",
        "edge": done.edge,
        "kind": done.kind,
        "tenant": done.tenant,
        "key": done.key,
        "model": done.model,
        "outcome": done.outcome.value,
        "reason": done.reason.value if done.reason else "",
        "status": done.status,
        "backend": done.backend,
        "rack": done.rack,
        "stream": done.stream,
        "tries": done.tries,
        "prompt_tokens": done.tokens.prompt,
        "answer_tokens": done.tokens.answer,
        "cost": round(done.cost, 3),
        "waited_ms": round(done.waited * MILLI, 3),
        "first_ms": round(done.first * MILLI, 3),
        "overhead_ms": round(done.overhead * MILLI, 3),
        "took_ms": round(done.took * MILLI, 3),
    }
    return msgspec.json.encode(said) + b"\n"


def _written(fd: int, several: Sequence[Done]) -> int:
    """Write lines, whole ones at a time; returns how many were lost, for nobody reads them or there is no room."""
    texts, lost = [line(each) for each in several], 0
    while texts:
        piece, number = texts[0], 1
        while number < len(texts) and len(piece) + len(texts[number]) <= ATOMIC:
            piece += texts[number]
            number += 1
        del texts[:number]
        try:
            while piece:
                piece = piece[os.write(fd, piece) :]
        except OSError:
            lost += number
    return lost


def _opened(to: str) -> int:
    if to == "-":
        return sys.stdout.fileno()
    try:
        return os.open(Path(to), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise Fault(f"log: {to}: cannot be written: {error.strerror}") from None
