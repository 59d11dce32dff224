"""What a tenant may: requests and tokens a minute, how many at once, and for how much money. Reserved when a request
begins, settled when it ends; what it reserved and did not use is given back."""

from dataclasses import dataclass, field

from msgspec import Struct

from gateway.core.bucket import Bucket
from gateway.core.model import Ask, Price, Reason, Refused, Tokens

NEVER = float("inf")


class Limits(Struct, frozen=True):
    """A tenant's; infinity for none. `budget` is money in millionths, `weight` its share where tenants compete."""

    requests_per_minute: float = NEVER
    tokens_per_minute: float = NEVER
    concurrency: float = NEVER
    budget: float = NEVER
    weight: float = 1.0


class Reserved(Struct, frozen=True):
    """What a request holds of its tenant's until it is settled."""

    tokens: int
    cost: float


@dataclass(slots=True)
class Tenant:
    """What a tenant has left. Money is in millionths."""

    limits: Limits
    requests: Bucket | None
    tokens: Bucket | None
    spent: float = 0.0
    held: float = field(default=0.0, init=False)  # money that is reserved
    running: int = field(default=0, init=False)

    @classmethod
    def of(cls, limits: Limits, now: float, spent: float = 0.0) -> "Tenant":
        """One that has used nothing of this minute, and has spent so much of its budget."""
        return cls(limits, _bucket(limits.requests_per_minute, now), _bucket(limits.tokens_per_minute, now), spent)

    def reserve(self, ask: Ask, price: Price, now: float) -> Reserved | Refused:
        """Hold what a request may use; where any of it is not there, nothing is held."""
        cost, tokens = price.of(ask.most), ask.most.sum
        if self.spent + self.held + cost > self.limits.budget:
            return Refused(Reason.BUDGET, NEVER)
        if self.running >= self.limits.concurrency:
            return Refused(Reason.CONCURRENCY)
        if self.requests is not None and not self.requests.has(1, now):
            return Refused(Reason.REQUESTS, self.requests.wait(1, now))
        if self.tokens is not None and not self.tokens.has(tokens, now):
            return Refused(Reason.TOKENS, self.tokens.wait(tokens, now))
        if self.requests is not None:
            self.requests.take(1, now)
        if self.tokens is not None:
            self.tokens.take(tokens, now)
        self.running += 1
        self.held += cost
        return Reserved(tokens, cost)

    def settle(self, reserved: Reserved, used: Tokens, price: Price, now: float) -> None:
        """End what was reserved, by the tokens that were really used: less is given back, more is a debt."""
        self.running -= 1
        self.held = max(self.held - reserved.cost, 0.0)
        self.spent += price.of(used)
        if self.tokens is not None and used.sum < reserved.tokens:
            self.tokens.give(reserved.tokens - used.sum, now)
        elif self.tokens is not None:
            self.tokens.take(used.sum - reserved.tokens, now)

    def cancel(self, reserved: Reserved, now: float) -> None:
        """End what was reserved and never began: the request counts for nothing."""
        self.settle(reserved, Tokens(), Price(), now)
        if self.requests is not None:
            self.requests.give(1, now)

    def change(self, limits: Limits, now: float) -> None:
        """Other limits from now on; what is held and spent stays."""
        self.requests = _changed(self.requests, limits.requests_per_minute, now)
        self.tokens = _changed(self.tokens, limits.tokens_per_minute, now)
        self.limits = limits


def _bucket(per_minute: float, now: float) -> Bucket | None:
    return None if per_minute == NEVER else Bucket.full(per_minute, now)


def _changed(bucket: Bucket | None, per_minute: float, now: float) -> Bucket | None:
    if bucket is None or per_minute == NEVER:
        return _bucket(per_minute, now)
    bucket.change(per_minute, now)
    return bucket
