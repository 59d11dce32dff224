"""What is known of a request when it is over: one value, from which metrics, logs and analytics are made. No prompt, no
answer and no key is in it."""

from enum import StrEnum

from msgspec import Struct

from gateway.core.model import Reason, Tokens
from gateway.tracing import Trace


class Outcome(StrEnum):
    """How a request ended."""

    ANSWERED = "answered"
    REFUSED = "refused"  # by the gateway; `reason` says why
    FAILED = "failed"  # no backend answered, or one with an error of its own
    BROKEN = "broken"  # the answer had begun, and did not come to its end
    GONE = "gone"  # the client left before the end


class Done(Struct, frozen=True, kw_only=True):
    """A request that is over. Seconds: `waited` in the queue, `first` until its backend's answer began, `overhead` that
    the gateway added to that, `took` in all. `cost` is in millionths of money. Empty where there is none."""

    at: float  # Unix time of its end
    id: str = ""
    trace: Trace | None = None
    edge: str
    kind: str
    tenant: str
    key: str
    model: str
    outcome: Outcome
    status: int
    reason: Reason | None = None
    backend: str = ""
    rack: str = ""
    stream: bool = False
    tries: int = 0
    tokens: Tokens = Tokens()
    cost: float = 0.0
    waited: float = 0.0
    first: float = 0.0
    overhead: float = 0.0
    took: float = 0.0
