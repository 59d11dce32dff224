"""Requests for a model over gRPC: the same way as over HTTP, with typed messages at its ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, TypeVar

import grpc
import msgspec

from gateway import asking
from gateway.account import Account
from gateway.asking import FOREVER, LEFT
from gateway.core.model import Tokens
from gateway.grpc import translating
from gateway.grpc.methods import CODES, handler
from gateway.grpc.stubs import Stubs
from gateway.grpc.translating import Chat, Failure, Vectors
from gateway.http.sse import Events
from gateway.passage import Passing, Turned, Wanted
from gateway.process import Gateway
from gateway.record import Outcome
from gateway.upstream.model import Answer, Call, Failed, Trouble
from gateway.wrong import NOT_AGAIN, Wrong, failure, refusal

T = TypeVar("T")
MOST = 64 << 20
"""Bytes of an answer that is kept until it is whole."""
JSON = ((b"content-type", b"application/json"),)
Context = Any  # a grpc.aio.ServicerContext, which is not annotated


class Edge:
    """The service."""

    def __init__(self, gateway: Gateway, stubs: Stubs) -> None:
        self._gateway, self._stubs = gateway, stubs

    def handler(self) -> Any:
        """What a server is given."""
        does = {"Chat": self.chat, "StreamChat": self.stream_chat, "Embed": self.embed, "Models": self.models}
        return handler(self._stubs, does)

    async def models(self, _asked: Any, context: Context) -> Any:
        """The models that a key may ask for."""
        account = self._account("models")
        account.recorded = True  # it asks no model; the other edge does not record it either

        async def work() -> Any:
            key = asking.key(self._gateway, _metadata(context).get("authorization", b""))
            return self._stubs.message("ModelsReply")(names=asking.models(self._gateway, key))

        return await self._told(account, context, work)

    async def chat(self, asked: Any, context: Context) -> Any:
        """One answer, whole."""
        account = self._account("chat")

        async def work() -> Any:
            wanted = self._chat(account, asked, context, stream=False)
            return await self._whole(account, wanted, Chat, lambda said: self._reply(account, wanted, said))

        return await self._told(account, context, work)

    async def embed(self, asked: Any, context: Context) -> Any:
        """A vector for each text."""
        account = self._account("embeddings")

        async def work() -> Any:
            if not asked.input:
                raise Wrong(400, "invalid_request_error", "Missing required parameter: 'input'", param="input")
            prompt = sum(map(len, asked.input)) // 4 + 1
            body = lambda name: translating.embed(asked, name)  # noqa: E731 - one line says it
            wanted = self._wanted(account, context, asked.model, "/v1/embeddings", body, prompt, 0)
            return await self._whole(account, wanted, Vectors, lambda said: self._vectors(account, wanted, said))

        return await self._told(account, context, work)

    async def stream_chat(self, asked: Any, context: Context) -> AsyncIterator[Any]:
        """An answer as it is made. Where it breaks off the call has failed, whatever of it has come."""
        account = self._account("chat")
        account.stream = True
        try:
            wanted = self._chat(account, asked, context, stream=True)
            passing = await self._gateway.passage.enter(wanted)
            try:
                account.passed(passing)
                async for chunk in self._chunks(account, wanted, _answer(passing)):
                    yield chunk
            finally:
                self._gateway.passage.leave(passing, account.tokens)
        except (Wrong, Turned, Failed) as error:
            await self._abort(account, context, error)
        except (asyncio.CancelledError, GeneratorExit):
            account.over(Outcome.GONE, LEFT)
            raise

    async def _told(self, account: Account, context: Context, work: Callable[[], Awaitable[T]]) -> T:
        """Do it; what goes wrong is told in the words of gRPC."""
        try:
            return await work()
        except (Wrong, Turned, Failed) as error:
            await self._abort(account, context, error)
            raise  # which it never comes to
        except asyncio.CancelledError:
            account.over(Outcome.GONE, LEFT)
            raise

    async def _abort(self, account: Account, context: Context, error: Wrong | Turned | Failed) -> None:
        match error:
            case Turned():
                wrong = refusal(error.refused)
                account.over(Outcome.REFUSED, wrong.status, error.refused.reason)
            case Failed():
                wrong = failure(error)
                account.over(Outcome.FAILED, wrong.status)
            case Wrong():
                wrong = error
                account.over(Outcome.REFUSED, wrong.status)
        await context.abort(CODES.get(wrong.status, grpc.StatusCode.UNKNOWN), wrong.what, _trailers(wrong))

    def _account(self, kind: str) -> Account:
        return Account(self._gateway, "grpc", kind, self._gateway.clock())

    def _chat(self, account: Account, asked: Any, context: Context, *, stream: bool) -> Wanted:
        translating.refused(asked)
        prompt = translating.text(asked) // 4 + 1
        body = lambda name: translating.chat(asked, name, stream=stream)  # noqa: E731 - one line says it
        return self._wanted(account, context, asked.model, "/v1/chat/completions", body, prompt, asked.max_tokens)

    def _wanted(
        self,
        account: Account,
        context: Context,
        model: str,
        path: str,
        body: Callable[[str], bytes],
        prompt: int,
        most: int,
    ) -> Wanted:
        """What is asked for, by whom, until when; Wrong or Turned where that is clear already."""
        sent, gateway = _metadata(context), self._gateway
        account.key = asking.key(gateway, sent.get("authorization", b""))
        priority = asking.priority(gateway, account.key, sent.get("x-priority"))
        routes = asking.routes(account, model)
        remaining = context.time_remaining()
        deadline = FOREVER if remaining is None else account.began + remaining
        account.id = sent.get("x-request-id", b"")
        account.traced(sent.get("traceparent", b""))
        passed_on = tuple((name.encode(), sent[name]) for name in ("traceparent", "tracestate") if name in sent)
        if account.trace is not None:
            passed_on = (
                *(each for each in passed_on if each[0] != b"traceparent"),
                (b"traceparent", account.trace.header),
            )

        def call(name: str) -> Call:
            return Call(path.encode(), (*JSON, *passed_on), body(name))

        return Wanted(account.key.tenant, priority, routes, call, prompt, most, deadline)

    async def _whole(self, account: Account, wanted: Wanted, kind: type[T], made: Callable[[T], Any]) -> Any:
        """An answer that is kept until it is whole, as a message."""
        passing = await self._gateway.passage.enter(wanted)
        try:
            account.passed(passing)
            answer = _answer(passing)
            body = await _body(answer)
            self._refuse(account, answer, body)
            try:
                reply = made(msgspec.json.decode(body, type=kind))
            except msgspec.MsgspecError as error:
                raise Failed(Trouble.GARBLED, f"it is no such answer: {error}") from None
            account.over(Outcome.ANSWERED, 200)
            return reply
        finally:
            self._gateway.passage.leave(passing, account.tokens)

    def _refuse(self, account: Account, answer: Answer, body: bytes) -> None:
        """Wrong where a server has answered with an error of its own, in its words."""
        if answer.status == 200:
            return
        account.over(Outcome.ANSWERED if answer.status < 500 else Outcome.FAILED, answer.status)
        try:
            what = msgspec.json.decode(body, type=Failure).error.message
        except msgspec.MsgspecError:
            what = ""
        raise Wrong(answer.status, "upstream_error", what or f"The model's server answered {answer.status}.")

    def _reply(self, account: Account, wanted: Wanted, said: Chat) -> Any:
        account.tokens = translating.tokens(said.usage) or Tokens(wanted.prompt)
        reply = self._stubs.message("ChatReply")(id=said.id, model=said.model)
        reply.message.role, reply.message.content = said.choice.message.role, said.choice.message.content or ""
        reply.finish_reason = said.choice.finish_reason or ""
        self._use(reply, account.tokens)
        return reply

    def _vectors(self, account: Account, wanted: Wanted, said: Vectors) -> Any:
        account.tokens = translating.tokens(said.usage) or Tokens(wanted.prompt)
        reply = self._stubs.message("EmbedReply")(model=said.model)
        for each in sorted(said.data, key=lambda each: each.index):
            reply.embeddings.add(values=each.embedding)
        self._use(reply, account.tokens)
        return reply

    def _use(self, reply: Any, tokens: Tokens) -> None:
        reply.usage.prompt_tokens, reply.usage.completion_tokens = tokens.prompt, tokens.answer

    async def _chunks(self, account: Account, wanted: Wanted, answer: Answer) -> AsyncIterator[Any]:
        if answer.status != 200:
            self._refuse(account, answer, await _body(answer))
        events = Events()
        try:
            while piece := await answer.read():
                for said in _said(events.feed(piece)):
                    account.tokens = translating.tokens(said.usage) or Tokens(wanted.prompt, events.count)
                    yield self._chunk(said)
            if not events.complete:
                raise Failed(Trouble.BROKEN, "it ended without saying so")
        except Failed:
            account.over(Outcome.BROKEN, 502)
            raise
        account.over(Outcome.ANSWERED, 200)

    def _chunk(self, said: Chat) -> Any:
        if said.error is not None:
            raise Failed(Trouble.BROKEN, "the server says that it failed")
        chunk = self._stubs.message("ChatChunk")(content=said.choice.delta.content or "")
        chunk.finish_reason = said.choice.finish_reason or ""
        if (tokens := translating.tokens(said.usage)) is not None:
            self._use(chunk, tokens)
        return chunk


def _answer(passing: Passing) -> Answer:
    assert passing.answer is not None, "who has entered has an answer"
    return passing.answer


async def _body(answer: Answer) -> bytes:
    whole = bytearray()
    while piece := await answer.read():
        whole += piece
        if len(whole) > MOST:
            raise Failed(Trouble.GARBLED, f"an answer of more than {MOST} bytes")
    return bytes(whole)


def _said(whole: bytes) -> Iterator[Chat]:
    """What events say, but for the last, which says nothing."""
    for line in whole.splitlines():
        if line.startswith(b"data:") and not line.endswith(b"[DONE]"):
            try:
                yield msgspec.json.decode(line[5:], type=Chat)
            except msgspec.MsgspecError as error:
                raise Failed(Trouble.GARBLED, f"it is no chunk of an answer: {error}") from None


def _metadata(context: Context) -> dict[str, bytes]:
    """What a client sent beside its message."""
    sent = context.invocation_metadata() or ()
    return {name: value if isinstance(value, bytes) else value.encode() for name, value in sent}


def _trailers(wrong: Wrong) -> tuple[tuple[str, str], ...]:
    """When to ask again, by the names that gRPC's clients know (gRFC A6), and by those of HTTP."""
    if wrong.headers == NOT_AGAIN:
        return (("grpc-retry-pushback-ms", "-1"),)
    told = dict(wrong.headers)
    after = told.get(b"retry-after-ms")
    return () if after is None else (("grpc-retry-pushback-ms", after.decode()), ("retry-after-ms", after.decode()))
