"""What is counted of requests when they are over: sums by labels, in plain dictionaries. prometheus_client's own
counters cost more per request than all of the deciding, and these can be added up over processes."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct, field

from gateway.record import Done, Outcome

Labels: TypeAlias = tuple[str, ...]
LONG = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Seconds; the bounds that OpenTelemetry's conventions for generative AI advise for a request's duration."""
FIRST = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Seconds; what they advise for the time to the first token."""
EACH = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
"""Seconds; what they advise for the time of each token after the first."""
SHORT = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Seconds; for what the gateway itself adds."""
OPERATIONS = {"completions": "text_completion", "responses": "chat"}


class Spread(Struct):
    """Observations: how many were not above each bound and above the one before, and how many above all; their sum."""

    counts: list[int]
    total: float = 0.0


class Histogram(Struct):
    """Observations by labels."""

    bounds: tuple[float, ...]
    series: dict[Labels, Spread] = field(default_factory=dict)

    def observe(self, labels: Labels, value: float) -> None:
        """One more."""
        spread = self._spread(labels)
        spread.counts[bisect_left(self.bounds, value)] += 1
        spread.total += value

    def add(self, other: "Histogram") -> None:
        """All of another, which has the same bounds."""
        for labels, theirs in other.series.items():
            spread = self._spread(labels)
            spread.counts = [a + b for a, b in zip(spread.counts, theirs.counts, strict=True)]
            spread.total += theirs.total

    def _spread(self, labels: Labels) -> Spread:
        if (found := self.series.get(labels)) is None:
            found = self.series[labels] = Spread([0] * (len(self.bounds) + 1))
        return found


class Counts(Struct):
    """All of it. Labels are in the order that `gateway.metrics` names them in; `cost` is in millionths of money."""

    requests: dict[Labels, float] = field(default_factory=dict)
    tokens: dict[Labels, float] = field(default_factory=dict)
    retries: dict[Labels, float] = field(default_factory=dict)
    cost: dict[Labels, float] = field(default_factory=dict)
    dropped: dict[Labels, float] = field(default_factory=dict)
    duration: Histogram = field(default_factory=lambda: Histogram(LONG))
    first: Histogram = field(default_factory=lambda: Histogram(FIRST))
    each: Histogram = field(default_factory=lambda: Histogram(EACH))
    overhead: Histogram = field(default_factory=lambda: Histogram(SHORT))
    waited: Histogram = field(default_factory=lambda: Histogram(FIRST))

    def count(self, done: Done) -> None:
        """A request is over."""
        outcome = done.outcome
        reason = done.reason.value if done.reason else ""
        key = (done.edge, done.tenant, done.model, done.kind, outcome.value, reason, str(done.status))
        _add(self.requests, key, 1)
        if outcome is Outcome.REFUSED or not done.backend:
            return
        labels = (done.tenant, done.model, OPERATIONS.get(done.kind, done.kind))
        self.duration.observe(labels, done.took)
        self.overhead.observe((done.edge,), done.overhead)
        self.waited.observe((done.model,), done.waited)
        if done.tries > 1:
            _add(self.retries, (done.model,), done.tries - 1)
        if outcome is not Outcome.FAILED:
            self._answered(done, labels)

    def lost(self, what: str, number: int) -> None:
        """So much of what is told of requests was left out."""
        if number:
            _add(self.dropped, (what,), number)

    def _answered(self, done: Done, labels: Labels) -> None:
        """An answer had begun."""
        tokens = done.tokens
        self.first.observe(labels, done.first)
        if done.stream and tokens.answer > 1:
            self.each.observe(labels, max(done.took - done.waited - done.first, 0.0) / (tokens.answer - 1))
        _add(self.tokens, (done.tenant, done.model, "input"), tokens.prompt)
        _add(self.tokens, (done.tenant, done.model, "output"), tokens.answer)
        if done.cost:
            _add(self.cost, (done.tenant,), done.cost)


def total(several: Sequence[Counts]) -> Counts:
    """All that any of them counted."""
    summed = Counts()
    for counts in several:
        for name in counts.__struct_fields__:
            ours, theirs = getattr(summed, name), getattr(counts, name)
            if isinstance(ours, Histogram):
                ours.add(theirs)
                continue
            for labels, value in theirs.items():
                _add(ours, labels, value)
    return summed


def _add(values: dict[Labels, float], labels: Labels, value: float) -> None:
    values[labels] = values.get(labels, 0.0) + value
