"""Traces of runs: a span for each run, below it one for each host, below that one for each subtask.

It needs OpenTelemetry's API only; where spans go is what the program's own SDK says, and without one they cost nothing.
"""

import threading
from typing import TYPE_CHECKING, Any

from nornir.core.inventory import Host
from nornir.core.task import AggregatedResult, MultiResult, Task

from automation.processors.silent import Silent
from automation.runner import WavesResult
from topologies.errors import Mistake

if TYPE_CHECKING:
    from opentelemetry.trace import Span, TracerProvider


class Traces(Silent):
    """Spans by this provider, or by the program's own."""

    def __init__(self, provider: "TracerProvider | None" = None) -> None:
        try:
            from opentelemetry import trace
        except ModuleNotFoundError as error:
            raise Mistake("traces need OpenTelemetry's API: pip install opentelemetry-api") from error
        self._trace: Any = trace
        self._tracer = trace.get_tracer("closlab.automation", tracer_provider=provider)
        self._run: Span | None = None
        self._hosts = threading.local()  # a host's spans begin and end in one thread, one within another

    def task_started(self, task: Task) -> None:
        """The span of the run."""
        self._run = self._tracer.start_span(task.name, attributes={"hosts": len(task.nornir.inventory.hosts)})

    def task_completed(self, task: Task, result: AggregatedResult) -> None:
        """It ends with how many hosts failed and were not run."""
        if self._run is not None:
            self._run.set_attribute("failed_hosts", sorted(result.failed_hosts))
            if isinstance(result, WavesResult):
                self._run.set_attribute("not_run", sorted(result.not_run))
            self._end(self._run, "not all hosts are done" if result.failed else "")

    def task_instance_started(self, task: Task, host: Host) -> None:
        """A span of a host, below that of the run."""
        self._hosts.open = [self._below(self._run, task, host)]

    def task_instance_completed(self, task: Task, host: Host, result: MultiResult) -> None:
        """It ends; what was thrown is in it."""
        self._done(result)

    def subtask_instance_started(self, task: Task, host: Host) -> None:
        """A span below the host's innermost one."""
        self._hosts.open.append(self._below(self._hosts.open[-1], task, host))

    def subtask_instance_completed(self, task: Task, host: Host, result: MultiResult) -> None:
        """The innermost one ends."""
        self._done(result)

    def _below(self, parent: "Span | None", task: Task, host: Host) -> "Span":
        context = self._trace.set_span_in_context(parent) if parent is not None else None
        span: Span = self._tracer.start_span(task.name, context=context, attributes={"host": host.name})
        return span

    def _done(self, result: MultiResult) -> None:
        span, first = self._hosts.open.pop(), result[0]
        span.set_attribute("changed", bool(first.changed))
        if first.exception is not None:
            span.record_exception(first.exception)
        self._end(span, str(first.exception or first.result) if first.failed else "")

    def _end(self, span: "Span", wrong: str) -> None:
        if wrong:
            span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, wrong))
        span.end()
