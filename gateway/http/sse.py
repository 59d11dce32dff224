"""Server-sent events as they pass: only whole ones go on, so that a stream which breaks off can still be ended by an
error that its client understands (WHATWG HTML, 9.2)."""

import re

from gateway.core.model import Tokens
from gateway.http.usage import used
from gateway.upstream.model import Failed, Trouble

MOST = 1 << 20
"""Bytes of one event; more is no stream of tokens."""
LAST = re.compile(
    rb'^(?:data: ?\[DONE\]|event: ?(?:response\.(?:completed|failed|incomplete)|error)\s|data: ?\{\s*"error")',
    re.MULTILINE,
)
"""What a stream says when it has come to its end, in any of OpenAI's ways."""
DATA = re.compile(rb"^data: ?(\{.*\"usage\".*\})\s*$", re.MULTILINE)


class Events:
    """One stream. `count` is of events with data, which is about one for each token where nothing better is known."""

    def __init__(self) -> None:
        self.count = 0
        self._rest = b""
        self._last: tuple[bytes, bytes] = (b"", b"")

    def feed(self, piece: bytes) -> bytes:
        """The events that a piece makes whole; what has begun is kept. Raises Failed for one that never ends."""
        if self._rest:
            piece = self._rest + piece
        end = _end(piece)
        if end != len(piece):
            if len(piece) - end > MOST:
                raise Failed(Trouble.GARBLED, f"an event of more than {MOST} bytes")
            self._rest, piece = piece[end:], piece[:end]
        else:
            self._rest = b""
        if piece:
            self.count += piece.count(b"data:")
            self._last = (self._last[1], piece)
        return piece

    @property
    def complete(self) -> bool:
        """Whether it has said that it is at its end, and nothing is left that had begun."""
        return not self._rest and any(LAST.search(each) for each in self._last)

    def used(self) -> Tokens | None:
        """The tokens that it told of at its end."""
        told = [used(each) for piece in self._last for each in DATA.findall(piece)]
        return next((each for each in reversed(told) if each is not None), None)


def _end(piece: bytes) -> int:
    """Where the last whole event ends."""
    if piece.endswith((b"\n\n", b"\r\n\r\n")):
        return len(piece)
    ends = [at + len(end) for end in (b"\n\n", b"\r\n\r\n") if (at := piece.rfind(end)) >= 0]
    return max(ends, default=0)
