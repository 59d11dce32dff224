"""What Prometheus reads of a gateway: one set of families over all of its workers.

Names are those of OpenTelemetry's semantic conventions for generative AI where they have one, as Prometheus writes them
(gen_ai.server.request.duration becomes gen_ai_server_request_duration_seconds), with `tenant` besides.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from gateway.admin.model import State
from gateway.core import health
from gateway.counts import Counts, Histogram, Labels

MILLION = 1e6
MODEL = "gen_ai_request_model"
BY = ("tenant", MODEL, "gen_ai_operation_name")


@dataclass(frozen=True, slots=True)
class Figures:
    """All that is read: what was counted, how each worker stands, and what befell the gateway as a whole: files read
    anew, by whether they were taken, and workers that ended and were started anew."""

    counts: Counts
    states: Sequence[State]
    reloads: Mapping[str, int]
    restarts: int = 0
    away: float | None = None  # seconds for which the database has not answered; None without one

    def collect(self) -> Iterator[Metric]:
        """All families; what prometheus_client's encoders ask of a registry."""
        counts = self.counts
        requests = ("edge", "tenant", MODEL, "kind", "outcome", "reason", "status")
        yield _counter("gateway_requests", "Requests that are over.", requests, counts.requests)
        yield _counter("gateway_tokens", "Tokens used.", ("tenant", MODEL, "gen_ai_token_type"), counts.tokens)
        cost = {labels: each / MILLION for labels, each in counts.cost.items()}
        yield _counter("gateway_cost", "Money spent.", ("tenant",), cost)
        yield _counter("gateway_retries", "Backends asked after the first.", (MODEL,), counts.retries)
        yield _counter("gateway_dropped", "What was left out of logs and the like.", ("what",), counts.dropped)
        reloads: dict[Labels, float] = {(outcome,): number for outcome, number in self.reloads.items()}
        yield _counter("gateway_reloads", "Files read anew.", ("outcome",), reloads)
        yield CounterMetricFamily("gateway_worker_restarts", "Workers that ended too early.", value=self.restarts)
        if self.away is not None:
            what = "How long the database has not answered."
            yield GaugeMetricFamily("gateway_database_away_seconds", what, value=self.away)
        yield from self._histograms()
        yield from self._standing()

    def _histograms(self) -> Iterator[Metric]:
        counts, server = self.counts, "gen_ai_server_{}_seconds"
        what = "From a request's head to its end."
        yield _histogram(server.format("request_duration"), what, BY, counts.duration)
        what = "Until an answer began, as the socket saw it."
        yield _histogram(server.format("time_to_first_token"), what, BY, counts.first)
        what = "For each token after the first, of streams."
        yield _histogram(server.format("time_per_output_token"), what, BY, counts.each)
        what = "What the gateway added before an answer began."
        yield _histogram("gateway_overhead_seconds", what, ("edge",), counts.overhead)
        yield _histogram("gateway_queue_seconds", "How long admitted requests had waited.", (MODEL,), counts.waited)

    def _standing(self) -> Iterator[Metric]:
        by = (MODEL, "backend", "rack")
        stands: dict[Labels, float] = {}
        under_way: dict[Labels, float] = {}
        limits: dict[Labels, float] = {}
        queued: dict[Labels, float] = {}
        for model in (each for state in self.states for each in state.models):
            _add(queued, (model.name,), model.waiting)
            for backend in model.backends:
                labels = (model.name, backend.name, backend.rack)
                _add(under_way, labels, backend.in_flight)
                _add(limits, labels, backend.limit)
                for name in health.State:
                    _add(stands, (*labels, name.value), backend.state == name)
        yield _gauge("gateway_backend_state", "How many workers see a backend so.", (*by, "state"), stands)
        yield _gauge("gateway_backend_in_flight", "Requests that a backend has.", by, under_way)
        yield _gauge("gateway_backend_limit", "Requests that a backend may have.", by, limits)
        yield _gauge("gateway_queue_length", "Requests that wait.", (MODEL,), queued)
        inside, lag = sum(each.in_flight for each in self.states), max((each.lag for each in self.states), default=0.0)
        yield GaugeMetricFamily("gateway_in_flight", "Requests inside.", value=inside)
        yield GaugeMetricFamily("gateway_loop_lag_seconds", "How late the latest event loop is.", value=lag)
        yield GaugeMetricFamily("gateway_workers", "Workers that answer.", value=len(self.states))


def _add(values: dict[Labels, float], labels: Labels, value: float) -> None:
    values[labels] = values.get(labels, 0.0) + value


def _counter(name: str, what: str, labels: Labels, values: Mapping[Labels, float]) -> Metric:
    family = CounterMetricFamily(name, what, labels=labels)
    for each, value in values.items():
        family.add_metric(each, value)
    return family


def _gauge(name: str, what: str, labels: Labels, values: Mapping[Labels, float]) -> Metric:
    family = GaugeMetricFamily(name, what, labels=labels)
    for each, value in values.items():
        family.add_metric(each, value)
    return family


def _histogram(name: str, what: str, labels: Labels, histogram: Histogram) -> Metric:
    family = HistogramMetricFamily(name, what, labels=labels)
    for each, spread in histogram.series.items():
        below, buckets = 0, []
        for bound, count in zip((*map(str, histogram.bounds), "+Inf"), spread.counts, strict=True):
            below += count
            buckets.append((bound, below))
        family.add_metric(each, buckets, spread.total)
    return family
