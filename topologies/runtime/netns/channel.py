"""What the processes of a starting lab say to each other: whole messages over a pair of connected sockets."""

import socket
from typing import TypeAlias

import msgspec


class Go(msgspec.Struct, tag="go", frozen=True, forbid_unknown_fields=True):
    """To a first process: you are on record (at the start), or all is on record (at the end); go on."""


class Here(msgspec.Struct, tag="here", frozen=True, forbid_unknown_fields=True):
    """A node's first process is ready: who it is, by the machine's numbers."""

    node: str
    pid: int
    started: int
    warnings: tuple[str, ...] = ()


class Begin(msgspec.Struct, tag="begin", frozen=True, forbid_unknown_fields=True):
    """To a node's first process: do what belongs to a stage; `awaited`: somebody cannot go on without it."""

    stage: str
    awaited: bool = False


class Ended(msgspec.Struct, tag="ended", frozen=True, forbid_unknown_fields=True):
    """A node's first process is through with a stage; what went wrong but stops nothing."""

    stage: str
    warnings: tuple[str, ...] = ()


class Progress(msgspec.Struct, tag="progress", frozen=True, forbid_unknown_fields=True):
    """How far a phase is."""

    phase: str
    done: int
    of: int


class Built(msgspec.Struct, tag="built", frozen=True, forbid_unknown_fields=True):
    """All is up: who the nodes are, how long each phase took in seconds, and what could not be done as asked."""

    nodes: tuple[Here, ...]
    phases: dict[str, float]
    warnings: tuple[str, ...] = ()


class Refused(msgspec.Struct, tag="refused", frozen=True, forbid_unknown_fields=True):
    """It did not work; the other side raises this as its own error."""

    text: str
    mistake: bool = False


Message: TypeAlias = Go | Here | Begin | Ended | Progress | Built | Refused


class Channel:
    """One end of a pair. Messages are whole or absent: None means that the other side is gone."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    @classmethod
    def pair(cls) -> tuple["Channel", "Channel"]:
        """Two ends, connected."""
        a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        return cls(a), cls(b)

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def say(self, message: Message) -> None:
        """Send a message; a gone listener is no error, for its end is noticed by other means."""
        data = msgspec.json.encode(message)
        try:
            self._socket.sendall(len(data).to_bytes(4, "little") + data)
        except BrokenPipeError:
            return

    def hear(self) -> Message | None:
        """Wait for the next message."""
        head = self._exactly(4)
        data = self._exactly(int.from_bytes(head, "little")) if head else b""
        return msgspec.json.decode(data, type=Message) if data else None

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            try:
                part = self._socket.recv(size - len(found))
            except ConnectionResetError:
                part = b""
            if not part:
                return b""
            found += part
        return found
