"""The seam between the gateway and whatever carries its calls: what is asked, what comes back, how it fails.

An answer is handed out when its body has begun, not when its head is there: servers of models send the head of a stream
long before the first token, and up to that token the call may still be made elsewhere. From then on the reader is told
by `Failed` if the answer ends before it is complete; silence never passes for an end.
"""

from enum import StrEnum
from typing import Protocol, TypeAlias

from msgspec import Struct

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""Names in lower case, as they came or as they go out; none may hold CR, LF or NUL."""


class Trouble(StrEnum):
    """Why a call failed."""

    UNREACHABLE = "unreachable"  # no connection, or no TLS session
    BROKEN = "broken"  # it was over before its answer was complete
    GARBLED = "garbled"  # what came is no HTTP, or more than is taken of it
    LATE = "late"  # nothing came for longer than is waited


class Failed(Exception):
    """A call that was not answered, or whose answer is not complete."""

    def __init__(self, trouble: Trouble, what: str) -> None:
        super().__init__(what)
        self.trouble = trouble


class Patience(Struct, frozen=True):
    """How long is waited, in seconds: for a connection, for the body to begin, between two pieces of it, and how long
    a connection that nobody uses is kept."""

    connect: float = 2.0
    begin: float = 600.0
    idle: float = 60.0
    keep: float = 30.0


class Bounds(Struct, frozen=True):
    """How much is taken: bytes of a head, its headers, and bytes of a body that its reader has not come for yet."""

    head: int = 65_536
    headers: int = 256
    ahead: int = 65_536


class Call(Struct, frozen=True):
    """What is asked. `host` and the headers that frame the body are added by who sends it."""

    path: bytes
    headers: Headers = ()
    body: bytes = b""
    method: bytes = b"POST"


class Answer(Protocol):
    """What comes back. `seconds` is from the call's last byte to its body's first (its end, where it has none), as the
    socket saw it: what this process was too busy to look at does not count."""

    status: int
    headers: Headers
    seconds: float

    async def read(self) -> bytes:
        """The next piece of the body; empty at its end. Raises Failed where it ends too early."""
        ...

    def close(self) -> None:
        """No more of it is wanted: what has not come yet is cut off at once."""
        ...


class Upstream(Protocol):
    """A server that can be asked."""

    async def ask(self, call: Call) -> Answer:
        """Send a call; returns when its answer's body has begun. Raises Failed. Cancelled, it leaves nothing behind."""
        ...

    async def close(self) -> None:
        """Cut off all that is under way, and all connections."""
        ...
