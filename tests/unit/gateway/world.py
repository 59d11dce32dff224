"""A world in which the core is tried: clients that ask, give up and ask again, and backends that work and queue. Time
is simulated; chance is seeded."""

import heapq
import itertools
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from gateway.core.admission import Admitted, Core, Settled, Setup, Ticket
from gateway.core.model import Ask, Priority, Refused
from gateway.core.queue import Patience
from gateway.core.servers import Server
from gateway.core.tenants import Limits

TICK = 0.1


@dataclass
class Backend:
    """Works on `slots` at once, each for `service` seconds, more or less; others wait, in order."""

    slots: int = 10
    service: float = 0.1
    dead: bool = False
    working: int = 0
    line: deque[Callable[[], None]] = field(default_factory=deque)


@dataclass
class Call:
    """One try of a client."""

    tenant: str
    priority: Priority
    begun: float
    deadline: float
    tries: int
    ticket: Ticket | None = None
    sent: float = 0.0


class World:
    """A gateway, its backends and its clients. `patience` is how long clients wait, `again` how often they ask anew."""

    def __init__(self, backends: dict[str, str], *, patience: float = 1.0, again: int = 0, seed: int = 1) -> None:
        self.now = 0.0
        self.backends = {name: Backend() for name in backends}
        self.good: list[tuple[float, Priority, str]] = []  # answers in time
        self.asked: list[tuple[float, str]] = []
        self.told = Counter[str]()
        self.worked: list[tuple[float, str]] = []  # what backends did, for somebody or in vain
        self._patience, self._tries, self._random = patience, again, Random(seed)
        servers = tuple(Server(name, rack) for name, rack in backends.items())
        tenants = {name: Limits() for name in ("a", "b", "c")}
        setup = Setup(tenants, {"m": servers}, rack="r1", patience=Patience(target=0.1, interval=0.5, room=500))
        self.core = Core(setup, self._random.randrange, 0.0)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._calls: dict[int, Call] = {}
        self._later(TICK, self._tick)

    def load(
        self, rate: float, *, begin: float, end: float, tenant: str = "a", priority: Priority = Priority.NORMAL
    ) -> None:
        """So many new requests a second from then to then, at random moments (Poisson)."""
        at = begin
        while (at := at + self._random.expovariate(rate)) < end:
            self._at(at, lambda: self._ask(tenant, priority, self._tries))

    def at(self, moment: float, deed: Callable[[], None]) -> None:
        """Do something then."""
        self._at(moment, deed)

    def run(self, until: float) -> None:
        """Let time pass."""
        while self._events and self._events[0][0] <= until:
            self.now, _, deed = heapq.heappop(self._events)
            deed()

    def goodput(self, begin: float, end: float, priority: Priority | None = None) -> float:
        """Answers in time, a second."""
        found = [each for each in self.good if begin <= each[0] < end and priority in (None, each[1])]
        return len(found) / (end - begin)

    def _ask(self, tenant: str, priority: Priority, tries: int) -> None:
        self.asked.append((self.now, tenant))
        call = Call(tenant, priority, self.now, self.now + self._patience, tries)
        ask = Ask(tenant, "m", tokens=100, priority=priority, deadline=call.deadline)
        ticket, told, settled = self.core.asked(ask, self.now)
        self._settle(settled)
        if ticket is None:
            assert isinstance(told, Refused)
            self._refused(call, told)
            return
        call.ticket = ticket
        self._calls[id(ticket)] = call
        if isinstance(told, Admitted):
            self._send(call)

    def _settle(self, settled: Settled) -> None:
        for ticket, told in settled:
            call = self._calls[id(ticket)]
            if isinstance(told, Admitted):
                self._send(call)
            else:
                del self._calls[id(ticket)]
                self._refused(call, told)

    def _refused(self, call: Call, told: Refused) -> None:
        self.told[told.reason] += 1
        if call.tries:
            self._later(self._random.uniform(0.2, 1.0), lambda: self._ask(call.tenant, call.priority, call.tries - 1))

    def _send(self, call: Call) -> None:
        assert call.ticket is not None
        call.sent = self.now
        backend, ticket = self.backends[call.ticket.backend], call.ticket
        if backend.dead:
            self._later(0.01, lambda: self._failed(call))
        elif backend.working < backend.slots:
            self._work(backend, call)
        else:
            backend.line.append(lambda: self._work(backend, call))
        assert ticket.backend

    def _work(self, backend: Backend, call: Call) -> None:
        backend.working += 1
        self._later(backend.service * self._random.uniform(0.8, 1.2), lambda: self._done(backend, call))

    def _done(self, backend: Backend, call: Call) -> None:
        backend.working -= 1
        if backend.line:
            backend.line.popleft()()
        ticket = call.ticket
        assert ticket is not None
        self.worked.append((self.now, ticket.backend))
        if backend.dead:
            self._failed(call)
            return
        self.core.answered(ticket, self.now - call.sent, self.now)
        if self.now <= call.deadline:
            self.good.append((self.now, call.priority, call.tenant))
        elif call.tries:
            self._later(self._random.uniform(0.2, 1.0), lambda: self._ask(call.tenant, call.priority, call.tries - 1))
        self._end(call, 100)

    def _failed(self, call: Call) -> None:
        assert call.ticket is not None
        again, settled = self.core.failed(call.ticket, self.now, full=False)
        self._settle(settled)
        if again is not None:
            self._send(call)
        else:
            self.told["failed"] += 1
            self._end(call, 0)

    def _end(self, call: Call, used: int) -> None:
        ticket = call.ticket
        assert ticket is not None
        del self._calls[id(ticket)]
        self._settle(self.core.ended(ticket, used, self.now))

    def _tick(self) -> None:
        self._settle(self.core.ticked(0.0, self.now))
        self._later(TICK, self._tick)

    def _later(self, seconds: float, deed: Callable[[], None]) -> None:
        self._at(self.now + seconds, deed)

    def _at(self, moment: float, deed: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._order), deed))
