"""The simulator over gRPC: the same model as over HTTP, by typed messages."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from openai import AsyncOpenAI
from plain import run, until

from gateway.grpc.stubs import SERVICE, load
from gateway.sim.model import Failing, Kind, Settings, Size, Timing
from gateway.sim.running import Simulator
from gateway.sim.serving import simulating
from gateway.sim.typed import typed

pytestmark = pytest.mark.slow

FAST = Settings(timing=Timing(base=0.001, prefill=0.00001, decode=0.0001), size=Size(batch=8, step=256, blocks=200))
SLOW = Settings(timing=Timing(base=0.05))
WORDS = "say something of the fabric"


@asynccontextmanager
async def served(settings: Settings = FAST) -> AsyncGenerator[tuple[Simulator, grpc.aio.Channel, str]]:
    """A simulator, a channel to it, and its URL over HTTP."""
    async with (
        simulating("m", settings, "127.0.0.1:0") as (simulator, url),
        typed(simulator, "127.0.0.1:0") as port,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield simulator, channel, url


def call(channel: grpc.aio.Channel, name: str, request: Any, reply: str, **more: Any) -> Any:
    """A call of a method of the service."""
    kind = channel.unary_stream if name == "StreamChat" else channel.unary_unary
    method = kind(f"/{SERVICE}/{name}", type(request).SerializeToString, load().message(reply).FromString)
    return method(request, **more)


def chat(model: str = "m", most: int = 30, stop: tuple[str, ...] = ()) -> Any:
    """A request for an answer."""
    message = load().message("Message")(role="user", content=WORDS)
    return load().message("ChatRequest")(model=model, messages=[message], max_tokens=most, stop=stop)


def test_it_says_the_same_whole_as_a_stream_and_over_http() -> None:
    """With what was used, and why it ended."""

    async def work() -> None:
        async with served() as (_, channel, url), AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as ai:
            whole = await call(channel, "Chat", chat(), "ChatReply")
            chunks = [each async for each in call(channel, "StreamChat", chat(), "ChatChunk")]
            messages: Any = [{"role": "user", "content": WORDS}]
            http = await ai.chat.completions.create(model="m", messages=messages, max_tokens=30)
        assert whole.message.content == "".join(each.content for each in chunks) == http.choices[0].message.content
        assert chunks[-1].finish_reason == whole.finish_reason == http.choices[0].finish_reason
        assert http.usage is not None
        for used in (whole.usage, chunks[-1].usage):
            assert (used.prompt_tokens, used.completion_tokens) == (
                http.usage.prompt_tokens,
                http.usage.completion_tokens,
            )

    run(work())


def test_its_models_its_vectors_and_its_health() -> None:
    """As many numbers as are asked for, one vector a text."""

    async def work() -> None:
        async with served() as (_, channel, _):
            models = await call(channel, "Models", load().message("ModelsRequest")(), "ModelsReply")
            wanted = load().message("EmbedRequest")(model="m", input=["a b", "c"], dimensions=8)
            vectors = await call(channel, "Embed", wanted, "EmbedReply")
            asked = health_pb2.HealthCheckRequest(service=SERVICE)
            state = await health_pb2_grpc.HealthStub(channel).Check(asked)
        assert list(models.names) == ["m"]
        assert [len(each.values) for each in vectors.embeddings] == [8, 8]
        assert vectors.usage.prompt_tokens == 3
        assert state.status == health_pb2.HealthCheckResponse.SERVING

    run(work())


def test_a_call_that_is_cancelled_or_out_of_time_ends_what_is_done_for_it() -> None:
    """Also before its first token."""

    async def work() -> None:
        async with served(SLOW) as (simulator, channel, _):
            stream = call(channel, "StreamChat", chat(most=200), "ChatChunk")
            await stream.read()
            stream.cancel()
            await until("nothing is under way", lambda: not simulator.engine.busy)
            with pytest.raises(grpc.aio.AioRpcError) as late:
                await call(channel, "Chat", chat(most=200), "ChatReply", timeout=0.2)
            await until("nothing is under way", lambda: not simulator.engine.busy)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED

    run(work())


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (Kind.ERROR, grpc.StatusCode.INTERNAL),
        (Kind.BUSY, grpc.StatusCode.UNAVAILABLE),
        (Kind.RATELIMIT, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (Kind.REFUSE, grpc.StatusCode.UNAVAILABLE),
        (Kind.CUT, grpc.StatusCode.UNAVAILABLE),
        (Kind.SILENCE, grpc.StatusCode.DEADLINE_EXCEEDED),
        (Kind.STALL, grpc.StatusCode.DEADLINE_EXCEEDED),
    ],
)
def test_it_fails_when_told(kind: Kind, code: grpc.StatusCode) -> None:
    """A stream that breaks off has said something before."""

    async def work() -> None:
        settings = Settings(timing=FAST.timing, failing=Failing(rate=1.0, kind=kind))
        async with served(settings) as (_, channel, _):
            said: list[str] = []

            async def listen() -> None:
                async for each in call(channel, "StreamChat", chat(), "ChatChunk", timeout=0.5):
                    said.append(each.content)

            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await listen()
            assert failed.value.code() is code
            assert bool(said) is (kind in (Kind.CUT, Kind.STALL))

    run(work())


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (("other", 5), grpc.StatusCode.NOT_FOUND, "The model `other` does not exist."),
        (("m", 100_000), grpc.StatusCode.INVALID_ARGUMENT, "are more than fit"),
    ],
)
def test_what_it_cannot_do_is_said(request_: tuple[str, int], code: grpc.StatusCode, words: str) -> None:
    """Whole and as a stream."""

    async def work() -> None:
        async with served() as (_, channel, _):
            with pytest.raises(grpc.aio.AioRpcError) as whole:
                await call(channel, "Chat", chat(*request_), "ChatReply")
            with pytest.raises(grpc.aio.AioRpcError) as stream:
                await call(channel, "StreamChat", chat(*request_), "ChatChunk").read()
        for failed in (whole, stream):
            assert failed.value.code() is code
            assert words in (failed.value.details() or "")

    run(work())


def test_who_waits_for_room_waits_for_the_first_token() -> None:
    """The queue and the batch are one for HTTP and gRPC."""

    async def work() -> None:
        one = Settings(timing=Timing(base=0.02), size=Size(batch=1))
        async with served(one) as (_, channel, _):
            begun = asyncio.get_running_loop().time()

            async def first() -> float:
                stream = aiter(call(channel, "StreamChat", chat(most=10), "ChatChunk"))
                await anext(stream)
                seconds = asyncio.get_running_loop().time() - begun
                async for _ in stream:
                    pass
                return seconds

            times = sorted(await asyncio.gather(first(), first()))
        assert times[1] > times[0] + 0.02

    run(work())
