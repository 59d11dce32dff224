"""What a gateway tells of requests: lines of a log, and spans of traces."""

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from commands import ran, started
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pair import HI, Pair, paired
from plain import BATCH, FILE, KEY, Plain, run

from gateway.http.app import App
from gateway.tracing import begun

ID, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
BODY = b'{"model": "m", "messages": [{"role": "user", "content": "a secret"}]}'


class Collector:
    """A collector of OTLP over HTTP: what it was sent, as it came."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/v1/traces"
        self.sent: list[bytes] = []

    @property
    def spans(self) -> list[Span]:
        """All of them."""
        messages = [ExportTraceServiceRequest.FromString(each) for each in self.sent]
        scopes = [scope for each in messages for resource in each.resource_spans for scope in resource.scope_spans]
        return [span for scope in scopes for span in scope.spans]

    def until(self, number: int) -> list[Span]:
        """So many, as soon as they are there."""
        end = time.monotonic() + 15
        while len(self.spans) < number:
            assert time.monotonic() < end, f"{len(self.spans)} spans and not {number}"
            time.sleep(0.01)
        return self.spans


@contextmanager
def collector() -> Iterator[Collector]:
    """One that listens."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.sent.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Collector(server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ask(pair: Pair, key: str = "", **headers: str) -> int:
    """One request's status."""
    body = json.dumps(
        {"model": "llama", "messages": [{"role": "user", "content": "a secret"}], "max_tokens": 3}
    ).encode()
    more = {"authorization": f"Bearer {key or pair.key}", "content-type": "application/json", **headers}
    try:
        with urlopen(Request(f"{pair.url}/v1/chat/completions", data=body, headers=more), timeout=10) as answer:
            return int(answer.status)
    except OSError as error:
        return int(getattr(error, "code", 0))


def chance(number: int) -> bytes:
    """Always the same."""
    return bytes(range(1, number + 1))


@pytest.mark.parametrize(
    ("sent", "traced"),
    [
        (f"00-{ID}-{SPAN}-01", True),
        (f"00-{ID}-{SPAN}-ff", True),
        (f"00-{ID}-{SPAN}-00", False),
    ],
)
def test_whoever_has_begun_a_trace_decides(sent: str, traced: bool) -> None:
    """Whatever the share is; the trace and the span above go on being theirs."""
    for share in (0.0, 1.0):
        found = begun(sent.encode(), share, lambda: 0.5, chance)

        assert (found is not None) is traced
        if found is not None:
            assert (found.id, found.parent) == (ID, SPAN)
            assert found.header == f"00-{ID}-{found.asked}-01".encode()


@given(
    st.binary(max_size=60)
    | st.from_regex(rb"[0-9a-f]{2}-[0-9a-f]{30,34}-[0-9a-f]{14,18}-[0-9a-f]{1,3}", fullmatch=True)
)
def test_what_is_no_trace_is_nobodys(sent: bytes) -> None:
    """It is left to the share, and nothing of it goes on."""
    valid = sent.startswith(b"00-") and [len(each) for each in sent.split(b"-")] == [2, 32, 16, 2]

    found = begun(sent, 1.0, lambda: 0.5, chance)

    if not valid:
        assert found is not None
        assert (found.id, found.parent) == (chance(16).hex(), "")
        assert begun(sent, 0.5, lambda: 0.5, chance) is None
        assert begun(sent, 0.5, lambda: 0.4, chance) is not None


def test_most_requests_are_not_traced_and_pass_what_they_were_sent(tmp_path: Path) -> None:
    """Also where traces are on: a client's own, unsampled, goes on as it is."""

    async def work() -> None:
        it = Plain(FILE + "traces: {url: http://127.0.0.1:9/v1/traces, share: 0}\n")
        for sent, traced in (
            (b"", False),
            (f"00-{ID}-{SPAN}-00".encode(), False),
            (f"00-{ID}-{SPAN}-01".encode(), True),
        ):
            await answered(it, sent)
            passed = dict(it.upstreams["a" if it["a"].calls else "b"].calls[-1].headers).get(b"traceparent", b"")
            assert (it.done[-1].trace is not None) is traced
            assert (passed == sent) is not traced
            assert passed[:36] == sent[:36], "the same trace"

    run(work())


async def answered(it: Plain, traceparent: bytes) -> None:
    """One request to a gateway whose server a answers."""
    headers = [(b"authorization", b"Bearer " + KEY.encode()), (b"content-length", b"%d" % len(BODY))]
    headers += [(b"traceparent", traceparent)] if traceparent else []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(_: object) -> None:
        """Nobody reads it."""

    scope = {"type": "http", "path": "/v1/chat/completions", "method": "POST", "headers": headers}
    await App(it.gateway)(scope, receive, send)


@pytest.mark.slow
def test_a_traced_request_has_a_span_and_its_server_one_below(tmp_path: Path) -> None:
    """Over a real collector, from two workers; nothing secret is in what is sent."""
    with collector() as found:
        more = f"workers: 2\ntraces: {{url: '{found.url}', share: 1}}\n"
        with paired(tmp_path, lambda text: more + text) as pair:
            assert ask(pair, traceparent=f"00-{ID}-{SPAN}-01") == 200
            assert ask(pair, key="cgk-nobodys") == 401
            spans = found.until(3)

        (own,) = [each for each in spans if each.kind == Span.SPAN_KIND_SERVER and each.trace_id.hex() == ID]
        (theirs,) = [each for each in spans if each.kind == Span.SPAN_KIND_CLIENT]
        said = {each.key: each.value for each in own.attributes}
        assert (own.name, own.parent_span_id.hex(), theirs.parent_span_id) == ("chat llama", SPAN, own.span_id)
        assert own.start_time_unix_nano <= theirs.start_time_unix_nano < theirs.end_time_unix_nano
        assert said["gen_ai.request.model"].string_value == "llama"
        assert said["gen_ai.usage.output_tokens"].int_value == 3
        assert said["closlab.gateway.tenant"].string_value == "me"
        assert not any(secret in each for each in found.sent for secret in (pair.key.encode(), b"a secret", b"nobodys"))


@pytest.mark.slow
def test_a_collector_that_is_away_is_nobodys_trouble(tmp_path: Path) -> None:
    """Requests are answered, and the gateway ends when it is told to."""
    with paired(tmp_path, lambda text: "traces: {url: 'http://127.0.0.1:9/v1/traces', share: 1}\n" + text) as pair:
        assert [ask(pair) for _ in range(5)] == [200] * 5
        pair.gateway.process.send_signal(signal.SIGTERM)
        assert pair.gateway.end(within=15) == 0


@pytest.mark.slow
def test_there_is_a_line_for_each_request_from_whichever_worker(tmp_path: Path) -> None:
    """Each is whole, and JSON; keys and what was asked are in none."""
    log = tmp_path / "requests.log"
    with paired(tmp_path, lambda text: f"workers: 2\nlog: {{requests: all, to: {log}}}\n" + text) as pair:
        said = [ask(pair, **{"x-request-id": f"r{number}"}) for number in range(30)] + [ask(pair, key="cgk-nobodys")]
        pair.gateway.process.send_signal(signal.SIGTERM)
        assert pair.gateway.end() == 0

    lines = [json.loads(each) for each in log.read_text().splitlines()]
    assert Counter(each["status"] for each in lines) == Counter(said) == {200: 30, 401: 1}
    assert {each["id"] for each in lines} >= {f"r{number}" for number in range(30)}
    one = next(each for each in lines if each["id"] == "r7")
    assert (one["tenant"], one["model"], one["outcome"], one["answer_tokens"]) == ("me", "llama", "answered", 3)
    assert one["took_ms"] > one["first_ms"] > 0
    assert not any(secret in log.read_text() for secret in (pair.key, "a secret", "nobodys"))
    assert log.stat().st_mode & 0o007 == 0, "nobody else reads it"


@pytest.mark.slow
def test_only_what_was_not_answered_well_is_told_where_that_is_wanted(tmp_path: Path) -> None:
    """On stdout, where nothing else is."""
    with paired(tmp_path, lambda text: "log: {requests: failed}\n" + text) as pair:
        assert [ask(pair), ask(pair, key="cgk-nobodys")] == [200, 401]
        pair.gateway.process.send_signal(signal.SIGTERM)
        assert pair.gateway.end() == 0

    (line,) = [json.loads(each) for each in pair.gateway.said.splitlines() if each.startswith("{")]
    assert (line["status"], line["outcome"], line["tenant"]) == (401, "refused", "")


@pytest.mark.slow
@pytest.mark.parametrize("to", ["/dev/full", "pipe"])
def test_a_log_that_cannot_be_written_keeps_nobody_waiting(tmp_path: Path, to: str) -> None:
    """A full disk, and a reader that does not read; what is lost is counted."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with paired(tmp_path, lambda text: f"log: {{requests: all, to: {to if to != 'pipe' else pipe}}}\n" + text) as pair:
        assert {ask(pair) for _ in range(40)} == {200}
        if to == "/dev/full":
            end = time.monotonic() + 10
            while 'gateway_dropped_total{what="log"} 40.0' not in pair.told("/metrics", pair.admin)[1]:
                assert time.monotonic() < end
    os.close(reader)


@pytest.mark.slow
def test_a_log_that_cannot_be_opened_is_said_at_once(tmp_path: Path) -> None:
    """With its place."""
    ran("init", "g.yml", cwd=tmp_path)
    file = tmp_path / "g.yml"
    file.write_text(f"log: {{requests: all, to: {tmp_path}/nowhere/x.log}}\n" + file.read_text())
    with started("serve", "g.yml", cwd=tmp_path) as gateway:
        assert gateway.end() == 3

    assert f"log: {tmp_path}/nowhere/x.log: cannot be written: No such file or directory" in gateway.said
    assert "Traceback" not in gateway.said


def test_a_batch_key_is_told_by_its_tenant_alone() -> None:
    """The hash is in no record either."""

    async def work() -> None:
        it = Plain()
        await answered(it, b"")
        assert it.done[-1].tenant == "one"
        assert not any(KEY in str(each) or BATCH in str(each) for each in it.done)
        assert HI[0]["content"] not in str(it.done[-1])

    run(work())
