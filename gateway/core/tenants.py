"""What a tenant may: requests and tokens a minute, how many at once, and for how much money. Reserved when a request
begins, settled when it ends; what it reserved and did not use is given back."""

from dataclasses import dataclass, field

from msgspec import Struct

from gateway.core.bucket import Bucket
from gateway.core.model import Ask, Price, Reason, Refused, Tokens
from gateway.core.page import OWN, REQUESTS, TOKENS, Page

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


@dataclass(slots=True, eq=False)
class Tenant:
    """What a tenant has left. Its account is on a page that other processes may have too; money is in millionths."""

    limits: Limits
    page: Page
    requests: Bucket | None = field(default=None, init=False)
    tokens: Bucket | None = field(default=None, init=False)

    @classmethod
    def of(cls, limits: Limits, now: float, page: Page | None = None) -> "Tenant":
        """One whose account is on a page; a new page is that of one who has used nothing."""
        tenant = cls(limits, page or Page())
        tenant.change(limits, now)
        return tenant

    @property
    def running(self) -> int:
        """Requests under way."""
        return self.page.running

    @property
    def spent(self) -> float:
        """Money that is gone."""
        return self.page.spent

    def reserve(self, ask: Ask, price: Price, now: float) -> Reserved | Refused:
        """Hold what a request may use; where any of it is not there, nothing is held."""
        with self.page.lock:
            return self._reserve(Reserved(ask.most.sum, price.of(ask.most)), now)

    def _reserve(self, wanted: Reserved, now: float) -> Reserved | Refused:
        limits, page, requests, tokens = self.limits, self.page, self.requests, self.tokens
        if limits.budget != NEVER and self.spent + page.held + wanted.cost > limits.budget:
            return Refused(Reason.BUDGET, NEVER)
        if limits.concurrency != NEVER and page.running >= limits.concurrency:
            return Refused(Reason.CONCURRENCY)
        if requests is not None and not requests.taken(1, now):
            return Refused(Reason.REQUESTS, requests.wait(1, now))
        if tokens is not None and not tokens.taken(wanted.tokens, now):
            if requests is not None:
                requests.give(1, now)
            return Refused(Reason.TOKENS, tokens.wait(wanted.tokens, now))
        page.begin(wanted.cost)
        return wanted

    def settle(self, reserved: Reserved, used: Tokens, price: Price, now: float) -> None:
        """End what was reserved, by the tokens that were really used: less is given back, more is a debt."""
        with self.page.lock:
            self._settle(reserved, used.sum, price.of(used), now)

    def _settle(self, reserved: Reserved, tokens: int, cost: float, now: float) -> None:
        self.page.end(reserved.cost)
        self.page.cells[OWN] += cost
        if self.tokens is not None and tokens < reserved.tokens:
            self.tokens.give(reserved.tokens - tokens, now)
        elif self.tokens is not None:
            self.tokens.take(tokens - reserved.tokens, now)

    def cancel(self, reserved: Reserved, now: float) -> None:
        """End what was reserved and never began: the request counts for nothing."""
        with self.page.lock:
            self._settle(reserved, 0, 0.0, now)
            if self.requests is not None:
                self.requests.give(1, now)

    def change(self, limits: Limits, now: float) -> None:
        """Other limits from now on; what is held and spent stays."""
        with self.page.lock:
            self.requests = self._bucket(REQUESTS, limits.requests_per_minute, now)
            self.tokens = self._bucket(TOKENS, limits.tokens_per_minute, now)
        self.limits = limits

    def _bucket(self, place: int, per_minute: float, now: float) -> Bucket | None:
        if per_minute == NEVER:
            return None
        bucket = Bucket(self.page.cells, place)
        bucket.change(per_minute, now)
        return bucket
