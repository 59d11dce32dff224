"""Spans of traced requests, sent by OTLP over HTTP: one for the request, and below it one for its backend's part, named
and described as OpenTelemetry's semantic conventions for generative AI have it. The SDK's own queue and thread send
them; where these cannot follow, spans are left out."""

from functools import partial

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

from gateway.counts import OPERATIONS
from gateway.record import Done, Outcome

SCOPE = InstrumentationScope("closlab.gateway")
FLAGS = TraceFlags(TraceFlags.SAMPLED)
NANO = 1_000_000_000
DELAY, WITHIN = 1000, 5000  # milliseconds until spans are sent, and that sending them may take


class Exporter:
    """To one collector."""

    def __init__(self, url: str) -> None:
        self._resource = Resource.create({"service.name": "closlab-gateway"})
        sender = OTLPSpanExporter(endpoint=url, timeout=WITHIN / 1000)
        self._processor = BatchSpanProcessor(sender, schedule_delay_millis=DELAY, export_timeout_millis=WITHIN)

    def over(self, done: Done) -> None:
        """A request is over; most are not traced."""
        if done.trace is not None:
            for span in spans(done, self._resource):
                self._processor.on_end(span)

    def close(self) -> None:
        """Send what there is; this takes a moment."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]  # the SDK's is not annotated


def spans(done: Done, resource: Resource) -> list[ReadableSpan]:
    """Of a request that was traced: its own, and its backend's, where it came to one."""
    trace = done.trace
    assert trace is not None, "it was traced"
    ended, took = int(done.at * NANO), int(done.took * NANO)
    own, operation = _context(trace.id, trace.own), OPERATIONS.get(done.kind, done.kind)
    said: dict[str, AttributeValue] = {
        "gen_ai.operation.name": operation,
        "gen_ai.request.model": done.model,
        "gen_ai.usage.input_tokens": done.tokens.prompt,
        "gen_ai.usage.output_tokens": done.tokens.answer,
    }
    mine: dict[str, AttributeValue] = {
        **said,
        "http.response.status_code": done.status,
        "closlab.gateway.edge": done.edge,
        "closlab.gateway.tenant": done.tenant,
        "closlab.gateway.outcome": done.outcome.value,
        "closlab.gateway.reason": done.reason.value if done.reason else "",
        "closlab.gateway.waited": done.waited,
        "closlab.gateway.overhead": done.overhead,
        "closlab.gateway.tries": done.tries,
    }
    well = Status(StatusCode.UNSET if done.outcome in (Outcome.ANSWERED, Outcome.GONE) else StatusCode.ERROR)
    name = f"{operation} {done.model}".strip()
    span = partial(ReadableSpan, name, resource=resource, instrumentation_scope=SCOPE, status=well, end_time=ended)
    above = _context(trace.id, trace.parent) if trace.parent else None
    made = [span(context=own, parent=above, attributes=mine, kind=SpanKind.SERVER, start_time=ended - took)]
    if done.backend:
        theirs = {**said, "closlab.gateway.backend": done.backend, "closlab.gateway.rack": done.rack}
        asked, begun = _context(trace.id, trace.asked), ended - took + int(done.waited * NANO)
        made.append(span(context=asked, parent=own, attributes=theirs, kind=SpanKind.CLIENT, start_time=begun))
    return made


def _context(trace: str, span: str) -> SpanContext:
    return SpanContext(int(trace, 16), int(span, 16), is_remote=False, trace_flags=FLAGS)
