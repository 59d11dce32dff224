"""One request's answer on its way to the client: an error, a whole body, or a stream."""

from dataclasses import dataclass

from gateway.account import NOBODY, Account
from gateway.core.model import Reason, Tokens
from gateway.http import limits
from gateway.http.incoming import Message, Send
from gateway.http.sse import Events
from gateway.http.usage import used, used_at_end
from gateway.passage import Passing
from gateway.record import Outcome
from gateway.upstream.model import Answer, Failed, Headers
from gateway.wrong import Wrong, event, failure

PASSED_BACK = frozenset(
    {b"content-type", b"retry-after", b"retry-after-ms", b"x-should-retry", b"openai-processing-ms"}
)
"""What clients are told of a backend's headers."""
WHOLE = 262_144
"""Bytes of a body up to which it is kept until it is whole, so that one that breaks off becomes an error."""
TAIL = 4096
"""Bytes of the end of a longer one, where servers tell of usage."""
STREAM = b"text/event-stream"
JSON = (b"content-type", b"application/json")


@dataclass(slots=True, eq=False)
class Exchange:
    """Where an answer goes, and the account of its request."""

    account: Account
    send: Send

    async def wrong(self, wrong: Wrong, outcome: Outcome = Outcome.REFUSED, reason: Reason | None = None) -> None:
        """Say what is wrong, and record it."""
        self.account.over(outcome, wrong.status, reason)
        await self._whole(wrong.status, (JSON, *wrong.headers), wrong.body)

    async def answer(self, passing: Passing, answer: Answer, prompt: int) -> None:
        """Pass a backend's answer on, and record how it ended; `prompt` are its tokens where nobody tells of them."""
        self.account.passed(passing)
        headers = tuple(each for each in answer.headers if each[0] in PASSED_BACK)
        kind = next((value for name, value in headers if name == b"content-type"), b"")
        if answer.status == 200 and kind.startswith(STREAM):
            self.account.stream = True
            await self._stream(answer, headers, prompt)
        else:
            await self._body(answer, headers, prompt)

    async def _body(self, answer: Answer, headers: Headers, prompt: int) -> None:
        whole = bytearray()
        try:
            while piece := await answer.read():
                whole += piece
                if len(whole) > WHOLE:
                    await self._long(answer, headers, bytes(whole), prompt)
                    return
        except Failed as failed:
            await self.wrong(failure(failed), Outcome.BROKEN)
            return
        body = bytes(whole)
        if answer.status == 200:
            self.account.tokens = used(body) or Tokens(prompt)
        self.account.over(Outcome.ANSWERED if answer.status < 500 else Outcome.FAILED, answer.status)
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
            self.account.over(Outcome.BROKEN, answer.status)
            return
        self.account.tokens = used_at_end(tail) or Tokens(prompt)
        self.account.over(Outcome.ANSWERED, answer.status)
        await self._last(b"")

    async def _stream(self, answer: Answer, headers: Headers, prompt: int) -> None:
        """Pass events on as they come. What ends too early ends with an error that its client reads."""
        events, last = Events(), b""
        await self._start(answer.status, headers)
        try:
            while piece := await answer.read():
                whole = events.feed(piece)
                self.account.tokens = Tokens(prompt, events.count)
                if whole:
                    await self._piece(whole)
        except Failed as failed:
            last = event(f"The answer broke off: {failed.trouble.value}", f"upstream_{failed.trouble.value}")
        else:
            if not events.complete:
                last = event("The answer broke off: it ended without saying so", "upstream_broken")
        self.account.tokens = events.used() or self.account.tokens
        self.account.over(Outcome.BROKEN if last else Outcome.ANSWERED, answer.status)
        await self._last(last)

    async def _whole(self, status: int, headers: Headers, body: bytes) -> None:
        await self.send(self._head(status, (*headers, (b"content-length", b"%d" % len(body)))))
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    async def _start(self, status: int, headers: Headers) -> None:
        await self.send(self._head(status, headers))

    def _head(self, status: int, headers: Headers) -> Message:
        account, gateway = self.account, self.account.gateway
        more: Headers = ((b"x-request-id", self.account.id),)
        if account.key is not NOBODY:
            more += limits.headers(gateway.core.tenant(account.key.tenant), gateway.clock())
        if account.passing is not None and gateway.settings.file.show_backend:
            more += ((b"x-gateway-backend", account.passing.backend.encode()),)
        return {"type": "http.response.start", "status": status, "headers": [*headers, *more]}

    async def _piece(self, body: bytes) -> None:
        await self.send({"type": "http.response.body", "body": body, "more_body": True})

    async def _last(self, body: bytes) -> None:
        await self.send({"type": "http.response.body", "body": body, "more_body": False})
