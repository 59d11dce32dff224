"""Requests that wait for a backend: bounded, fair between tenants, and not for longer than helps.

- Classes of priority go one before the other. Within a class, tenants take turns by what their requests weigh (start-
  time fair queueing, Goyal et al., SIGCOMM 1996): each request has a virtual time at which it begins, that of the
  tenant's last one plus its weight over the tenant's share, and the least is next. A tenant that was away has saved
  nothing up.
- A class stands when it has not been empty for an interval: then it has more than a burst to deal with. While it
  stands, nobody waits for longer than a short target, and the newest goes first (controlled delay and adaptive LIFO, as
  in Maurer, Fail at Scale, ACM Queue 2015): the oldest's clients have given up, or soon will. Until then a tenant's own
  are served in order. How long those wait who are served says nothing here: with the newest first it is always short.
- A full queue sheds the newest request of the tenant that has most waiting in the lowest class. So nobody of a higher
  class is refused for those of a lower one, and one tenant cannot keep all others out.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from gateway.core.model import Priority, Reason

T = TypeVar("T")
FORGET = 16  # tenants with nothing waiting that are remembered, besides as many as wait


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a class may be without a moment in which nobody waits, how long anybody may wait from then on, both in
    seconds, and how many may wait in all."""

    target: float = 0.1
    interval: float = 1.0
    room: int = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Waiting(Generic[T]):
    """One that waits."""

    what: T
    tenant: str
    priority: Priority
    since: float
    deadline: float


@dataclass(slots=True)
class _Line(Generic[T]):
    """What of one tenant waits in one class, oldest first, and when its turns come in virtual time; `clock` is when the
    one after them would."""

    clock: float = 0.0
    waiting: deque[Waiting[T]] = field(default_factory=deque)
    turns: deque[float] = field(default_factory=deque)


@dataclass(slots=True)
class _Class(Generic[T]):
    """All of one class; `clock` is the virtual time of the turn that was taken last, `empty` the last moment in which
    nobody waited."""

    clock: float = 0.0
    empty: float = 0.0
    count: int = 0
    lines: dict[str, _Line[T]] = field(default_factory=dict)

    def busy(self) -> list[_Line[T]]:
        """The lines in which anybody waits."""
        return [line for line in self.lines.values() if line.waiting]

    def forget(self, busy: int) -> None:
        """Forget tenants that have nothing waiting and nothing held against them, once there are many."""
        if len(self.lines) > 2 * busy + FORGET:
            self.lines = {
                tenant: line for tenant, line in self.lines.items() if line.waiting or line.clock > self.clock
            }


class Queue(Generic[T]):
    """A queue of what asks. Times are arguments."""

    def __init__(self, patience: Patience | None = None) -> None:
        self.patience = patience or Patience()
        self._classes: dict[Priority, _Class[T]] = {each: _Class() for each in Priority}
        self._high, self._normal, self._batch = self._classes.values()

    def __len__(self) -> int:
        return self._high.count + self._normal.count + self._batch.count

    def stands(self, priority: Priority, now: float) -> bool:
        """Whether a class has had somebody waiting for longer than an interval."""
        kind = self._classes[priority]
        return kind.count > 0 and now - kind.empty > self.patience.interval

    def offer(self, one: Waiting[T], *, cost: float, share: float) -> list[tuple[Waiting[T], Reason]]:
        """Let one wait; returns who is shed for want of room, which may be itself. `cost` is how much it weighs and
        `share` its tenant's part, both above 0."""
        kind = self._classes[one.priority]
        line = kind.lines.setdefault(one.tenant, _Line())
        turn = max(line.clock, kind.clock)
        line.turns.append(turn)
        line.waiting.append(one)
        line.clock = turn + cost / share
        if not kind.count:
            kind.empty = one.since
        kind.count += 1
        return [(self._least_wanted(), Reason.QUEUE_FULL)] if len(self) > self.patience.room else []

    def take(self, now: float) -> tuple[Waiting[T] | None, list[tuple[Waiting[T], Reason]]]:
        """The next one, if any waits, and all that are shed before it: out of time, or kept waiting for too long."""
        shed = []
        for priority, kind in self._classes.items():
            while kind.count:
                stands = self.stands(priority, now)
                found = self._next(kind, newest=stands)
                if found.deadline <= now:
                    shed.append((found, Reason.DEADLINE))
                elif stands and now - found.since > self.patience.target:
                    shed.append((found, Reason.QUEUE_DELAY))
                else:
                    return found, shed
        return None, shed

    def sweep(self, now: float) -> list[tuple[Waiting[T], Reason]]:
        """Shed all whose time is out, wherever they stand: for when nobody takes any."""
        return self._drop([each for each in self._all() if each.deadline <= now], Reason.DEADLINE)

    def empty(self, reason: Reason) -> list[tuple[Waiting[T], Reason]]:
        """Shed all, for one reason."""
        return self._drop(list(self._all()), reason)

    def leave(self, one: Waiting[T]) -> bool:
        """One gives up, its client being gone; whether it was waiting."""
        line = self._classes[one.priority].lines.get(one.tenant)
        if line is None or one not in line.waiting:
            return False
        line.waiting.remove(one)
        line.clock = line.turns.pop()
        self._classes[one.priority].count -= 1
        return True

    def _next(self, kind: _Class[T], *, newest: bool) -> Waiting[T]:
        """Take out whose turn it is."""
        busy = kind.busy()
        line = min(busy, key=lambda each: each.turns[0])
        kind.clock = max(kind.clock, line.turns.popleft())
        kind.count -= 1
        kind.forget(len(busy))
        return line.waiting.pop() if newest else line.waiting.popleft()

    def _drop(self, gone: list[Waiting[T]], reason: Reason) -> list[tuple[Waiting[T], Reason]]:
        for each in gone:
            self.leave(each)
        return [(each, reason) for each in gone]

    def _least_wanted(self) -> Waiting[T]:
        """Take out the newest of the tenant that has most waiting in the lowest class that anybody waits in."""
        lines = next(busy for kind in reversed(self._classes.values()) if (busy := kind.busy()))
        found = max(lines, key=lambda each: len(each.waiting)).waiting[-1]
        self.leave(found)
        return found

    def _all(self) -> Iterator[Waiting[T]]:
        for kind in self._classes.values():
            for line in kind.lines.values():
                yield from line.waiting
