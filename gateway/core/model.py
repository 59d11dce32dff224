"""The nouns of the gateway: what asks, why it is refused, who serves. Frozen; times in seconds of one clock."""

from enum import IntEnum, StrEnum

from msgspec import Struct


class Priority(IntEnum):
    """Who goes before whom; a lower number goes first."""

    HIGH = 0
    NORMAL = 1
    BATCH = 2


class Reason(StrEnum):
    """Why a request was refused; edges have a status for each."""

    BUSY = "busy"  # this process has no time for more
    REQUESTS = "requests"  # a minute, of a tenant
    TOKENS = "tokens"  # a minute, of a tenant
    CONCURRENCY = "concurrency"  # of a tenant
    BUDGET = "budget"  # of a tenant
    QUEUE_FULL = "queue_full"
    QUEUE_DELAY = "queue_delay"  # it waited longer than helps anybody
    DEADLINE = "deadline"  # it cannot be met
    NO_BACKEND = "no_backend"  # that may be used now


class Tokens(Struct, frozen=True):
    """How many, of a prompt and of an answer."""

    prompt: int = 0
    answer: int = 0

    @property
    def sum(self) -> int:
        """Of both."""
        return self.prompt + self.answer


class Price(Struct, frozen=True):
    """Of a token, in millionths of the money that budgets are in."""

    prompt: float = 0.0
    answer: float = 0.0

    def of(self, tokens: Tokens) -> float:
        """What so many cost, in millionths."""
        return tokens.prompt * self.prompt + tokens.answer * self.answer


class Ask(Struct, frozen=True):
    """A request as far as deciding goes. `most` is what it may use: its prompt, estimated, and all that it allows for
    the answer. `deadline` is when its client stops waiting; infinity where it never says."""

    tenant: str
    model: str
    most: Tokens
    priority: Priority = Priority.NORMAL
    deadline: float = float("inf")
    prefix: int | None = None  # a hash of how its prompt begins, where that may decide who serves


class Refused(Struct, frozen=True):
    """No, and after how many seconds to ask again: 0 where nobody knows, infinity where that would not help."""

    reason: Reason
    retry_after: float = 0.0
