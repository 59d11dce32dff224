"""One request's answer on its way to the client: an error, a whole body, or a stream; and the record of it."""

from dataclasses import dataclass

from gateway.core.model import Reason, Tokens
from gateway.http import errors, limits
from gateway.http.errors import Wrong
from gateway.http.incoming import Send
from gateway.http.sse import Events
from gateway.http.usage import used, used_at_end
from gateway.keys import Key
from gateway.passage import Passing
from gateway.process import Gateway
from gateway.record import Done, Outcome
from gateway.upstream.model import Answer, Failed, Headers

PASSED_BACK = frozenset(
    {b"content-type", b"retry-after", b"retry-after-ms", b"x-should-retry", b"openai-processing-ms"}
)
"""What clients are told of a backend's headers."""
WHOLE = 262_144
"""Bytes of a body up to which it is kept until it is whole, so that one that breaks off becomes an error."""
TAIL = 4096
"""Bytes of the end of a longer one, where servers tell of usage."""
NOBODY = Key("")
NOTHING = Tokens()
STREAM = b"text/event-stream"
JSON = (b"content-type", b"application/json")


@dataclass(slots=True, eq=False)
class Exchange:
    """What is known of a request, and where its answer goes. `tokens` is what it has used so far."""

    gateway: Gateway
    send: Send
    kind: str
    began: float
    id: bytes = b""
    key: Key = NOBODY
    model: str = ""
    passing: Passing | None = None
    tokens: Tokens = NOTHING
    overhead: float = 0.0
    stream: bool = False
    recorded: bool = False

    async def wrong(self, wrong: Wrong, outcome: Outcome = Outcome.REFUSED, reason: Reason | None = None) -> None:
        """Say what is wrong, and record it."""
        self.over(outcome, wrong.status, reason)
        await self._whole(wrong.status, (JSON, *wrong.headers), wrong.body)

    async def answer(self, passing: Passing, answer: Answer, prompt: int) -> None:
        """Pass a backend's answer on, and record how it ended; `prompt` are its tokens where nobody tells of them."""
        self.passing = passing
        self.overhead = self.gateway.clock() - self.began - passing.waited - passing.spent
        headers = tuple(each for each in answer.headers if each[0] in PASSED_BACK)
        kind = next((value for name, value in headers if name == b"content-type"), b"")
        if answer.status == 200 and kind.startswith(STREAM):
            self.stream = True
            await self._stream(answer, headers, prompt)
        else:
            await self._body(answer, headers, prompt)

    def over(self, outcome: Outcome, status: int, reason: Reason | None = None) -> None:
        """Record that it is over, once."""
        if not self.recorded:
            self.recorded = True
            self.gateway.over(self._done(outcome, status, reason))

    async def _body(self, answer: Answer, headers: Headers, prompt: int) -> None:
        whole = bytearray()
        try:
            while piece := await answer.read():
                whole += piece
                if len(whole) > WHOLE:
                    await self._long(answer, headers, bytes(whole), prompt)
                    return
        except Failed as failed:
            await self.wrong(errors.failure(failed), Outcome.BROKEN)
            return
        body = bytes(whole)
        if answer.status == 200:
            self.tokens = used(body) or Tokens(prompt)
        self.over(Outcome.ANSWERED if answer.status < 500 else Outcome.FAILED, answer.status)
        await self._whole(answer.status, headers, body)

    async def _long(self, answer: Answer, headers: Headers, piece: bytes, prompt: int) -> None:
        """Pass on a body that is too long to be kept. Where it breaks off, so does what the client gets: its last chunk
        is missing, which is all that HTTP can say by then."""
        await self._start(answer.status, headers)
        tail = b""
        try:
            while piece:
                await self._piece(piece)
                tail = (tail + piece)[-TAIL:]
                piece = await answer.read()
        except Failed:
            self.over(Outcome.BROKEN, answer.status)
            return
        self.tokens = used_at_end(tail) or Tokens(prompt)
        self.over(Outcome.ANSWERED, answer.status)
        await self._last(b"")

    async def _stream(self, answer: Answer, headers: Headers, prompt: int) -> None:
        """Pass events on as they come. What ends too early ends with an error that its client reads."""
        events, last = Events(), b""
        await self._start(answer.status, headers)
        try:
            while piece := await answer.read():
                whole = events.feed(piece)
                self.tokens = Tokens(prompt, events.count)
                if whole:
                    await self._piece(whole)
        except Failed as failed:
            last = errors.event(f"The answer broke off: {failed.trouble.value}", f"upstream_{failed.trouble.value}")
        else:
            if not events.complete:
                last = errors.event("The answer broke off: it ended without saying so", "upstream_broken")
        self.tokens = events.used() or self.tokens
        self.over(Outcome.BROKEN if last else Outcome.ANSWERED, answer.status)
        await self._last(last)

    async def _whole(self, status: int, headers: Headers, body: bytes) -> None:
        await self._start(status, (*headers, (b"content-length", b"%d" % len(body))))
        await self._last(body)

    async def _start(self, status: int, headers: Headers) -> None:
        gateway = self.gateway
        more: Headers = ((b"x-request-id", self.id),)
        if self.key is not NOBODY:
            more += limits.headers(gateway.core.tenant(self.key.tenant), gateway.clock())
        if self.passing is not None and gateway.settings.file.show_backend:
            more += ((b"x-gateway-backend", self.passing.backend.encode()),)
        await self.send({"type": "http.response.start", "status": status, "headers": [*headers, *more]})

    async def _piece(self, body: bytes) -> None:
        await self.send({"type": "http.response.body", "body": body, "more_body": True})

    async def _last(self, body: bytes) -> None:
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    def _done(self, outcome: Outcome, status: int, reason: Reason | None) -> Done:
        passing, gateway = self.passing, self.gateway
        done = Done(
            at=gateway.wall(),
            edge="http",
            kind=self.kind,
            tenant=self.key.tenant,
            key=self.key.name,
            model=self.model,
            outcome=outcome,
            status=status,
            reason=reason,
            took=gateway.clock() - self.began,
            stream=self.stream,
            tokens=self.tokens,
            overhead=self.overhead,
        )
        return done if passing is None else passing.recorded_in(done)
