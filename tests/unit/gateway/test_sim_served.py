"""The simulator over the wire, as the official client and as Prometheus see it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI
from plain import run, until
from prometheus_client.parser import text_string_to_metric_families

from gateway.sim.model import Failing, Kind, Settings, Size, Timing
from gateway.sim.running import Simulator
from gateway.sim.serving import simulating

pytestmark = pytest.mark.slow

HI = [{"role": "user", "content": "say something of the fabric"}]
FAST = Settings(timing=Timing(base=0.001, prefill=0.00001, decode=0.0001), size=Size(batch=8, step=256, blocks=200))
SLOW = Settings(timing=Timing(base=0.05))


@asynccontextmanager
async def served(settings: Settings = FAST, seed: int = 0) -> AsyncGenerator[tuple[Simulator, AsyncOpenAI, str]]:
    """A simulator, the official client of it, and its URL."""
    async with (
        simulating("m", settings, "127.0.0.1:0", seed) as (simulator, url),
        AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as ai,
    ):
        yield simulator, ai, url


async def metrics(url: str) -> dict[str, float]:
    """What it tells Prometheus, by name; of what has labels besides the model's, the sum."""
    found: dict[str, float] = {}
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
        for family in text_string_to_metric_families(await answer.text()):
            for sample in family.samples:
                assert sample.labels["model_name"] == "m"
                found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


def test_a_stream_says_nothing_before_its_first_token() -> None:
    """What waits for room is told nothing that could be taken for the beginning of an answer, as by vLLM."""

    async def work() -> None:
        one = Settings(timing=Timing(base=0.02), size=Size(batch=1))
        async with served(one) as (_, ai, _):

            async def ask() -> float:
                begun = asyncio.get_running_loop().time()
                stream = await ai.chat.completions.create(model="m", messages=HI, max_tokens=30, stream=True)
                await anext(aiter(stream))
                first = asyncio.get_running_loop().time() - begun
                async for _ in stream:
                    pass
                return first

            alone = await ask()
            together = sorted(await asyncio.gather(ask(), ask(), ask()))
        assert alone >= 0.02
        assert together[2] > together[1] > together[0] + 0.02

    run(work())


def test_chat_whole_and_as_a_stream_says_the_same() -> None:
    """Which follows from the prompt and the seed; another seed says another thing."""

    async def work() -> None:
        said = []
        for seed in (0, 0, 1):
            async with served(seed=seed) as (_, ai, _):
                whole = await ai.chat.completions.create(model="m", messages=HI, max_tokens=30)
                words, used = [], None
                stream = await ai.chat.completions.create(
                    model="m", messages=HI, max_tokens=30, stream=True, stream_options={"include_usage": True}
                )
                async for each in stream:
                    words += [choice.delta.content or "" for choice in each.choices]
                    used = each.usage or used
                assert "".join(words) == whole.choices[0].message.content
                assert used is not None
                assert whole.usage is not None
                assert used.completion_tokens == whole.usage.completion_tokens <= 30
                assert whole.system_fingerprint == "closlab-sim"
                said.append("".join(words))

        assert said[0] == said[1] != said[2]

    run(work())


def test_completions_and_responses() -> None:
    """Whole, and by the events that the client knows."""

    async def work() -> None:
        async with served() as (_, ai, _):
            plain = await ai.completions.create(model="m", prompt="begin", max_tokens=5)
            stream = await ai.completions.create(model="m", prompt="begin", max_tokens=5, stream=True)
            assert "".join([each.choices[0].text async for each in stream]) == plain.choices[0].text

            whole = await ai.responses.create(model="m", input="begin", max_output_tokens=7)
            kinds, text = [], ""
            async for event in await ai.responses.create(model="m", input="begin", max_output_tokens=7, stream=True):
                kinds.append(event.type)
                text += event.delta if event.type == "response.output_text.delta" else ""
            assert text == whole.output_text
            assert kinds[0] == "response.created"
            assert kinds[-1] in ("response.completed", "response.incomplete")
            assert whole.usage is not None
            assert whole.usage.output_tokens <= 7

    run(work())


def test_embeddings_are_the_same_in_both_encodings() -> None:
    """Of the length that was asked for."""

    async def work() -> None:
        async with served() as (_, ai, _):
            plain = await ai.embeddings.create(model="m", input=["a", "b"], dimensions=8, encoding_format="float")
            packed = await ai.embeddings.create(model="m", input=["a", "b"], dimensions=8)

            assert [len(each.embedding) for each in plain.data] == [8, 8]
            for one, other in zip(plain.data, packed.data, strict=True):
                assert one.embedding == pytest.approx(other.embedding, abs=1e-6)

    run(work())


def test_an_answer_ends_before_the_words_that_it_is_to_end_before() -> None:
    """Also where those are in two tokens, and in a stream."""

    async def work() -> None:
        async with served() as (simulator, ai, url):
            whole = (await ai.chat.completions.create(model="m", messages=HI, max_tokens=40)).choices[0].message.content
            assert whole is not None
            words = whole.split()
            stop = f"{words[4][-1]} {words[5]}"
            stream = await ai.chat.completions.create(model="m", messages=HI, max_tokens=40, stop=[stop], stream=True)
            chunks = [each async for each in stream]

            text = "".join(each.choices[0].delta.content or "" for each in chunks)
            assert text == whole[: whole.index(stop)]
            assert chunks[-1].choices[0].finish_reason == "stop"
            await until("its place is free", lambda: not simulator.engine.busy)
            assert (await metrics(url))["vllm:num_requests_running"] == 0

    run(work())


@pytest.mark.parametrize(
    ("words", "kind", "param"),
    [
        ({"model": "other"}, openai.NotFoundError, "model"),
        ({"n": 2}, openai.BadRequestError, "n"),
        ({"max_tokens": 100_000}, openai.BadRequestError, "messages"),
        ({"max_tokens": 0}, openai.BadRequestError, "max_tokens"),
    ],
)
def test_what_cannot_be_is_refused(words: dict[str, object], kind: type[Exception], param: str) -> None:
    """With the field to blame."""

    async def work() -> None:
        async with served() as (_, ai, _):
            with pytest.raises(kind) as caught:
                await ai.chat.completions.create(**{"model": "m", "messages": HI, **words})  # type: ignore[call-overload]
            assert isinstance(caught.value, openai.APIStatusError)
            assert caught.value.param == param

    run(work())


@pytest.mark.parametrize("moment", ["before the first token", "in the middle"])
def test_a_client_that_leaves_frees_its_place(moment: str) -> None:
    """It is cancelled in the engine, and counted as such."""

    async def work() -> None:
        async with served(SLOW) as (simulator, ai, url):
            task = asyncio.create_task(ai.chat.completions.create(model="m", messages=HI, stream=True, max_tokens=500))
            await until("it is there", lambda: simulator.engine.busy)
            if moment == "in the middle":
                await until("it has words", lambda: simulator.engine.counts.answer_tokens > 1)
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                await task.result().close()
            await until("its place is free", lambda: not simulator.engine.busy)

            assert (await metrics(url))["vllm:request_success_total"] == 1

    run(work())


FAILS = {
    Kind.ERROR: openai.InternalServerError,
    Kind.BUSY: openai.InternalServerError,
    Kind.RATELIMIT: openai.RateLimitError,
    Kind.REFUSE: openai.APIConnectionError,
    Kind.GARBLE: openai.APIConnectionError,
    Kind.CUT: openai.APIConnectionError,
    Kind.SILENCE: openai.APITimeoutError,
    Kind.STALL: openai.APITimeoutError,
}


@pytest.mark.parametrize("kind", FAILS)
def test_it_fails_as_it_is_told(kind: Kind) -> None:
    """Each in its way; told to stop that, it works again."""

    async def work() -> None:
        async with served() as (_, ai, url), aiohttp.ClientSession() as session:
            told = {"failing": {"rate": 1, "kind": kind.value, "healthy": False}, "timing": {"base": 0.001}}
            async with session.post(f"{url}/admin/config", json=told) as answer:
                assert (await answer.json())["failing"]["kind"] == kind.value
            async with session.get(f"{url}/health") as answer:
                assert answer.status == 503
            with pytest.raises(FAILS[kind]):
                await ai.chat.completions.create(model="m", messages=HI, max_tokens=20, timeout=0.5)

            async with session.post(f"{url}/admin/config", json={}) as answer:
                assert answer.status == 200
            assert (await ai.chat.completions.create(model="m", messages=HI, max_tokens=3)).choices

    run(work())


@pytest.mark.parametrize("kind", [Kind.CUT, Kind.STALL, Kind.REFUSE])
def test_embeddings_fail_as_well(kind: Kind) -> None:
    """In the middle, or before anything is said; a reset is one, and no end."""

    async def work() -> None:
        failing = Settings(failing=Failing(rate=1, kind=kind))
        async with served(failing) as (_, ai, url):
            with pytest.raises(openai.APIConnectionError) as caught:
                await ai.embeddings.create(model="m", input="text", timeout=0.5)
            assert isinstance(caught.value, openai.APITimeoutError) is (kind is Kind.STALL)
            reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
            body = b'{"model":"m","input":"text"}'
            writer.write(b"POST /v1/embeddings HTTP/1.1\r\nhost: s\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            if kind is not Kind.STALL:
                with pytest.raises(ConnectionResetError):
                    await reader.read()
            writer.close()

    run(work())


def test_which_requests_fail_follows_from_the_seed() -> None:
    """Whatever else happens meanwhile."""

    async def work() -> None:
        seen = []
        for warm in (0, 3):
            async with served(Settings(failing=Failing(rate=0.0), timing=Timing(variance=0.5))) as (simulator, ai, _):
                for _ in range(warm):
                    simulator.engine.chance()
                simulator.change(Settings(failing=Failing(rate=0.5)))
                raw = [ai.chat.completions.create(model="m", messages=HI, max_tokens=1) for _ in range(12)]
                ends = [await asyncio.gather(each, return_exceptions=True) for each in raw]
                seen.append([isinstance(each[0], Exception) for each in ends])
        assert seen[0] == seen[1]
        assert 0 < sum(seen[0]) < 12

    run(work())


def test_what_is_told_wrong_changes_nothing() -> None:
    """Keys that are not known, values out of bounds."""

    async def work() -> None:
        async with served() as (simulator, _, url), aiohttp.ClientSession() as session:
            for wrong in (
                {"failin": {}},
                {"failing": {"rate": 2}},
                {"timing": {"slowdown": 0}},
                [],
                {"size": {"batch": 0}},
            ):
                async with session.post(f"{url}/admin/config", json=wrong) as answer:
                    assert answer.status == 400
            assert simulator.settings == FAST

    run(work())


def test_a_crowd_waits_as_the_physics_say() -> None:
    """The last of thirty-two first tokens comes many times later than one alone, and all of it is counted."""

    async def work() -> None:
        slow = Settings(timing=Timing(base=0.005), size=Size(batch=4))
        async with served(slow) as (_, ai, url):

            async def first(number: int) -> float:
                begun = asyncio.get_running_loop().time()
                messages = [{"role": "user", "content": f"number {number}"}]
                stream = await ai.chat.completions.create(model="m", messages=messages, max_tokens=8, stream=True)
                seconds = [
                    asyncio.get_running_loop().time() - begun async for each in stream if each.choices[0].delta.content
                ]
                return seconds[0]

            alone = min([await first(0) for _ in range(3)])
            together = await asyncio.gather(*(first(number) for number in range(1, 33)))
            assert max(together) > 4 * alone
            told = await metrics(url)
            assert told["vllm:time_to_first_token_seconds_count"] == told["vllm:request_success_total"] == 35
            assert told["vllm:generation_tokens_total"] <= 35 * 8
            assert told["vllm:kv_cache_usage_perc"] == 0

    run(work())
