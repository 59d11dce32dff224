"""What Prometheus reads of a gateway: counted when a request is over, in plain dictionaries, and put into metric
families when somebody asks. prometheus_client's own counters cost more per request than all of the deciding.

Names are those of OpenTelemetry's semantic conventions for generative AI where they have one, as Prometheus writes them
(gen_ai.server.request.duration becomes gen_ai_server_request_duration_seconds), with `tenant` besides.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.core.admission import Core
from gateway.core.health import State
from gateway.record import Done, Outcome

Labels = tuple[str, ...]
MILLION = 1e6
MODEL = "gen_ai_request_model"
LONG = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Seconds; the bounds that the conventions advise for a request's duration."""
FIRST = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Seconds; what they advise for the time to the first token."""
EACH = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
"""Seconds; what they advise for the time of each token after the first."""
SHORT = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Seconds; for what the gateway itself adds."""
OPERATIONS = {"completions": "text_completion", "responses": "chat"}


@dataclass(slots=True)
class _Histogram:
    """Observations by labels: for each bound how many were not above it, and their sum."""

    name: str
    what: str
    bounds: Sequence[float]
    labels: Labels = ("tenant", MODEL, "gen_ai_operation_name")
    series: dict[Labels, tuple[list[int], list[float]]] = field(default_factory=dict)

    def add(self, labels: Labels, value: float) -> None:
        """One observation."""
        found = self.series.get(labels)
        if found is None:
            found = self.series[labels] = ([0] * (len(self.bounds) + 1), [0.0])
        found[0][bisect_left(self.bounds, value)] += 1
        found[1][0] += value

    def family(self, named: str) -> Metric:
        """As Prometheus reads it."""
        family = HistogramMetricFamily(named.format(self.name), self.what, labels=self.labels)
        for labels, (counts, (total,)) in self.series.items():
            below, buckets = 0, []
            for bound, count in zip((*map(str, self.bounds), "+Inf"), counts, strict=True):
                below += count
                buckets.append((bound, below))
            family.add_metric(labels, buckets, total)
        return family


class Tally(Collector):
    """All that is counted in one process, and how its core stands."""

    def __init__(self, core: Core, clock: Callable[[], float]) -> None:
        self._core, self._clock = core, clock
        self._requests = Counter[Labels]()
        self._tokens = Counter[Labels]()
        self._retries = Counter[Labels]()
        self._cost: dict[Labels, float] = {}
        self.reloads = Counter[Labels]()
        self._duration = _Histogram("request_duration", "From a request's head to its end.", LONG)
        self._first = _Histogram("time_to_first_token", "Until an answer began, as the socket saw it.", FIRST)
        self._each = _Histogram("time_per_output_token", "For each token after the first, of streams.", EACH)
        self._overhead = _Histogram("overhead", "What the gateway added before an answer began.", SHORT, ("edge",))
        self._waited = _Histogram("queue", "How long admitted requests had waited.", FIRST, (MODEL,))

    def count(self, done: Done) -> None:
        """A request is over."""
        outcome = done.outcome
        reason = done.reason.value if done.reason else ""
        self._requests[done.edge, done.tenant, done.model, done.kind, outcome.value, reason, str(done.status)] += 1
        if outcome is Outcome.REFUSED or not done.backend:
            return
        labels = (done.tenant, done.model, OPERATIONS.get(done.kind, done.kind))
        self._duration.add(labels, done.took)
        self._overhead.add((done.edge,), done.overhead)
        self._waited.add((done.model,), done.waited)
        if done.tries > 1:
            self._retries[(done.model,)] += done.tries - 1
        if outcome is Outcome.FAILED:
            return
        self._first.add(labels, done.first)
        tokens = done.tokens
        if done.stream and tokens.answer > 1:
            self._each.add(labels, max(done.took - done.waited - done.first, 0.0) / (tokens.answer - 1))
        self._tokens[done.tenant, done.model, "input"] += tokens.prompt
        self._tokens[done.tenant, done.model, "output"] += tokens.answer
        if done.cost:
            self._cost[(done.tenant,)] = self._cost.get((done.tenant,), 0.0) + done.cost

    def collect(self) -> Iterator[Metric]:
        """All families, as they are now."""
        requests = ("edge", "tenant", MODEL, "kind", "outcome", "reason", "status")
        yield _counter("gateway_requests", "Requests that are over.", requests, self._requests)
        yield _counter("gateway_tokens", "Tokens used.", ("tenant", MODEL, "gen_ai_token_type"), self._tokens)
        cost = {labels: each / MILLION for labels, each in self._cost.items()}
        yield _counter("gateway_cost", "Money spent.", ("tenant",), cost)
        yield _counter("gateway_retries", "Backends asked after the first.", (MODEL,), self._retries)
        yield _counter("gateway_reloads", "Files read anew.", ("outcome",), self.reloads)
        for histogram in (self._duration, self._first, self._each):
            yield histogram.family("gen_ai_server_{}_seconds")
        for histogram in (self._overhead, self._waited):
            yield histogram.family("gateway_{}_seconds")
        yield from self._standing()

    def _standing(self) -> Iterator[Metric]:
        by = (MODEL, "backend", "rack")
        state = GaugeMetricFamily("gateway_backend_state", "1 for how a backend stands.", labels=(*by, "state"))
        under_way = GaugeMetricFamily("gateway_backend_in_flight", "Requests that a backend has.", labels=by)
        limit = GaugeMetricFamily("gateway_backend_limit", "Requests that a backend may have.", labels=by)
        queued = GaugeMetricFamily("gateway_queue_length", "Requests that wait.", labels=(MODEL,))
        for model, waiting, backends in self._core.standings(self._clock()):
            queued.add_metric((model,), waiting)
            for each in backends:
                labels = (model, each.server.name, each.server.rack)
                under_way.add_metric(labels, each.in_flight)
                limit.add_metric(labels, each.limit)
                for name in State:
                    state.add_metric((*labels, name.value), float(each.state is name))
        door = self._core.door
        yield from (state, under_way, limit, queued)
        yield GaugeMetricFamily("gateway_in_flight", "Requests inside.", value=door.inside)
        yield GaugeMetricFamily("gateway_loop_lag_seconds", "How late the event loop is.", value=door.lag)


def _counter(name: str, what: str, labels: Labels, values: Mapping[Labels, float]) -> Metric:
    family = CounterMetricFamily(name, what, labels=labels)
    for each, value in values.items():
        family.add_metric(each, value)
    return family
