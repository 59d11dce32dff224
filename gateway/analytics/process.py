"""The process that writes rows and finds sums: the only one that has the database open, for an embedded ClickHouse
wants that, and SQLite is the quicker for it. It does one thing after the other, and ends with its pipe."""

import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from gateway.analytics.model import By, Row, Usage
from gateway.analytics.stores import Rows, opened
from gateway.errors import Fault, GatewayError
from gateway.workers.channel import LENGTH

MODULE = "gateway.analytics.process"
EXPIRING = 3600.0  # seconds between two lookings for what is too old
T = TypeVar("T")


class Open(Struct, frozen=True, tag=True):
    """The database: its URL, the folder that paths are from, a password, and for how many days what is kept."""

    url: str
    folder: str
    password: str
    rows: int
    minutes: int


class Insert(Struct, frozen=True, tag=True):
    """Keep these."""

    rows: tuple[Row, ...]


class Sum(Struct, frozen=True, tag=True):
    """Tell sums from a moment on."""

    by: tuple[By, ...]
    since: float


Task: TypeAlias = Open | Insert | Sum


class Asked(Struct, frozen=True):
    """A task, and its number."""

    number: int
    question: Task


class Answered(Struct, frozen=True):
    """It is done; or what went wrong, in words."""

    number: int
    usage: tuple[Usage, ...] = ()
    mistake: str = ""
    fault: str = ""


def arguments(pipe: int) -> list[str]:
    """Its command line: a file descriptor that it inherits."""
    return [sys.executable, "-P", "-m", MODULE, str(pipe)]


class Process:
    """It."""

    def __init__(self) -> None:
        self._rows: Rows | None = None
        self._expired = time.monotonic()

    def run(self, file: BinaryIO) -> None:
        """Do tasks until nobody gives any."""
        while (asked := _read(file)) is not None:
            try:
                answer = Answered(asked.number, self._done(asked.question))
            except GatewayError as error:
                answer = Answered(asked.number, fault=str(error))
            data = msgspec.msgpack.encode(answer)
            file.write(len(data).to_bytes(LENGTH) + data)
            file.flush()
        if self._rows is not None:
            self._rows.close()

    def _done(self, task: Task) -> tuple[Usage, ...]:
        match task:
            case Open(url, folder, password, rows, minutes):
                self._rows = opened(url, Path(folder), password, rows, minutes)
                self._rows.expire()
            case Insert(rows):
                self._open.insert(rows)
                if time.monotonic() - self._expired > EXPIRING:
                    self._expired = time.monotonic()
                    self._open.expire()
            case Sum(by, since):
                return tuple(self._open.usage(by, since))
        return ()

    @property
    def _open(self) -> Rows:
        if self._rows is None:
            raise Fault("analytics: no database is open")
        return self._rows


def _read(file: BinaryIO) -> Asked | None:
    """The next task; None where nobody is there any more."""
    head = file.read(LENGTH)
    if len(head) < LENGTH:
        return None
    return msgspec.msgpack.decode(file.read(int.from_bytes(head)), type=Asked)


if __name__ == "__main__":
    with suppress(ConnectionError), socket.socket(fileno=int(sys.argv[1])) as sock, sock.makefile("rwb") as pipe:
        Process().run(pipe)  # type: ignore[arg-type]  # it reads and writes, as it was asked to
