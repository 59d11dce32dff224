"""A world in which the core is tried: clients that ask, give up and ask again, and backends that work and queue. Time
is simulated; chance is seeded."""

import heapq
import itertools
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from gateway.core.admission import Admitted, Core, Model, Settled, Setup, Ticket
from gateway.core.model import Ask, Priority, Refused, Tokens
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
    slow: float = 0.0  # the share of requests that take ten times as long
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
    sent: dict[str, float] = field(default_factory=dict)  # when to each backend
    answered: bool = False


class World:
    """A gateway, its backends and its clients. `patience` is how long clients wait, `again` how often they ask anew,
    `hedging` whether the gateway asks a second backend where the first is late."""

    def __init__(
        self, backends: dict[str, str], *, patience: float = 1.0, again: int = 0, hedging: bool = False, seed: int = 1
    ) -> None:
        self.now = 0.0
        self.backends = {name: Backend() for name in backends}
        self.good: list[tuple[float, Priority, str]] = []  # answers in time
        self.asked: list[tuple[float, str]] = []
        self.told = Counter[str]()
        self.worked: list[tuple[float, str]] = []  # what backends did, for somebody or in vain
        self.took: list[float] = []  # seconds until an answer
        self._patience, self._tries, self._random = patience, again, Random(seed)
        self._hedging = hedging
        servers = tuple(Server(name, rack) for name, rack in backends.items())
        tenants = {name: Limits() for name in ("a", "b", "c")}
        setup = Setup(tenants, {"m": Model(servers)}, rack="r1", patience=Patience(target=0.1, interval=0.5, room=500))
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
        ask = Ask(tenant, "m", Tokens(50, 50), priority=priority, deadline=call.deadline)
        ticket, told, settled = self.core.asked(ask, self.now)
        self._settle(settled)
        if ticket is None:
            assert isinstance(told, Refused)
            self._refused(call, told)
            return
        call.ticket = ticket
        self._calls[id(ticket)] = call
        if isinstance(told, Admitted):
            self._send(call, told.backend)

    def _settle(self, settled: Settled) -> None:
        for ticket, told in settled:
            call = self._calls[id(ticket)]
            if isinstance(told, Admitted):
                self._send(call, told.backend)
            else:
                del self._calls[id(ticket)]
                self._refused(call, told)

    def _refused(self, call: Call, told: Refused) -> None:
        self.told[told.reason] += 1
        if call.tries:
            self._later(self._random.uniform(0.2, 1.0), lambda: self._ask(call.tenant, call.priority, call.tries - 1))

    def _send(self, call: Call, name: str) -> None:
        call.sent[name] = self.now
        backend = self.backends[name]
        if backend.dead:
            self._later(0.01, lambda: self._failed(call, name))
        elif backend.working < backend.slots:
            self._work(call, name)
        else:
            backend.line.append(lambda: self._work(call, name))
        after = self.core.hedge_after(call.ticket)
        if self._hedging and len(call.sent) == 1 and after < self._patience:
            self._later(after, lambda: self._hedge(call))

    def _hedge(self, call: Call) -> None:
        if call.ticket is not None and id(call.ticket) in self._calls and not call.answered:
            told = self.core.hedged(call.ticket, self.now)
            if told is not None:
                self._send(call, told.backend)

    def _work(self, call: Call, name: str) -> None:
        backend = self.backends[name]
        if not self._at_it(call, name):  # its connection was closed while it waited
            if backend.line:
                backend.line.popleft()()
            return
        backend.working += 1
        times = 10 if self._random.random() < backend.slow else 1
        self._later(backend.service * times * self._random.uniform(0.8, 1.2), lambda: self._done(call, name))

    def _at_it(self, call: Call, name: str) -> bool:
        ticket = call.ticket
        return ticket is not None and id(ticket) in self._calls and name in ticket.backends

    def _done(self, call: Call, name: str) -> None:
        backend = self.backends[name]
        backend.working -= 1
        if backend.line:
            backend.line.popleft()()
        self.worked.append((self.now, name))
        if not self._at_it(call, name):
            return
        if backend.dead:
            self._failed(call, name)
            return
        assert call.ticket is not None
        call.answered = True
        self.core.answered(call.ticket, name, self.now - call.sent[name], self.now)
        self.took.append(self.now - call.begun)
        if self.now <= call.deadline:
            self.good.append((self.now, call.priority, call.tenant))
        elif call.tries:
            self._later(self._random.uniform(0.2, 1.0), lambda: self._ask(call.tenant, call.priority, call.tries - 1))
        self._end(call, Tokens(50, 50))

    def _failed(self, call: Call, name: str) -> None:
        if not self._at_it(call, name):
            return
        assert call.ticket is not None
        again, settled = self.core.failed(call.ticket, name, self.now, full=False)
        self._settle(settled)
        if again is not None:
            self._send(call, again.backend)
        elif not call.ticket.backends:
            self.told["failed"] += 1
            self._end(call, Tokens())

    def _end(self, call: Call, used: Tokens) -> None:
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
