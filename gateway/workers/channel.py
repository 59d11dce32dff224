"""What the one process of a gateway and its workers say to each other, over a pair of Unix sockets: questions, and an
answer to each. A frame is its length (4 bytes, big-endian) and MessagePack."""

import asyncio
import socket
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import msgspec
from msgspec import Struct

from gateway.crew import Question, Report
from gateway.errors import Fault, GatewayError, Mistake

LENGTH = 4
T = TypeVar("T")
Q = TypeVar("Q")
A = TypeVar("A", bound="Told")


class Told(Protocol):
    """An answer: to which question, and what is wrong with that or went wrong, in words."""

    @property
    def number(self) -> int:
        """Of the question."""

    @property
    def mistake(self) -> str:
        """What must be asked otherwise."""

    @property
    def fault(self) -> str:
        """What could not be done."""


class Asked(Struct, frozen=True):
    """A question, and its number."""

    number: int
    question: Question


class Answered(Struct, frozen=True):
    """The answer to the question of that number; or what is wrong with it, or went wrong, in words."""

    number: int
    report: Report | None = None
    mistake: str = ""
    fault: str = ""


class Pipe:
    """One end. Raises ConnectionError where the other is gone."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def of(cls, sock: socket.socket) -> "Pipe":
        """The end that a socket is."""
        return cls(*await asyncio.open_unix_connection(sock=sock))

    def send(self, what: Struct) -> None:
        """Say it."""
        data = msgspec.msgpack.encode(what)
        self._writer.write(len(data).to_bytes(LENGTH) + data)

    async def receive(self, kind: type[T]) -> T:
        """What is said next."""
        try:
            length = int.from_bytes(await self._reader.readexactly(LENGTH))
            return msgspec.msgpack.decode(await self._reader.readexactly(length), type=kind)
        except IncompleteReadError:
            raise ConnectionResetError("the other end is gone") from None

    def close(self) -> None:
        """Say no more."""
        self._writer.close()


class Asking(Generic[Q, A]):
    """The end that asks; `asked` makes what is sent of a number and a question, `answered` is what comes back. Raises
    Mistake and Fault as they were answered, ConnectionError where the other is gone."""

    def __init__(self, pipe: Pipe, asked: Callable[[int, Q], Struct], answered: type[A]) -> None:
        self._pipe, self._made, self._kind = pipe, asked, answered
        self._asked: dict[int, asyncio.Future[A]] = {}
        self._last, self._gone = 0, False

    async def ask(self, question: Q) -> A:
        """Ask, and wait for the answer; several may wait at once."""
        if self._gone:
            raise ConnectionResetError("the other end is gone")
        self._last += 1
        number, future = self._last, asyncio.get_running_loop().create_future()
        self._asked[number] = future
        self._pipe.send(self._made(number, question))
        try:
            answered: A = await future
        finally:
            self._asked.pop(number, None)
        if answered.mistake:
            raise Mistake(answered.mistake)
        if answered.fault:
            raise Fault(answered.fault)
        return answered

    def close(self) -> None:
        """Ask no more."""
        self._pipe.close()

    async def listen(self) -> None:
        """Hear the answers, until the other is gone; who waits for one then is told so."""
        try:
            while True:
                answered = await self._pipe.receive(self._kind)
                if (waiting := self._asked.get(answered.number)) is not None and not waiting.done():
                    waiting.set_result(answered)
        except ConnectionError:
            pass  # which is how it ends
        finally:
            self._gone = True
            self._pipe.close()
            for each in self._asked.values():
                if not each.done():
                    each.set_exception(ConnectionResetError("the other end is gone"))


def refusal(number: int, error: GatewayError) -> Answered:
    """The answer to a question that could not be done as asked."""
    return Answered(number, mistake=str(error)) if isinstance(error, Mistake) else Answered(number, fault=str(error))
