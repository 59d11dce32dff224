"""Counters of runs for Prometheus, in a registry of one's own or the library's."""

import threading
import time

from nornir.core.inventory import Host
from nornir.core.task import AggregatedResult, MultiResult, Task
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram

from automation.processors.silent import Silent
from automation.runner import WavesResult

SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)


class Metrics(Silent):
    """Counts hosts by task and outcome (ok, changed, failed, not_run), and times them; one for each registry."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._hosts = Counter(
            "closlab_automation_hosts", "Hosts on which a task ended.", ("task", "outcome"), registry=registry
        )
        self._seconds = Histogram(
            "closlab_automation_host_seconds", "How long a task took on a host.", ("task",),
            buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self._begun = threading.local()  # a host's task begins and ends in one thread

    def task_instance_started(self, task: Task, host: Host) -> None:
        """The clock starts."""
        self._begun.at = time.monotonic()

    def task_instance_completed(self, task: Task, host: Host, result: MultiResult) -> None:
        """Count and time."""
        self._seconds.labels(task.name).observe(time.monotonic() - self._begun.at)
        outcome = "failed" if result.failed else "changed" if result.changed else "ok"
        self._hosts.labels(task.name, outcome).inc()

    def task_completed(self, task: Task, result: AggregatedResult) -> None:
        """Hosts that were not run are counted as such."""
        if isinstance(result, WavesResult):
            self._hosts.labels(task.name, "not_run").inc(len(result.not_run))
