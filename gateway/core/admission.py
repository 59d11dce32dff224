"""The one way of a request through the gateway, whichever edge it came by.

asked      the door, its tenant's limits, a backend: admitted at once, or it waits, or it is refused
hedged     its answer is late; another backend may be asked beside the first, within the budget for that
answered   a backend has begun to answer; what another is at, is in vain
failed     a backend has not; it may be asked elsewhere, within the budget for that
ended      all is over: what it held is free, and those who wait are looked at

What becomes of those who wait is told by the call that settles it: every call returns what it settled of others. A
request is a ticket to its edge, which must bring it to its end, whatever happens.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from msgspec import Struct

from gateway.core.door import Bounds, Door
from gateway.core.health import Rules
from gateway.core.latency import Latencies
from gateway.core.model import Ask, Price, Reason, Refused, Tokens
from gateway.core.page import OwnPages, Pages
from gateway.core.queue import Patience, Queue, Waiting
from gateway.core.retries import Again, Allowed
from gateway.core.servers import Server, Servers, Standing
from gateway.core.tenants import Limits, Reserved, Tenant

FOREVER = float("inf")
FREE = Price()
LATE, ENOUGH = 0.95, 100  # the share of answers that are not late, and how many must be known to say so


class Admitted(Struct, frozen=True):
    """Go, to this backend."""

    backend: str


class Queued(Struct, frozen=True):
    """Wait; what becomes of it will be told."""


Told: TypeAlias = Admitted | Queued | Refused


@dataclass(slots=True)
class _Lane:
    """What all requests for one model share."""

    servers: Servers
    queue: "Queue[Ticket]"
    price: Price
    latencies: Latencies = field(default_factory=Latencies)


@dataclass(slots=True, eq=False)
class Ticket:
    """A request on its way; edges keep it and give it back, and look at nothing in it but `backends`: those that are at
    it. A request that was admitted and has none any more is over, and must be `ended`."""

    ask: Ask
    tenant: Tenant
    reserved: Reserved
    lane: _Lane
    backends: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    waiting: "Waiting[Ticket] | None" = None
    answered: bool = False


Settled: TypeAlias = list[tuple[Ticket, Admitted | Refused]]
"""What became of requests that waited."""


class Model(Struct, frozen=True):
    """Who serves a model, and what its tokens cost."""

    servers: tuple[Server, ...]
    price: Price = FREE


@dataclass(frozen=True, slots=True)
class Setup:
    """What a gateway is told. `rack` is where it stands."""

    tenants: Mapping[str, Limits]
    models: Mapping[str, Model]
    rack: str = ""
    bounds: Bounds = field(default_factory=Bounds)
    patience: Patience = field(default_factory=Patience)
    rules: Rules = field(default_factory=Rules)
    again: Allowed = field(default_factory=Allowed)
    hedges: Allowed = field(default_factory=lambda: Allowed(share=0.05, a_second=0.0))


class Core:
    """All that decides. `draw(n)` is a number from 0 to below n, `pages` gives each tenant's account."""

    def __init__(self, setup: Setup, draw: Callable[[int], int], now: float, pages: Pages | None = None) -> None:
        self.door = Door(setup.bounds)
        self._setup, self._draw, self._pages = setup, draw, pages or OwnPages()
        self._tenants: dict[str, Tenant] = {}
        self._lanes: dict[str, _Lane] = {}
        self._again, self._hedges = Again(now, setup.again), Again(now, setup.hedges)
        self.change(setup, now)

    def change(self, setup: Setup, now: float) -> Settled:
        """Other settings from now on. What is under way ends as it began; who waits for a model that is no more is
        refused; what tenants used and how backends stand is kept where they stay."""
        self._setup, self.door.bounds = setup, setup.bounds
        self._again.allowed, self._hedges.allowed = setup.again, setup.hedges
        before, self._tenants = self._tenants, {}
        for name, limits in setup.tenants.items():
            tenant = self._tenants[name] = before.get(name) or Tenant(limits, self._pages(name))
            tenant.change(limits, now)
        gone, self._lanes = self._lanes, {}
        for name, model in setup.models.items():
            self._lanes[name] = self._lane(gone.pop(name, None), model)
        settled = [each for lane in gone.values() for each in self._shed(lane.queue.empty(Reason.NO_BACKEND), now)]
        return settled + [each for lane in self._lanes.values() for each in self._pump(lane, now)]

    def _lane(self, lane: _Lane | None, model: Model) -> _Lane:
        setup = self._setup
        if lane is None:
            return _Lane(Servers(model.servers, setup.rules, self._draw), Queue(setup.patience), model.price)
        lane.servers.change(model.servers, setup.rules)
        lane.queue.patience, lane.price = setup.patience, model.price
        return lane

    def asked(self, ask: Ask, now: float) -> tuple[Ticket | None, Told, Settled]:
        """A request has come. Without a ticket it is over at once."""
        if not self.door.may(ask.priority):
            return None, Refused(Reason.BUSY), []
        lane, tenant = self._lanes.get(ask.model), self._tenants.get(ask.tenant)
        if lane is None or tenant is None or not lane.servers.usable():  # or they have just been taken out
            return None, Refused(Reason.NO_BACKEND), []
        if ask.deadline != FOREVER and ask.deadline <= now + lane.servers.expected():
            return None, Refused(Reason.DEADLINE, FOREVER), []
        held = tenant.reserve(ask, lane.price, now)
        if isinstance(held, Refused):
            return None, held, []
        ticket = Ticket(ask, tenant, held, lane)
        self.door.entered()
        self._again.asked(now)
        self._hedges.asked(now)
        if not len(lane.queue) and (backend := self._choice(ticket, now)) is not None:
            return ticket, self._sent(ticket, backend), []
        settled = self._shed(self._wait(ticket, now), now)
        own = next((why for each, why in settled if each is ticket), None)
        return (None, own, []) if own else (ticket, Queued(), settled)

    def hedge_after(self, ticket: Ticket) -> float:
        """Seconds without an answer after which a request is late; infinity where too little is known."""
        latencies = ticket.lane.latencies
        return latencies.quantile(LATE) if latencies.known >= ENOUGH else FOREVER

    def hedged(self, ticket: Ticket, now: float) -> Admitted | None:
        """Its answer is late: another backend that may be asked beside the first; None for no."""
        backend = self._choice(ticket, now) if len(ticket.backends) == 1 else None
        return self._sent(ticket, backend) if backend is not None and self._hedges.may(now) else None

    def answered(self, ticket: Ticket, backend: str, seconds: float, now: float) -> list[str]:
        """A backend began to answer after so long, as the socket saw it; returns those whose part in it is over, and
        whose connections are to be closed."""
        servers = ticket.lane.servers
        servers.answered(backend, seconds, now)
        ticket.lane.latencies.add(seconds)
        others = [each for each in ticket.backends if each != backend]
        for each in others:
            servers.ended(each)
        ticket.backends, ticket.answered = [backend], True
        return others

    def failed(self, ticket: Ticket, backend: str, now: float, *, full: bool) -> tuple[Admitted | None, Settled]:
        """A backend did not answer. Another may be asked (Admitted), or is at it already; else it is over."""
        servers = ticket.lane.servers
        servers.failed(backend, now, full=full)
        servers.ended(backend)
        ticket.backends.remove(backend)
        ticket.tried.append(backend)
        asks = not ticket.backends and ticket.ask.deadline > now + servers.expected()
        other = self._choice(ticket, now) if asks else None
        again = self._sent(ticket, other) if other is not None and self._again.may(now) else None
        return again, self._pump(ticket.lane, now)

    def ended(self, ticket: Ticket, used: Tokens, now: float) -> Settled:
        """It is over, with so many tokens used: it was answered, it failed, or its client is gone. Also while it still
        waits."""
        lane, tenant = ticket.lane, ticket.tenant
        waited = ticket.waiting is not None and lane.queue.leave(ticket.waiting)
        for each in ticket.backends:
            lane.servers.ended(each, answered=ticket.answered)
        if waited:
            tenant.cancel(ticket.reserved, now)
        else:
            tenant.settle(ticket.reserved, used, lane.price, now)
        self.door.left()
        return self._pump(lane, now)

    def checked(self, model: str, backend: str, now: float, *, well: bool) -> Settled:
        """A backend was asked how it is. Not well counts as a failure; one that is well has still to prove it."""
        lane = self._lanes[model]
        if not well:
            lane.servers.failed(backend, now, full=False)
        return self._pump(lane, now)

    def drained(self, model: str, backend: str, now: float) -> None:
        """An operator takes a backend out of service."""
        self._lanes[model].servers.drain(backend, now)

    def returned(self, model: str, backend: str, now: float) -> Settled:
        """An operator takes it back."""
        self._lanes[model].servers.take_back(backend, now)
        return self._pump(self._lanes[model], now)

    def ticked(self, lag: float, now: float) -> Settled:
        """Time has passed, and the loop was so late. Call it several times a second."""
        self.door.ticked(lag, now)
        settled: Settled = []
        for lane in self._lanes.values():
            lane.servers.passed(now)
            settled += self._shed(lane.queue.sweep(now), now) + self._pump(lane, now)
        return settled

    def tenant(self, name: str) -> Tenant | None:
        """What a tenant has left; None where there is no such."""
        return self._tenants.get(name)

    def standings(self, now: float) -> Iterator[tuple[str, int, list[Standing]]]:
        """Each model, how many wait for it, and how its backends stand."""
        for name, lane in self._lanes.items():
            yield name, len(lane.queue), list(lane.servers.standings(now))

    def _wait(self, ticket: Ticket, now: float) -> list[tuple[Waiting["Ticket"], Reason]]:
        ask, lane = ticket.ask, ticket.lane
        latest = ask.deadline - lane.servers.expected()  # one that begins later ends too late
        ticket.waiting = Waiting(ticket, ask.tenant, ask.priority, now, latest)
        return lane.queue.offer(ticket.waiting, cost=max(ask.most.sum, 1), share=ticket.tenant.limits.weight)

    def _pump(self, lane: _Lane, now: float) -> Settled:
        """Let those who wait go, as long as a backend takes them."""
        settled: Settled = []
        while len(lane.queue) and lane.servers.free(now):
            found, shed = lane.queue.take(now)
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
        ticket.lane.servers.began(backend)
        return Admitted(backend)

    def _choice(self, ticket: Ticket, now: float) -> str | None:
        """The backend that takes it now, none that is or was at it already."""
        tried = [*ticket.tried, *ticket.backends]
        return ticket.lane.servers.choose(self._setup.rack, now, tried=tried, prefix=ticket.ask.prefix)

    def _shed(self, shed: list[tuple[Waiting["Ticket"], Reason]], now: float) -> Settled:
        """End those who waited in vain."""
        settled: Settled = []
        for one, reason in shed:
            ticket = one.what
            ticket.waiting = None
            ticket.tenant.cancel(ticket.reserved, now)
            self.door.left()
            settled.append((ticket, Refused(reason)))
        return settled
