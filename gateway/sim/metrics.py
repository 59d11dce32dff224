"""What the simulator tells Prometheus: vLLM's names and types, so that what watches vLLM can watch it."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.sim.engine import Engine

TTFT = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0)
EACH = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0)
WHOLE = (0.05, 0.1, 0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0)
NAME = ("model_name",)


class Metrics:
    """All of one simulator. What the engine counts is read from it, the rest is observed."""

    def __init__(self, engine: Engine, model: str) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Standing(engine, model))
        self.first = self._seconds("vllm:time_to_first_token_seconds", "To the first token.", TTFT, model)
        self.each = self._seconds("vllm:inter_token_latency_seconds", "Between two tokens.", EACH, model)
        self.older = self._seconds("vllm:time_per_output_token_seconds", "The same by its older name.", EACH, model)
        self.whole = self._seconds("vllm:e2e_request_latency_seconds", "To the end.", WHOLE, model)
        self._success = Counter(
            "vllm:request_success", "Requests that ended.", ("model_name", "finished_reason"), registry=self.registry
        )
        self._model = model

    def _seconds(self, name: str, what: str, buckets: tuple[float, ...], model: str) -> Histogram:
        return Histogram(name, what, NAME, buckets=buckets, registry=self.registry).labels(model)

    def ended(self, reason: str) -> None:
        """A request is over: by stop, length or abort."""
        self._success.labels(self._model, reason).inc()


class _Standing(Collector):
    """How the engine stands, and what it has counted."""

    def __init__(self, engine: Engine, model: str) -> None:
        self._engine, self._labels = engine, (model,)

    def collect(self) -> Iterator[Metric]:
        """As of now."""
        engine = self._engine
        yield self._gauge("vllm:num_requests_running", "Sequences in the batch.", len(engine.running))
        yield self._gauge("vllm:num_requests_waiting", "Sequences that wait.", len(engine.waiting))
        usage = engine.blocks.used / engine.blocks.total
        yield self._gauge("vllm:kv_cache_usage_perc", "Share of the cache that is in use.", usage)
        counts = engine.counts
        yield self._counter("vllm:prompt_tokens", "Tokens of prompts.", counts.prompt_tokens)
        yield self._counter("vllm:generation_tokens", "Tokens of answers.", counts.answer_tokens)
        yield self._counter("vllm:num_preemptions", "Sequences put back.", counts.preemptions)
        yield self._counter("vllm:prefix_cache_queries", "Tokens looked for in the cache.", counts.queried)
        yield self._counter("vllm:prefix_cache_hits", "Tokens found there.", counts.hit)

    def _gauge(self, name: str, what: str, value: float) -> Metric:
        family = GaugeMetricFamily(name, what, labels=NAME)
        family.add_metric(self._labels, value)
        return family

    def _counter(self, name: str, what: str, value: float) -> Metric:
        family = CounterMetricFamily(name, what, labels=NAME)
        family.add_metric(self._labels, value)
        return family
