"""The edge over raw sockets: clients that leave, that do not read, that send what is no request."""

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listening import Listening, listening
from plain import FILE, KEY, run, until

from gateway.config.settings import settle
from gateway.core.model import Tokens
from gateway.record import Outcome
from gateway.upstream.fake import STREAM, FakeAnswer
from gateway.upstream.model import Failed, Trouble

pytestmark = pytest.mark.slow

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
QUICK = (
    FILE + "times: {head: 0.2, body: 0.2, reader: 0.3}\ndoor: {head_bytes: 2000, body_bytes: 5000, connections: 3}\n"
)


def request(
    body: bytes = BODY, *headers: str, path: str = "/v1/chat/completions", method: str = "POST", close: bool = True
) -> bytes:
    """A request as it is on the wire."""
    lines = [f"{method} {path} HTTP/1.1", "host: g", f"authorization: Bearer {KEY}", f"content-length: {len(body)}"]
    lines += [*headers, *(["connection: close"] if close else []), "", ""]
    return "\r\n".join(lines).encode() + body


def status(answer: bytes) -> int:
    """Of an answer."""
    return int(answer.split(b" ", 2)[1])


def error(answer: bytes) -> dict[str, str | None]:
    """What an answer says is wrong."""
    found: dict[str, str | None] = json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"]
    return found


@pytest.mark.parametrize("moment", ["before the first token", "in the middle", "while it waits"])
def test_a_client_that_leaves_ends_what_was_done_for_it(moment: str) -> None:
    """Within a tenth of a second; what its tenant held is given back, and who waits goes on."""

    async def work() -> None:
        async with listening() as it:
            never, others = asyncio.Event(), list[asyncio.StreamWriter]()
            begun = FakeAnswer([b"data: {}\n\n", never], headers=STREAM)
            it.does["a"] = it.does["b"] = lambda _: begun if moment == "in the middle" else never
            while moment == "while it waits" and not waiting(it):
                _, writer = await it.connect()
                writer.write(request())
                others.append(writer)
                await asyncio.sleep(0.001)
            reader, writer = await it.connect()
            writer.write(request(close=False))
            if moment == "in the middle":
                await reader.readuntil(b"data: {}\n\n")
            else:
                await until("it is here", lambda: it.gateway.core.door.inside > len(others))
            for each in (writer, *others):
                each.close()
            left = it.clock()
            await until("all is given back", lambda: it.idle)

            assert it.clock() - left < 0.5  # on a busy machine; what is asked for is a tenth
            assert {each.outcome for each in it.done} == {Outcome.GONE}
            assert begun.closed is (moment == "in the middle")

    run(work())


def waiting(it: Listening) -> int:
    """How many wait for the model."""
    return next(each for model, each, _ in it.gateway.core.standings(it.clock()) if model == "m")


def test_a_client_that_does_not_read_holds_little_and_not_for_long() -> None:
    """What is read from its backend stops, and then its connection is ended."""

    async def work() -> None:
        async with listening(QUICK) as it:
            event = b"data: " + b"x" * 60_000 + b"\n\n"
            read = 0

            async def endless() -> bytes:
                nonlocal read
                read += 1
                return event

            answer = FakeAnswer(headers=STREAM)
            answer.read = endless  # type: ignore[method-assign]
            it.does["a"] = lambda _: answer
            with socket.create_connection(("127.0.0.1", it.port)) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.send(request())
                await until("it is read from", lambda: read > 0)
                await until("it is given up", lambda: bool(it.done))

            assert read * len(event) < 20_000_000, "what sockets hold, and no more"
            assert it.done[0].outcome is Outcome.GONE
            assert it.idle

    run(work())


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"no JSON", None),
        (b"[]", None),
        (b"{}", "model"),
        (b'{"model":1,"messages":[]}', "model"),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":[],"max_tokens":-1}', "max_tokens"),
        (b'{"model":"m","messages":[],"max_tokens":"many"}', "max_tokens"),
        (b'{"model":"m","messages":[],"stream":"yes"}', "stream"),
        (b'{"model":"m","messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}", None),
    ],
)
def test_a_body_that_is_none_is_refused_with_the_field_to_blame(body: bytes, param: str | None) -> None:
    """In the shape of all errors; no backend is bothered."""

    async def work() -> None:
        async with listening() as it:
            answer = await it.raw(request(body))

            assert status(answer) == 400
            assert (error(answer)["type"], error(answer)["param"]) == ("invalid_request_error", param)
            assert it["a"].calls == []
            assert it.idle

    run(work())


def test_what_is_in_a_message_is_the_backends() -> None:
    """It goes on as it is, text or not."""

    async def work() -> None:
        async with listening() as it:
            body = b'{"model":"m","messages":[{"content":"\xff\xfe"}]}'

            assert status(await it.raw(request(body))) == 200
            assert it["a"].calls[0].body == body

    run(work())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (request(b"x" * 6000), 413),
        (request(BODY).replace(b"content-length: %d" % len(BODY), b"transfer-encoding: chunked"), 400),
        (
            request(b"1000\r\n" + b"x" * 4096 + b"\r\n1000\r\n" + b"x" * 4096 + b"\r\n0\r\n\r\n").replace(
                b"content-length: 8211", b"transfer-encoding: chunked"
            ),
            413,
        ),
        (request(BODY, "transfer-encoding: chunked"), 400),
        (request(BODY, "content-length: 5"), 400),
        (request(BODY).replace(b"content-length: ", b"content-length: +"), 400),
        (request(BODY, "a b: c"), 400),
        (request(BODY, "x-long: " + "y" * 4000), 431),
        (b"GET / HTTP/1.1\r\n" + b"x" * 4000, 431),
        (request(BODY)[:-5], 408),
        (request(BODY)[:40], 408),
        (b"", 408),
        (b"\x16\x03\x01\x00\xa5\x01\x00", 400),
        (request(BODY, "x-request-timeout-ms: soon"), 400),
        (request(BODY, "x-request-timeout-ms: 0"), 400),
        (request(BODY, "x-priority: top"), 400),
        (request(BODY, path="/v1/nothing"), 404),
        (request(b"", method="GET"), 405),
        (request(b"", path="/v1/models", method="DELETE"), 405),
        (request(BODY).replace(KEY.encode(), b"cgk-no"), 401),
        (request(b"", path="/healthz", method="GET"), 200),
        (request(b"", path="/readyz", method="GET"), 200),
    ],
)
def test_what_is_no_request_is_refused(text: bytes, expected: int) -> None:
    """Quickly, and with nothing left of it."""

    async def work() -> None:
        async with listening(QUICK) as it:
            assert status(await it.raw(text)) == expected
            assert it["a"].calls == []
            assert it.idle

    run(work())


def test_two_requests_are_never_one_for_a_backend() -> None:
    """What follows a request on its connection is the next one, with a key of its own or none."""

    async def work() -> None:
        async with listening() as it:
            hidden = (
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
            )
            answer = await it.raw(request(close=False) + hidden)

            assert answer.count(b"HTTP/1.1 ") == 2
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"HTTP/1.1 401" in answer
            assert [each.body for each in it["a"].calls] == [BODY]

    run(work())


def test_headers_say_nothing_to_backends_that_clients_must_not_say() -> None:
    """Their keys, and what steers proxies; a trace and an id go on."""

    async def work() -> None:
        async with listening() as it:
            trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            await it.raw(
                request(BODY, "x-forwarded-for: 1.2.3.4", "cookie: a", f"traceparent: {trace}", "x-request-id: mine")
            )

            sent = dict(it["a"].calls[0].headers)
            assert sent == {b"traceparent": trace.encode(), b"x-request-id": b"mine"}

    run(work())


def test_an_id_that_cannot_be_one_is_replaced() -> None:
    """It goes into headers and logs."""

    async def work() -> None:
        async with listening() as it:
            answer = await it.raw(request(BODY, "x-request-id: a b"))

            assert b"x-request-id: req-" in answer

    run(work())


def test_a_deadline_goes_on_and_is_kept() -> None:
    """The backend is told what is left of it."""

    async def work() -> None:
        async with listening() as it:
            never = asyncio.Event()
            it.does["a"] = lambda _: never
            answer = await it.raw(request(BODY, "x-request-timeout-ms: 100"))

            assert status(answer) == 504
            assert b"x-should-retry: false" in answer
            assert 0 < int(dict(it["a"].calls[0].headers)[b"x-request-timeout-ms"]) <= 100
            assert it.idle

    run(work())


def test_a_tenant_that_is_taken_out_ends_what_it_has_and_begins_nothing() -> None:
    """A stream goes on to its end; a request whose body is still coming is nobody's any more."""

    async def work() -> None:
        async with listening() as it:
            go = asyncio.Event()
            pieces = [b"data: {}\n\n", go, b"data: [DONE]\n\n"]
            it.does["a"] = lambda _: FakeAnswer(pieces, headers=STREAM)
            (reader, writer), (late, sending) = await it.connect(), await it.connect()
            writer.write(request())
            await reader.readuntil(b"data: {}\n\n")
            sending.write(request()[:-3])
            for _ in range(2):  # by when its head has been looked at
                await it.raw(request(b"", path="/healthz", method="GET"))
            it.gateway.change(settle(FILE.split("tenants:")[0], "g.yml"))
            go.set()
            sending.write(request()[-3:])

            assert (await reader.read()).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
            assert status(await late.read()) == 401
            await until("nothing is held", lambda: it.idle)
            writer.close()
            sending.close()

    run(work())


def test_a_long_body_goes_on_as_it_comes() -> None:
    """It is not kept; what it used is found at its end."""

    async def work() -> None:
        async with listening() as it:
            numbers = b'{"data":[' + b"0.1," * 100_000 + b"0.1]"
            end = b',"usage":{"prompt_tokens":9,"total_tokens":9}}'
            it.does["a"] = lambda _: FakeAnswer([numbers, end])
            answer = await it.raw(request(BODY))

            assert len(answer) > len(numbers + end)
            assert it.done[0].tokens == Tokens(9, 0)

            it.does["a"] = lambda _: FakeAnswer([numbers, Failed(Trouble.BROKEN, "reset")])
            answer = await it.raw(request(BODY))
            assert not answer.endswith(b"0\r\n\r\n"), "what is chunked has no end"
            assert it.done[1].outcome is Outcome.BROKEN
            assert it.idle

    run(work())


def test_idle_connections_are_bounded_and_cost_nobody_else() -> None:
    """One too many is told so; the others go on."""

    async def work() -> None:
        async with listening(QUICK) as it:
            held = [await it.connect() for _ in range(3)]
            answer = await it.raw(b"")
            assert status(answer) == 503

            held[0][1].write(request())
            assert status(await held[0][0].read()) == 200
            for _, writer in held:
                writer.close()

    run(work())


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """A loop for many examples."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def there(runner: asyncio.Runner) -> Iterator[Listening]:
    """A gateway for many examples."""
    stack = AsyncExitStack()
    yield runner.run(stack.enter_async_context(listening(QUICK)))
    runner.run(stack.aclose())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([request(), b"\r\n\r\n", b"0\r\n\r\n"])), max_size=6))
def test_any_bytes_end_in_an_answer_or_a_closed_connection(
    runner: asyncio.Runner, there: Listening, pieces: list[bytes]
) -> None:
    """And in nothing that is held."""

    async def work() -> None:
        reader, writer = await there.connect()
        for each in pieces:
            writer.write(each)
        writer.write_eof()
        answer = await reader.read()
        writer.close()

        assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
        assert all(call.body == BODY for call in there["a"].calls)
        await until("nothing is held", lambda: there.idle)

    runner.run(asyncio.wait_for(work(), 10))
