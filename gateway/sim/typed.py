"""The simulator over gRPC: the service that the gateway has, straight from a server of a model."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, TypeVar

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from gateway.errors import Fault
from gateway.grpc.methods import CODES, handler
from gateway.grpc.stubs import SERVICE, Stubs, load
from gateway.sim.asked import Asked, Message
from gateway.sim.model import Kind
from gateway.sim.running import Ask, Simulator
from gateway.sim.telling import Telling
from gateway.sim.text import tokens, vector
from gateway.wrong import Wrong

T = TypeVar("T")
DIMENSIONS = 64
STATUSES = {Kind.ERROR: 500, Kind.BUSY: 503, Kind.RATELIMIT: 429, Kind.REFUSE: 503, Kind.GARBLE: 503}
GRACE = 5.0  # seconds that calls may take once it stops
Context = Any  # a grpc.aio.ServicerContext, which is not annotated


@asynccontextmanager
async def typed(simulator: Simulator, where: str) -> AsyncGenerator[int]:
    """A server of gRPC at HOST:PORT, and its port, until the end. Raises Fault where it cannot listen there."""
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    server.add_generic_rpc_handlers((Typed(simulator, load()).handler(),))
    states = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(states, server)
    for name in ("", SERVICE):
        await states.set(name, health_pb2.HealthCheckResponse.SERVING)
    reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    try:
        port = server.add_insecure_port(where)
    except RuntimeError as error:
        raise Fault(f"{where}: cannot listen there: {error}") from None
    await server.start()
    try:
        yield int(port)
    finally:
        await server.stop(GRACE)


class Typed:
    """One simulator's service. A call that is cancelled, or out of time, ends what is done for it."""

    def __init__(self, simulator: Simulator, stubs: Stubs) -> None:
        self._simulator, self._stubs = simulator, stubs
        self._numbers = count(1)

    def handler(self) -> Any:
        """What a server is given."""
        does = {"Chat": self.chat, "StreamChat": self.stream_chat, "Embed": self.embed, "Models": self.models}
        return handler(self._stubs, does)

    async def models(self, _asked: Any, _context: Context) -> Any:
        """The one model."""
        return self._stubs.message("ModelsReply")(names=[self._simulator.model])

    async def embed(self, asked: Any, context: Context) -> Any:
        """A vector for each text."""

        async def work() -> Any:
            self._simulator.refuse_unknown(asked.model)
            if await self._fail() is not None:
                raise Wrong(503, "InternalServerError", "told to fail")
            size = asked.dimensions if asked.HasField("dimensions") else DIMENSIONS
            made = [self._stubs.message("Embedding")(values=vector(each, size)) for each in asked.input]
            used = self._stubs.message("Usage")(prompt_tokens=sum(len(tokens(each)) for each in asked.input))
            return self._stubs.message("EmbedReply")(model=asked.model, embeddings=made, usage=used)

        return await self._told(work(), context)

    async def chat(self, asked: Any, context: Context) -> Any:
        """One answer, whole."""

        async def work() -> Any:
            wanted = self._read(asked)
            failing = await self._fail()
            async with self._simulator.asking(wanted.text, wanted.most) as ask:
                telling = Telling(ask, wanted.stops)
                said = "".join([each async for each in self._pieces(ask, telling, failing)])
            return self._stubs.message("ChatReply")(
                id=f"chatcmpl-{next(self._numbers)}",
                model=self._simulator.model,
                message=self._stubs.message("Message")(role="assistant", content=said),
                finish_reason=telling.finish,
                usage=self._usage(ask, telling),
            )

        return await self._told(work(), context)

    async def stream_chat(self, asked: Any, context: Context) -> AsyncIterator[Any]:
        """An answer as it is made; the last chunk has no words, but why it ended and what was used."""
        chunk = self._stubs.message("ChatChunk")
        try:
            wanted = self._read(asked)
            failing = await self._fail()
            async with self._simulator.asking(wanted.text, wanted.most) as ask:
                telling = Telling(ask, wanted.stops)
                async for piece in self._pieces(ask, telling, failing):
                    if piece:
                        yield chunk(content=piece)
            yield chunk(finish_reason=telling.finish, usage=self._usage(ask, telling))
        except Wrong as wrong:
            await context.abort(CODES[wrong.status], wrong.what)

    async def _told(self, work: Awaitable[T], context: Context) -> T:
        try:
            return await work
        except Wrong as wrong:
            await context.abort(CODES[wrong.status], wrong.what)
            raise

    def _read(self, asked: Any) -> Asked:
        self._simulator.refuse_unknown(asked.model)
        return Asked(
            model=asked.model,
            messages=[Message(each.role, each.content) for each in asked.messages],
            max_tokens=asked.max_tokens if asked.HasField("max_tokens") else None,
            stop=list(asked.stop),
        )

    async def _fail(self) -> Kind | None:
        """Fail a call, where its turn has come. What is to fail in the middle has still to begin: it is told how."""
        kind = self._simulator.failing()
        if kind in STATUSES:
            raise Wrong(STATUSES[kind], "InternalServerError", "told to fail")
        if kind is Kind.SILENCE:
            await asyncio.Event().wait()  # until the client has left
        return kind

    async def _pieces(self, ask: Ask, telling: Telling, failing: Kind | None) -> AsyncIterator[str]:
        """The words of an answer, or half of them, where it is to break off."""
        got = 0
        async for piece in telling.pieces():
            got += 1
            if failing is not None and got > ask.answer.length // 2:
                if failing is Kind.STALL:
                    await asyncio.Event().wait()
                raise Wrong(503, "InternalServerError", "told to fail")
            yield piece

    def _usage(self, ask: Ask, telling: Telling) -> Any:
        return self._stubs.message("Usage")(prompt_tokens=ask.prompt, completion_tokens=telling.got)
