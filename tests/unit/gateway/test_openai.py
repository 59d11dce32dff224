"""The official client in front of the gateway: what it asks it gets, and its own errors are raised."""

import asyncio
import json
from collections.abc import Callable

import openai
import pytest
from listening import Listening, listening
from openai import AsyncOpenAI, OpenAI
from plain import BATCH, CHAT, FILE, KEY, run

from gateway.core.model import Tokens
from gateway.record import Outcome
from gateway.upstream.fake import STREAM, FakeAnswer
from gateway.upstream.model import Call, Failed, Trouble

pytestmark = pytest.mark.slow

HI = [{"role": "user", "content": "hi"}]
SPOKEN = {
    "id": "x",
    "object": "chat.completion",
    "created": 0,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
}


def chunk(text: str) -> bytes:
    """One event of a stream of chat."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    value = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
    return f"data: {json.dumps(value)}\n\n".encode()


def answers(body: object) -> Callable[[Call], FakeAnswer]:
    """A server that always says this."""
    return lambda _: FakeAnswer([json.dumps(body).encode()])


def client(it: Listening, key: str = KEY, retries: int = 0) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=it.url, api_key=key, max_retries=retries)


def test_chat() -> None:
    """Whole: what the server says is what the client gets, and it is recorded by what it used."""

    async def work() -> None:
        async with listening() as it, client(it) as ai:
            it.does["a"] = answers(SPOKEN)
            said = await ai.chat.completions.create(model="m", messages=HI, max_tokens=20, extra_body={"odd": [1]})

            assert said.choices[0].message.content == "hello"
            sent = it["a"].calls[0]
            assert json.loads(sent.body) == {"messages": HI, "model": "m", "max_tokens": 20, "odd": [1]}
            assert b"authorization" not in dict(sent.headers)
            (done,) = it.done
            assert (done.outcome, done.tokens, done.cost) == (Outcome.ANSWERED, Tokens(5, 7), 19)
            assert (done.tenant, done.model, done.backend, done.rack, done.status) == ("one", "m", "a", "r1", 200)
            assert it.idle

    run(work())


def test_an_alias_is_sent_by_the_model_s_own_name() -> None:
    """All other fields stay as they are."""

    async def work() -> None:
        async with listening() as it, client(it) as ai:
            it.does["a"] = answers(SPOKEN)
            await ai.chat.completions.create(model="gpt-x", messages=HI, temperature=0.5)

            assert json.loads(it["a"].calls[0].body) == {"messages": HI, "model": "m", "temperature": 0.5}

    run(work())


def test_the_client_that_does_not_wait_in_a_loop_works_as_well() -> None:
    """In a thread of its own."""

    async def work() -> None:
        async with listening() as it:
            it.does["a"] = answers(SPOKEN)
            with OpenAI(base_url=it.url, api_key=KEY, max_retries=0) as ai:
                said = await asyncio.to_thread(ai.chat.completions.create, model="m", messages=HI)  # type: ignore[arg-type]
            assert said.choices[0].message.content == "hello"

    run(work())


def test_a_stream_comes_as_it_is_made() -> None:
    """Not when it is complete: the second word is only said when the first has come."""

    async def work() -> None:
        async with listening() as it, client(it) as ai:
            heard = asyncio.Event()
            usage = b'data: {"id":"x","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\n'
            pieces = [chunk("one"), heard, chunk("two")[:20], chunk("two")[20:], usage, b"data: [DONE]\n\n"]
            it.does["a"] = lambda _: FakeAnswer(pieces, headers=STREAM)
            words = []
            async for each in await ai.chat.completions.create(model="m", messages=HI, stream=True):
                words += [choice.delta.content for choice in each.choices]
                heard.set()

            assert words == ["one", "two"]
            assert it.done[0].tokens == Tokens(5, 2)
            assert (it.done[0].outcome, it.done[0].stream) == (Outcome.ANSWERED, True)

    run(work())


async def heard(ai: AsyncOpenAI, words: list[str | None]) -> None:
    """Take the words of a stream as they come."""
    async for each in await ai.chat.completions.create(model="m", messages=HI, stream=True):
        words.append(each.choices[0].delta.content)


@pytest.mark.parametrize(
    "end", [(), (Failed(Trouble.BROKEN, "reset"),), (b'data: {"half', Failed(Trouble.LATE, "")), (b"data: {}",)]
)
def test_a_stream_that_breaks_off_is_an_error_of_the_client_s(end: tuple[bytes | Failed, ...]) -> None:
    """Never an end that looks like one."""

    async def work() -> None:
        async with listening() as it, client(it) as ai:
            it.does["a"] = lambda _: FakeAnswer([chunk("one"), *end], headers=STREAM)
            words: list[str | None] = []
            with pytest.raises(openai.APIError, match="broke off"):
                await heard(ai, words)

            assert words == ["one"]
            assert it.done[0].outcome is Outcome.BROKEN
            assert it.idle

    run(work())


def test_a_stream_that_never_began_is_asked_for_elsewhere() -> None:
    """Nothing had come of it, so nothing is lost."""

    async def work() -> None:
        async with listening() as it, client(it) as ai:
            it.does["a"] = lambda _: Failed(Trouble.BROKEN, "reset")
            it.does["b"] = lambda _: FakeAnswer([chunk("one"), b"data: [DONE]\n\n"], headers=STREAM)
            stream = await ai.chat.completions.create(model="m", messages=HI, stream=True)
            assert [each.choices[0].delta.content async for each in stream] == ["one"]
            assert it.done[0].tries == 2

    run(work())


def test_embeddings() -> None:
    """As numbers, and packed, which is what the client asks for when nobody says."""

    async def work() -> None:
        async with listening() as it, client(it) as ai:
            usage = {"prompt_tokens": 3, "total_tokens": 3}
            plain = [{"object": "embedding", "index": 0, "embedding": [0.5, -1.0]}]
            it.does["a"] = answers({"object": "list", "model": "m", "data": plain, "usage": usage})
            said = await ai.embeddings.create(model="m", input="text", encoding_format="float")
            assert said.data[0].embedding == [0.5, -1.0]

            packed = [{"object": "embedding", "index": 0, "embedding": "AAAAPwAAgL8="}]
            it.does["a"] = answers({"object": "list", "model": "m", "data": packed, "usage": usage})
            said = await ai.embeddings.create(model="m", input="text")
            assert said.data[0].embedding == [0.5, -1.0]
            assert [each.tokens for each in it.done] == [Tokens(3, 0)] * 2

    run(work())


def test_completions_and_responses() -> None:
    """By the same way."""

    async def work() -> None:
        async with listening() as it, client(it) as ai:
            choice = {"index": 0, "text": "hello", "finish_reason": "stop", "logprobs": None}
            it.does["a"] = answers(
                {"id": "x", "object": "text_completion", "created": 0, "model": "m", "choices": [choice]}
            )
            assert (await ai.completions.create(model="m", prompt="hi")).choices[0].text == "hello"

            text = {"type": "output_text", "text": "hello", "annotations": []}
            message = {"id": "y", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
            usage = {"input_tokens": 4, "output_tokens": 6, "total_tokens": 10}
            response = {
                "id": "x",
                "object": "response",
                "created_at": 0,
                "model": "m",
                "output": [message],
                "usage": usage,
            }
            it.does["a"] = answers(response)
            said = await ai.responses.create(model="m", input="hi", max_output_tokens=30)
            assert said.output_text == "hello"
            assert it.done[1].tokens == Tokens(4, 6)

    run(work())


def test_models_are_those_of_a_key() -> None:
    """With aliases; others are not there for it."""

    async def work() -> None:
        async with listening() as it, client(it) as ai, client(it, BATCH) as narrow:
            assert [each.id async for each in ai.models.list()] == ["m", "gpt-x", "other"]
            assert [each.id async for each in narrow.models.list()] == ["m", "gpt-x"]
            assert (await ai.models.retrieve("other")).id == "other"
            with pytest.raises(openai.NotFoundError):
                await narrow.models.retrieve("other")

    run(work())


LIMITED = FILE.replace("one: {}", "one: {requests_per_minute: 1}")
POOR = FILE.replace("one: {}", "one: {budget: 0.000001}")


@pytest.mark.parametrize(
    ("text", "key", "model", "kind", "code"),
    [
        (FILE, "cgk-wrong", "m", openai.AuthenticationError, "invalid_api_key"),
        (FILE, KEY, "nope", openai.NotFoundError, "model_not_found"),
        (FILE, BATCH, "other", openai.NotFoundError, "model_not_found"),
        (POOR, KEY, "m", openai.RateLimitError, "insufficient_quota"),
    ],
)
def test_refusals_are_the_client_s_own_errors(
    text: str, key: str, model: str, kind: type[Exception], code: str
) -> None:
    """Which is what its users catch."""

    async def work() -> None:
        async with listening(text) as it, client(it, key) as ai:
            with pytest.raises(kind) as caught:
                await ai.chat.completions.create(model=model, messages=HI)
            assert isinstance(caught.value, openai.APIStatusError)
            assert caught.value.code == code
            assert caught.value.request_id
            assert it.done[0].outcome is Outcome.REFUSED

    run(work())


def test_limits_are_told_and_when_to_come_back() -> None:
    """In the headers that the client looks at."""

    async def work() -> None:
        async with listening(LIMITED) as it, client(it) as ai:
            it.does["a"] = answers(SPOKEN)
            said = await ai.chat.completions.with_raw_response.create(model="m", messages=HI)
            assert said.headers["x-ratelimit-limit-requests"] == "1"
            assert said.headers["x-ratelimit-remaining-requests"] == "0"
            assert said.headers["x-gateway-backend"] == "a"
            with pytest.raises(openai.RateLimitError) as caught:
                await ai.chat.completions.create(model="m", messages=HI)

            headers = caught.value.response.headers
            assert 55_000 < int(headers["retry-after-ms"]) <= 60_000
            assert "x-should-retry" not in headers

    run(work())


@pytest.mark.parametrize(("trouble", "kind"), [(Trouble.BROKEN, "upstream_broken"), (Trouble.LATE, "upstream_timeout")])
def test_where_no_server_answers_the_client_is_told_so(trouble: Trouble, kind: str) -> None:
    """With no word of where they are."""

    async def work() -> None:
        async with listening() as it, client(it) as ai:
            it.does["a"] = it.does["b"] = lambda _: Failed(trouble, "10.0.0.1:8000 went away")
            with pytest.raises(openai.InternalServerError) as caught:
                await ai.chat.completions.create(model="m", messages=HI)
            assert caught.value.code == kind
            assert "10.0.0.1" not in str(caught.value)
            assert it.done[0].outcome is Outcome.FAILED

    run(work())


def test_who_is_shed_does_not_come_back_by_itself() -> None:
    """Though the client would ask twice more: the gateway says that it must not."""

    async def work() -> None:
        async with listening(FILE + "door: {requests: 1}\n") as it, client(it) as ai, client(it, retries=2) as again:
            never = asyncio.Event()
            it.does["a"] = lambda _: never
            first = asyncio.create_task(ai.chat.completions.create(model="m", messages=HI))
            while not it["a"].open:
                await asyncio.sleep(0.001)
            with pytest.raises(openai.InternalServerError) as caught:
                await again.chat.completions.create(model="m", messages=HI)
            first.cancel()

            assert caught.value.code == "overloaded"
            assert [each.status for each in it.done] == [503]

    run(work())


def test_a_server_s_own_error_is_passed_on() -> None:
    """In its words, with its status."""

    async def work() -> None:
        async with listening() as it, client(it) as ai:
            error = {
                "error": {"message": "too long", "type": "invalid_request_error", "param": "messages", "code": None}
            }
            it.does["a"] = lambda _: FakeAnswer([json.dumps(error).encode()], status=400)
            with pytest.raises(openai.BadRequestError, match="too long"):
                await ai.chat.completions.create(model="m", messages=HI)
            assert (it.done[0].outcome, it.done[0].tokens) == (Outcome.ANSWERED, Tokens())

    run(work())


def test_a_body_that_breaks_off_is_no_answer() -> None:
    """The client gets an error where half of it would look like JSON that is broken."""

    async def work() -> None:
        async with listening() as it, client(it) as ai:
            it.does["a"] = lambda _: FakeAnswer([CHAT[:20], Failed(Trouble.BROKEN, "reset")])
            with pytest.raises(openai.InternalServerError):
                await ai.chat.completions.create(model="m", messages=HI)
            assert it.done[0].outcome is Outcome.BROKEN

    run(work())
