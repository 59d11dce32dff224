"""The backends of one model: what each has under way, may have, and how it stands."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

from msgspec import Struct

from gateway.core import health
from gateway.core.choosing import NEARER, Candidate, choose
from gateway.core.concurrency import Concurrency
from gateway.core.health import Health, Rules, State


class Server(Struct, frozen=True):
    """A backend as it is configured."""

    name: str
    rack: str = ""


class Standing(Struct, frozen=True):
    """How a backend stands: its share of what it is sent, what it has under way and may have, and the seconds in which
    it begins to answer (0 where that is not known)."""

    server: Server
    state: State
    in_flight: int
    limit: float
    share: float
    expected: float


@dataclass(slots=True)
class _Standing:
    """One backend as it stands."""

    server: Server
    concurrency: Concurrency = field(default_factory=Concurrency)
    health: Health = field(default_factory=Health)
    in_flight: int = 0
    unanswered: int = 0  # of these


class Servers:
    """All that serve the same."""

    def __init__(self, servers: Iterable[Server], rules: Rules, draw: Callable[[int], int]) -> None:
        self._all: dict[str, _Standing] = {}
        self._leaving: dict[str, _Standing] = {}  # no longer configured, but not done with what they have
        self._by_rack: dict[str, list[str]] = {}
        self._rules, self._draw = rules, draw
        self.change(servers, rules)

    def change(self, servers: Iterable[Server], rules: Rules) -> None:
        """Others from now on; those that stay keep how they stand, those that go finish what they have."""
        before = {**self._leaving, **self._all}
        self._all, self._by_rack, self._rules = {}, {}, rules
        for each in servers:
            standing = before.pop(each.name, None) or _Standing(each)
            standing.server = each
            self._all[each.name] = standing
            self._by_rack.setdefault(each.rack, []).append(each.name)
        self._leaving = {name: each for name, each in before.items() if each.in_flight}

    def standings(self, now: float) -> Iterator[Standing]:
        """How each stands, for those who watch."""
        for each in self._all.values():
            limit, share = each.concurrency.limit, each.health.share(self._rules, now)
            yield Standing(each.server, each.health.state, each.in_flight, limit, share, each.concurrency.expected)

    def choose(self, rack: str, now: float, *, tried: Collection[str] = (), prefix: int | None = None) -> str | None:
        """The backend for one more request; None where none takes it now.

        Most of the time two that are drawn from those of the rack are all that is looked at: while there is no other
        rack, or they are far from full.
        """
        near = self._by_rack.get(rack)
        if near and not tried and prefix is None:
            number = len(near)
            one = other = self._candidate(near[0 if number == 1 else self._draw(number)], now)
            if number > 1:
                other = self._candidate(near[self._draw(number)], now)
            if one.free and other.free:
                best = one if one is other or one.load <= other.load else other
                if number == len(self._all) or best.fill <= NEARER:
                    return best.name
        found = choose(self.candidates(now), rack=rack, draw=self._draw, tried=tried, prefix=prefix)
        return None if found is None else found.name

    def candidates(self, now: float) -> list[Candidate]:
        """All of them as they stand."""
        return [self._candidate(name, now) for name in self._all]

    def _candidate(self, name: str, now: float) -> Candidate:
        each = self._all[name]
        share = each.health.share(self._rules, now)
        limit = each.concurrency
        return Candidate(name, each.server.rack, each.in_flight, limit.limit, share, limit.known)

    def free(self, now: float) -> bool:
        """Whether any takes one more request."""
        return any(self._candidate(name, now).free for name in self._all)

    def usable(self) -> bool:
        """Whether any may be asked at all."""
        for each in self._all.values():  # noqa: SIM110 - any() takes four times as long, at each request
            if each.health.usable:
                return True
        return False

    def expected(self) -> float:
        """Seconds until the quickest of those that may be asked begins to answer; 0 where nobody knows of any."""
        usable = (each.concurrency.expected for each in self._all.values() if each.health.usable)
        return min((seconds for seconds in usable if seconds), default=0.0)

    def began(self, name: str) -> None:
        """A request goes there."""
        each = self._standing(name)
        each.in_flight += 1
        each.unanswered += 1

    def answered(self, name: str, seconds: float, now: float) -> None:
        """Its answer began after so long, as the socket saw it."""
        each = self._standing(name)
        each.unanswered -= 1
        each.concurrency.answered(seconds, each.in_flight, each.unanswered)
        each.health = health.answered(each.health, self._rules, now)

    def failed(self, name: str, now: float, *, full: bool) -> None:
        """A request failed there: refused, reset, garbled or out of time; `full`: for want of room."""
        each = self._standing(name)
        if full:
            each.concurrency.failed()
        others = [other.health for other in self._all.values() if other is not each]
        each.health = health.failed(each.health, self._rules, now, others)

    def ended(self, name: str, *, answered: bool = False) -> None:
        """A request is no more under way there, however it ended, and whether or not an answer had begun."""
        each = self._standing(name)
        each.in_flight -= 1
        each.unanswered -= not answered
        if not each.in_flight:
            self._leaving.pop(name, None)

    def passed(self, now: float) -> None:
        """Time has passed: who was ejected for long enough may come back."""
        for each in self._all.values():
            each.health = health.passed(each.health, now)

    def drain(self, name: str, now: float) -> None:
        """An operator takes one out of service; it finishes what it has."""
        each = self._all[name]
        each.health = health.drained(each.health, now)

    def take_back(self, name: str, now: float) -> None:
        """An operator takes one back."""
        each = self._all[name]
        each.health = health.returned(each.health, now)

    def _standing(self, name: str) -> _Standing:
        return self._all.get(name) or self._leaving[name]
