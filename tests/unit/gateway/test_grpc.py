"""The edge that speaks gRPC, as a client of it sees it: the same keys, limits and records as over HTTP."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from certificates import authority
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from plain import BATCH, FILE, KEY, Plain, run, until

from gateway.config.settings import settle
from gateway.core.model import Tokens
from gateway.errors import Fault
from gateway.grpc.serving import served
from gateway.grpc.stubs import SERVICE, load
from gateway.record import Outcome
from gateway.upstream.fake import STREAM, FakeAnswer
from gateway.upstream.model import Failed, Trouble

GRPC = FILE + "grpc: 127.0.0.1:0\n"
SPOKEN = {
    "id": "x",
    "model": "m",
    "choices": [{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 7},
}


class Client:
    """Of a gateway on some port, with a key."""

    def __init__(self, channel: Any, key: str) -> None:
        self.channel, self._stubs = channel, load()
        self._metadata = (("authorization", f"Bearer {key}"),) if key else ()

    def message(self, name: str, **values: Any) -> Any:
        """A message of that name."""
        return self._stubs.message(name)(**values)

    def call(self, method: str, asked: Any, *more: tuple[str, str], timeout: float | None = None) -> Any:
        """Ask a method; a call that can be awaited, or read from."""
        (found,) = [each for each in self._stubs.service.methods if each.name == method]
        told = self._stubs.message(found.output_type.name)
        kind = self.channel.unary_stream if method == "StreamChat" else self.channel.unary_unary
        made = kind(f"/{SERVICE}/{method}", type(asked).SerializeToString, told.FromString)
        return made(asked, metadata=(*self._metadata, *more), timeout=timeout)

    def chat(self, method: str = "Chat", *, timeout: float | None = None, **values: Any) -> Any:
        """Say hi to a model."""
        values = {"model": "m", **values}
        asked = self.message("ChatRequest", messages=[self.message("Message", role="user", content="hi")], **values)
        return self.call(method, asked, timeout=timeout)


@asynccontextmanager
async def serving(text: str = GRPC, key: str = KEY) -> AsyncGenerator[tuple[Plain, Client]]:
    """A gateway before fake servers, and a client of it."""
    plain = Plain(text)
    async with (
        served(plain.gateway, plain.gateway.settings.file) as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield plain, Client(channel, key)


def chunk(text: str, finish: str | None = None) -> bytes:
    """One event of a stream."""
    return f"data: {json.dumps({'choices': [{'delta': {'content': text}, 'finish_reason': finish}]})}\n\n".encode()


def test_chat() -> None:
    """What is typed goes on as JSON, with whatever else was given, and the answer comes back typed; it is recorded."""

    async def work() -> None:
        async with serving() as (plain, client):
            plain.does["a"] = lambda _: FakeAnswer([json.dumps(SPOKEN).encode()])
            asked = client.message("ChatRequest", model="gpt-x", max_tokens=20, temperature=0.5, stop=["x"])
            asked.messages.add(role="user", content="hi")
            asked.more.update({"top_k": 3, "model": "other"})
            said = await client.call("Chat", asked)

            assert (said.message.content, said.finish_reason, said.usage.completion_tokens) == ("hello", "stop", 7)
            assert json.loads(plain["a"].calls[0].body) == {
                "model": "m",
                "messages": [{"role": "user", "content": "hi"}],
                "max_tokens": 20,
                "temperature": 0.5,
                "stop": ["x"],
                "top_k": 3,
            }
            (done,) = plain.done
            assert (done.edge, done.kind, done.tenant, done.model) == ("grpc", "chat", "one", "m")
            assert (done.outcome, done.tokens, done.cost, done.backend) == (Outcome.ANSWERED, Tokens(5, 7), 19, "a")
            assert plain.idle

    run(work())


def test_a_stream_comes_as_it_is_made() -> None:
    """Each word before the next one is made; what was used at its end."""

    async def work() -> None:
        async with serving() as (plain, client):
            heard = asyncio.Event()
            end = b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\ndata: [DONE]\n\n'
            answer = [chunk("one"), heard, chunk("two", "stop")[:9], chunk("two", "stop")[9:], end]
            plain.does["a"] = lambda _: FakeAnswer(answer, headers=STREAM)
            chunks = []
            async for each in client.chat("StreamChat"):
                chunks.append(each)
                heard.set()

            assert [each.content for each in chunks] == ["one", "two", ""]
            assert [each.finish_reason for each in chunks] == ["", "stop", ""]
            assert (chunks[-1].usage.prompt_tokens, plain.done[0].tokens) == (5, Tokens(5, 2))
            assert (plain.done[0].outcome, plain.done[0].stream) == (Outcome.ANSWERED, True)
            assert plain.idle

    run(work())


@pytest.mark.parametrize(
    "end", [[], [Failed(Trouble.BROKEN, "reset")], [b'data: {"error": {}}\n\n'], [b"data: [}\n\n"]]
)
def test_a_stream_that_breaks_off_has_failed(end: list[bytes | Failed]) -> None:
    """What came of it has come."""

    async def work() -> None:
        async with serving() as (plain, client):
            plain.does["a"] = lambda _: FakeAnswer([chunk("one"), *end], headers=STREAM)
            call = client.chat("StreamChat")
            assert (await call.read()).content == "one"
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await call.read()

            assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
            assert plain.done[0].outcome is Outcome.BROKEN
            await until("nothing is held", lambda: plain.idle)

    run(work())


def test_embeddings_and_models() -> None:
    """In the order of the texts; the models of a key."""

    async def work() -> None:
        async with serving() as (plain, client):
            data = [{"embedding": [0.5], "index": 1}, {"embedding": [0.25], "index": 0}]
            told = {"model": "m", "data": data, "usage": {"prompt_tokens": 4}}
            plain.does["a"] = lambda _: FakeAnswer([json.dumps(told).encode()])
            said = await client.call("Embed", client.message("EmbedRequest", model="m", input=["a", "b"], dimensions=1))
            models = await client.call("Models", client.message("ModelsRequest"))

            assert [list(each.values) for each in said.embeddings] == [[0.25], [0.5]]
            assert json.loads(plain["a"].calls[0].body)["dimensions"] == 1
            assert plain.done[0].tokens == Tokens(4, 0)
            assert list(models.names) == ["m", "gpt-x", "other"]

    run(work())


LIMITED = GRPC.replace("one: {}", "one: {requests_per_minute: 0}")
FULL = GRPC + "door: {requests: 1}\n"


@pytest.mark.parametrize(
    ("text", "key", "values", "code"),
    [
        (GRPC, "", {}, grpc.StatusCode.UNAUTHENTICATED),
        (GRPC, "cgk-no", {}, grpc.StatusCode.UNAUTHENTICATED),
        (GRPC, BATCH, {"model": "other"}, grpc.StatusCode.NOT_FOUND),
        (GRPC, KEY, {"model": ""}, grpc.StatusCode.NOT_FOUND),
        (LIMITED, KEY, {}, grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
def test_refusals_are_gRPCs_own(text: str, key: str, values: dict[str, str], code: grpc.StatusCode) -> None:
    """For whole answers and for streams; no server is asked."""

    async def work() -> None:
        async with serving(text, key) as (plain, client):
            for method in ("Chat", "StreamChat"):
                call = client.chat(method, **values)
                with pytest.raises(grpc.aio.AioRpcError) as failed:
                    await (call.read() if method == "StreamChat" else call)
                assert failed.value.code() is code
            assert [each.outcome for each in plain.done] == [Outcome.REFUSED] * 2
            assert plain["a"].calls == []

    run(work())


def test_who_is_shed_is_told_not_to_come_back() -> None:
    """In the words that gRPC's clients know."""

    async def work() -> None:
        async with serving(FULL) as (plain, client):
            never = asyncio.Event()
            plain.does["a"] = lambda _: never
            first = client.chat()
            await until("it is asked", lambda: plain["a"].open == 1)
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await client.chat()

            assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
            assert ("grpc-retry-pushback-ms", "-1") in tuple(failed.value.trailing_metadata())
            first.cancel()
            await until("nothing is held", lambda: plain.idle)

    run(work())


@pytest.mark.parametrize("method", ["Chat", "StreamChat"])
@pytest.mark.parametrize("moment", ["before the first token", "in the middle"])
def test_a_client_that_leaves_ends_what_was_done_for_it(method: str, moment: str) -> None:
    """As soon as it has left."""

    async def work() -> None:
        async with serving() as (plain, client):
            never = asyncio.Event()
            begun = FakeAnswer([chunk("one"), never], headers=STREAM)
            plain.does["a"] = plain.does["b"] = lambda _: begun if moment == "in the middle" else never
            call = client.chat(method)
            if moment == "in the middle" and method == "StreamChat":
                await call.read()
            else:
                await until("it is asked", lambda: bool(plain["a"].calls))
            call.cancel()
            await until("nothing is held", lambda: plain.idle)

            assert plain.done[0].outcome is Outcome.GONE

    run(work())


def test_a_deadline_is_the_clients() -> None:
    """It ends what is under way, and is the gateway's own refusal or the client's."""

    async def work() -> None:
        async with serving() as (plain, client):
            never = asyncio.Event()
            plain.does["a"] = lambda _: never
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await client.chat(timeout=0.1)

            assert failed.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            await until("nothing is held", lambda: plain.idle)

    run(work())


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (FakeAnswer([b'{"error":{"message":"too long"}}'], status=400), grpc.StatusCode.INVALID_ARGUMENT, "too long"),
        (FakeAnswer([b"?"], status=418), grpc.StatusCode.UNKNOWN, "answered 418"),
        (FakeAnswer([b"no JSON"]), grpc.StatusCode.UNAVAILABLE, "could not be asked"),
        (FakeAnswer([b"{", Failed(Trouble.BROKEN, "10.0.0.1")]), grpc.StatusCode.UNAVAILABLE, "could not be asked"),
    ],
)
def test_what_a_server_does_wrong_is_told(answer: FakeAnswer, code: grpc.StatusCode, said: str) -> None:
    """In its own words, or in ours where it has none; never where it is."""

    async def work() -> None:
        async with serving() as (plain, client):
            plain.does["a"] = plain.does["b"] = lambda _: answer
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await client.chat()

            assert (failed.value.code(), said in failed.value.details()) == (code, True)
            assert "10.0.0.1" not in failed.value.details()
            assert plain.idle

    run(work())


def test_a_request_without_messages_is_none() -> None:
    """As over HTTP."""

    async def work() -> None:
        async with serving() as (_, client):
            for method, asked in (
                ("Chat", client.message("ChatRequest", model="m")),
                ("Embed", client.message("EmbedRequest", model="m")),
            ):
                with pytest.raises(grpc.aio.AioRpcError) as failed:
                    await client.call(method, asked)
                assert failed.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    run(work())


def test_its_health_is_the_gateways() -> None:
    """It is not serving while it stops."""

    async def work() -> None:
        async with serving() as (plain, client):
            states = health_pb2_grpc.HealthStub(client.channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE))
            seen = [(await states.read()).status]
            while seen[-1] != health_pb2.HealthCheckResponse.SERVING:
                seen.append((await states.read()).status)
            plain.gateway.draining = True

            assert (await states.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            states.cancel()

    run(work())


def test_it_says_what_it_can_do() -> None:
    """To tools that ask by reflection."""

    async def work() -> None:
        async with serving() as (_, client):
            stub = reflection_pb2_grpc.ServerReflectionStub(client.channel)
            call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
            told = await call.read()

            assert SERVICE in [each.name for each in told.list_services_response.service]

    run(work())


@pytest.mark.parametrize("asks_for_one", [False, True])
def test_clients_come_by_tls_and_show_a_certificate_where_they_must(tmp_path: Path, asks_for_one: bool) -> None:
    """The same files as over HTTP."""

    async def work() -> None:
        ca = authority(tmp_path)
        mine, theirs = ca.issue("gateway"), ca.issue("client")
        tls = f"tls: {{certificate: {mine.certificate}, key: {mine.key}"
        plain = Plain(f"{GRPC}{tls}, ca: {ca.certificate if asks_for_one else ''!r}}}\n")
        root, certificate, key = (Path(each).read_bytes() for each in (ca.certificate, theirs.certificate, theirs.key))
        async with served(plain.gateway, plain.gateway.settings.file) as port:
            for shown, welcome in (((key, certificate), True), ((None, None), not asks_for_one)):
                credentials = grpc.ssl_channel_credentials(root, *shown)
                async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials) as channel:
                    client = Client(channel, KEY)
                    models = client.call("Models", client.message("ModelsRequest"), timeout=5)
                    if welcome:
                        assert (await models).names
                    else:
                        with pytest.raises(grpc.aio.AioRpcError):
                            await models

    run(work())


def test_an_address_that_is_taken_is_told() -> None:
    """Two gateways never share one."""

    async def work() -> None:
        plain = Plain(GRPC)
        async with served(plain.gateway, plain.gateway.settings.file) as port:
            file = settle(FILE + f"grpc: 127.0.0.1:{port}\n", "g.yml").file
            with pytest.raises(Fault, match="cannot listen there"):
                async with served(plain.gateway, file):
                    pass

    run(work())
