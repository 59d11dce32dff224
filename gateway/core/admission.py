"""The one way of a request through the gateway, whichever edge it came by.

asked      the door, its tenant's limits, a backend: admitted at once, or it waits, or it is refused
hedged     its answer is late; another backend may be asked beside the first, within the budget for that
answered   a backend has begun to answer; what another is at, is in vain
failed     a backend has not; it may be asked elsewhere, within the budget for that
ended      all is over: what it held is free, and those who wait are looked at

What becomes of those who wait is told by the call that settles it: every call returns what it settled of others. A
request is a ticket to its edge, which must bring it to its end, whatever happens.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from msgspec import Struct

from gateway.core.door import Bounds, Door
from gateway.core.health import Rules
from gateway.core.latency import Latencies
from gateway.core.model import Ask, Reason, Refused
from gateway.core.queue import Patience, Queue, Waiting
from gateway.core.retries import Again, Allowed
from gateway.core.servers import Server, Servers
from gateway.core.tenants import Limits, Reserved, Tenant

FOREVER = float("inf")
LATE, ENOUGH = 0.95, 100  # the share of answers that are not late, and how many must be known to say so


class Admitted(Struct, frozen=True):
    """Go, to this backend."""

    backend: str


class Queued(Struct, frozen=True):
    """Wait; what becomes of it will be told."""


Told: TypeAlias = Admitted | Queued | Refused


@dataclass(slots=True, eq=False)
class Ticket:
    """A request on its way; edges keep it and give it back, and look at nothing in it but `backends`: those that are at
    it. A request that was admitted and has none any more is over, and must be `ended`."""

    ask: Ask
    reserved: Reserved
    backends: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    waiting: "Waiting[Ticket] | None" = None


Settled: TypeAlias = list[tuple[Ticket, Admitted | Refused]]
"""What became of requests that waited."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a gateway is told. `price` is of a token, in millionths, by model; `rack` is where the gateway stands."""

    tenants: Mapping[str, Limits]
    models: Mapping[str, tuple[Server, ...]]
    price: Mapping[str, float] = field(default_factory=dict)
    rack: str = ""
    bounds: Bounds = field(default_factory=Bounds)
    patience: Patience = field(default_factory=Patience)
    rules: Rules = field(default_factory=Rules)
    again: Allowed = field(default_factory=Allowed)
    hedges: Allowed = field(default_factory=lambda: Allowed(share=0.05, a_second=0.0))


class Core:
    """All that decides. `draw(n)` is a number from 0 to below n."""

    def __init__(self, setup: Setup, draw: Callable[[int], int], now: float) -> None:
        self.door = Door(setup.bounds)
        self._setup = setup
        self._tenants = {name: Tenant.of(limits, now) for name, limits in setup.tenants.items()}
        self._servers = {name: Servers(every, setup.rules, draw) for name, every in setup.models.items()}
        self._queues: dict[str, Queue[Ticket]] = {name: Queue(setup.patience) for name in setup.models}
        self._again, self._hedges = Again(now, setup.again), Again(now, setup.hedges)
        self._latencies = {name: Latencies() for name in setup.models}

    def asked(self, ask: Ask, now: float) -> tuple[Ticket | None, Told, Settled]:
        """A request has come, of a tenant and for a model that there are. Without a ticket it is over at once."""
        if not self.door.may(ask.priority):
            return None, Refused(Reason.BUSY), []
        servers = self._servers[ask.model]
        if not servers.usable():
            return None, Refused(Reason.NO_BACKEND), []
        if ask.deadline <= now + servers.expected():
            return None, Refused(Reason.DEADLINE, FOREVER), []
        held = self._tenants[ask.tenant].reserve(ask, self._price(ask), now)
        if isinstance(held, Refused):
            return None, held, []
        ticket = Ticket(ask, held)
        self.door.entered()
        self._again.asked(now)
        self._hedges.asked(now)
        if not len(self._queues[ask.model]) and (backend := self._choice(ticket, now)) is not None:
            return ticket, self._sent(ticket, backend), []
        settled = self._shed(self._wait(ticket, now), now)
        own = next((why for each, why in settled if each is ticket), None)
        return (None, own, []) if own else (ticket, Queued(), settled)

    def hedge_after(self, model: str) -> float:
        """Seconds without an answer after which a request is late; infinity where too little is known."""
        latencies = self._latencies[model]
        return latencies.quantile(LATE) if latencies.known >= ENOUGH else FOREVER

    def hedged(self, ticket: Ticket, now: float) -> Admitted | None:
        """Its answer is late: another backend that may be asked beside the first; None for no."""
        backend = self._choice(ticket, now) if len(ticket.backends) == 1 else None
        return self._sent(ticket, backend) if backend is not None and self._hedges.may(now) else None

    def answered(self, ticket: Ticket, backend: str, seconds: float, now: float) -> list[str]:
        """A backend began to answer after so long, as the socket saw it; returns those whose part in it is over, and
        whose connections are to be closed."""
        servers, model = self._servers[ticket.ask.model], ticket.ask.model
        servers.answered(backend, seconds, now)
        self._latencies[model].add(seconds)
        others = [each for each in ticket.backends if each != backend]
        for each in others:
            servers.ended(each)
        ticket.backends = [backend]
        return others

    def failed(self, ticket: Ticket, backend: str, now: float, *, full: bool) -> tuple[Admitted | None, Settled]:
        """A backend did not answer. Another may be asked (Admitted), or is at it already; else it is over."""
        servers = self._servers[ticket.ask.model]
        servers.failed(backend, now, full=full)
        servers.ended(backend)
        ticket.backends.remove(backend)
        ticket.tried.append(backend)
        asks = not ticket.backends and ticket.ask.deadline > now + servers.expected()
        other = self._choice(ticket, now) if asks else None
        again = self._sent(ticket, other) if other is not None and self._again.may(now) else None
        return again, self._pump(ticket.ask.model, now)

    def ended(self, ticket: Ticket, used: int, now: float) -> Settled:
        """It is over, with so many tokens used: it was answered, it failed, or its client is gone. Also while it still
        waits."""
        model, tenant = ticket.ask.model, self._tenants[ticket.ask.tenant]
        waited = ticket.waiting is not None and self._queues[model].leave(ticket.waiting)
        for each in ticket.backends:
            self._servers[model].ended(each)
        if waited:
            tenant.cancel(ticket.reserved, now)
        else:
            tenant.settle(ticket.reserved, used, self._price(ticket.ask), now)
        self.door.left()
        return self._pump(model, now)

    def ticked(self, lag: float, now: float) -> Settled:
        """Time has passed, and the loop was so late. Call it several times a second."""
        self.door.ticked(lag, now)
        settled: Settled = []
        for model, queue in self._queues.items():
            self._servers[model].passed(now)
            settled += self._shed(queue.sweep(now), now) + self._pump(model, now)
        return settled

    def _wait(self, ticket: Ticket, now: float) -> list[tuple[Waiting["Ticket"], Reason]]:
        ask = ticket.ask
        latest = ask.deadline - self._servers[ask.model].expected()  # one that begins later ends too late
        ticket.waiting = Waiting(ticket, ask.tenant, ask.priority, now, latest)
        share = self._setup.tenants[ask.tenant].weight
        return self._queues[ask.model].offer(ticket.waiting, cost=max(ask.tokens, 1), share=share)

    def _pump(self, model: str, now: float) -> Settled:
        """Let those who wait go, as long as a backend takes them."""
        queue, settled = self._queues[model], list[tuple[Ticket, Admitted | Refused]]()
        while len(queue) and self._servers[model].free(now):
            found, shed = queue.take(now)
            settled += self._shed(shed, now)
            if found is None:
                break
            found.what.waiting = None
            backend = self._choice(found.what, now)
            assert backend is not None, "one of them is free, and it has tried none"
            settled.append((found.what, self._sent(found.what, backend)))
        return settled

    def _sent(self, ticket: Ticket, backend: str) -> Admitted:
        """Send a request to a backend."""
        ticket.backends.append(backend)
        self._servers[ticket.ask.model].began(backend)
        return Admitted(backend)

    def _choice(self, ticket: Ticket, now: float) -> str | None:
        """The backend that takes it now, none that is or was at it already."""
        tried = [*ticket.tried, *ticket.backends]
        return self._servers[ticket.ask.model].choose(self._setup.rack, now, tried=tried, prefix=ticket.ask.prefix)

    def _shed(self, shed: list[tuple[Waiting["Ticket"], Reason]], now: float) -> Settled:
        """End those who waited in vain."""
        settled: Settled = []
        for one, reason in shed:
            ticket = one.what
            ticket.waiting = None
            self._tenants[ticket.ask.tenant].cancel(ticket.reserved, now)
            self.door.left()
            settled.append((ticket, Refused(reason)))
        return settled

    def _price(self, ask: Ask) -> float:
        return self._setup.price.get(ask.model, 0.0)
