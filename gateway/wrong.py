"""What is wrong with a request, or with what became of it: a status, a text, and whether clients may ask again. In the
shape that OpenAI's clients know; edges that speak otherwise have a word of theirs for each status."""

from collections.abc import Mapping
from math import ceil, inf

import msgspec
from msgspec import Struct

from gateway.core.model import Reason, Refused
from gateway.upstream.model import Failed, Headers, Trouble

NOT_AGAIN: Headers = ((b"x-should-retry", b"false"),)
"""For what is refused because there is too much: asking again at once is what makes an overload last."""


class Wrong(Exception):
    """A request that is answered with an error."""

    def __init__(
        self,
        status: int,
        kind: str,
        what: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Headers = (),
    ) -> None:
        super().__init__(what)
        self.status, self.headers, self.what = status, headers, what
        self.body = msgspec.json.encode({"error": {"message": what, "type": kind, "param": param, "code": code}})


class _Said(Struct, frozen=True):
    """How a refusal is put: its status, type, code and text."""

    status: int
    kind: str
    code: str
    text: str


OVER, RATE = "overloaded_error", "rate_limit_exceeded"
REFUSALS: Mapping[Reason, _Said] = {
    Reason.BUSY: _Said(503, OVER, "overloaded", "The gateway has no time for more requests."),
    Reason.REQUESTS: _Said(429, "requests", RATE, "Too many requests a minute."),
    Reason.TOKENS: _Said(429, "tokens", RATE, "Too many tokens a minute."),
    Reason.CONCURRENCY: _Said(429, "requests", "concurrency_limit_exceeded", "Too many requests at once."),
    Reason.BUDGET: _Said(429, "insufficient_quota", "insufficient_quota", "The budget is used up."),
    Reason.QUEUE_FULL: _Said(503, OVER, "queue_full", "Too many requests wait for this model."),
    Reason.QUEUE_DELAY: _Said(503, OVER, "queue_delay", "Requests wait too long for this model."),
    Reason.DEADLINE: _Said(504, "timeout_error", "deadline_exceeded", "It cannot be answered in the time given."),
    Reason.NO_BACKEND: _Said(503, OVER, "no_backend", "No server of this model can be asked now."),
}
FINAL = frozenset({Reason.BUSY, Reason.BUDGET, Reason.QUEUE_FULL, Reason.QUEUE_DELAY, Reason.DEADLINE})
"""For these clients are told not to ask again by themselves."""


def refusal(refused: Refused) -> Wrong:
    """A refusal by the gateway."""
    said = REFUSALS[refused.reason]
    headers: Headers = NOT_AGAIN if refused.reason in FINAL else ()
    if 0 < refused.retry_after < inf:
        headers += (
            (b"retry-after-ms", b"%d" % ceil(refused.retry_after * 1000)),
            (b"retry-after", b"%d" % ceil(refused.retry_after)),
        )
    return Wrong(said.status, said.kind, said.text, code=said.code, headers=headers)


def failure(failed: Failed) -> Wrong:
    """No backend answered; what its text says of addresses stays here."""
    if failed.trouble is Trouble.LATE:
        return Wrong(504, "upstream_error", "The model's server did not answer in time.", code="upstream_timeout")
    return Wrong(
        502, "upstream_error", "The model's server could not be asked.", code=f"upstream_{failed.trouble.value}"
    )


def event(what: str, code: str) -> bytes:
    """An error in the middle of a stream: clients raise it where they read."""
    error = {"error": {"message": what, "type": "upstream_error", "param": None, "code": code}}
    return b"data: " + msgspec.json.encode(error) + b"\n\n"
