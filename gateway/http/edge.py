"""Requests for a model over HTTP: who asks is found out, what is asked is read, an answer is got, and goes back as it
comes. ASGI 3; bodies are bytes on both ways."""

import asyncio
import os
from itertools import count
from zlib import crc32

from gateway.config.settings import Route, Settings
from gateway.core.model import Priority, Reason, Refused
from gateway.http import errors, fields, incoming
from gateway.http.errors import Wrong
from gateway.http.exchange import Exchange
from gateway.http.fields import Fields
from gateway.http.incoming import Head, Message, Receive, Send, Watch
from gateway.keys import Key, found
from gateway.passage import Turned, Wanted
from gateway.process import Gateway
from gateway.record import Outcome
from gateway.upstream.model import Call, Failed

PREFIX = 1024  # bytes of what is asked, by which requests that begin the same are sent to the same backend
FOREVER = float("inf")
LEFT = 499  # the status of a request whose client is gone, as nginx writes it; nobody is sent it


class Edge:
    """Answers what asks a model."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._own, self._numbers = os.urandom(6).hex(), count(1)

    def new_id(self) -> bytes:
        """An id for a request that has none: of this process, and the next of its numbers."""
        return f"req-{self._own}-{next(self._numbers):x}".encode()

    async def ask(self, path: str, scope: Message, receive: Receive, send: Send) -> None:
        """One request, to one of the paths in `fields.KINDS`."""
        gateway = self._gateway
        kind, needed = fields.KINDS[path]
        exchange = Exchange(gateway, send, kind, gateway.clock())
        try:
            head = incoming.head(scope["headers"], self.new_id)
            exchange.id = head.id
            key = exchange.key = self.key(head.authorization)
            priority = self._priority(key, head)
            body = await self._body(head, receive)
            asked = fields.read(body, needed)
            wanted = self._wanted(exchange, path, head, priority, asked, body)
        except Wrong as wrong:
            await exchange.wrong(wrong)
        except Turned as turned:
            await exchange.wrong(errors.refusal(turned.refused), reason=turned.refused.reason)
        except ConnectionResetError:
            exchange.over(Outcome.GONE, LEFT)
        else:
            await self._answer(exchange, wanted, receive)

    def key(self, authorization: bytes) -> Key:
        """Whose key a header shows; Wrong for none that is valid."""
        key = found(self._gateway.settings.keys, authorization, self._gateway.wall())
        if key is None:
            what = "Incorrect API key provided" if authorization else "You didn't provide an API key"
            raise Wrong(401, "invalid_request_error", what, code="invalid_api_key")
        return key

    def _priority(self, key: Key, head: Head) -> Priority:
        """The class of a request: its tenant's, or a lower one that it asks for itself. Where the process has no time
        for it, it is refused before its body is read."""
        own = self._gateway.settings.priorities[key.tenant]
        priority = own if head.priority is None else max(own, head.priority)
        if not self._gateway.core.door.may(priority):
            raise Turned(Refused(Reason.BUSY))
        return priority

    async def _body(self, head: Head, receive: Receive) -> bytes:
        return await incoming.body(receive, head.length, most=self._gateway.settings.file.door.body_bytes)

    def _wanted(
        self, exchange: Exchange, path: str, head: Head, priority: Priority, asked: Fields, body: bytes
    ) -> Wanted:
        settings, key = self._gateway.settings, exchange.key
        route = settings.routes.get(asked.model)
        if route is None or not key.allows(route.model):
            what = f"The model '{asked.model}' does not exist or you do not have access to it."
            raise Wrong(404, "invalid_request_error", what, code="model_not_found", param="model")
        exchange.model = route.model
        deadline = FOREVER if head.timeout is None else exchange.began + head.timeout
        prompt = len(asked.asked) // 4 + 1  # about as many tokens as text has for four bytes
        prefix = crc32(bytes(asked.asked)[:PREFIX]) if route.affinity else None

        def call(name: str) -> Call:
            headers = (*head.passed_on, (b"x-request-id", exchange.id))
            if deadline != FOREVER:
                left = max(deadline - self._gateway.clock(), 0.001)
                headers += ((b"x-request-timeout-ms", b"%d" % (left * 1000)),)
            return Call(path.encode(), headers, body if name == asked.model else fields.named(body, name))

        routes = _chain(settings, key, route)
        return Wanted(key.tenant, priority, routes, call, prompt, asked.answer, deadline, prefix)

    async def _answer(self, exchange: Exchange, wanted: Wanted, receive: Receive) -> None:
        """Get an answer and pass it on, as long as its client is there."""
        task = asyncio.current_task()
        assert task is not None, "an edge runs in tasks"
        watch, passage = Watch(receive, task), self._gateway.passage
        try:
            passing = await passage.enter(wanted)
            try:
                assert passing.answer is not None, "who has entered has an answer"
                await exchange.answer(passing, passing.answer, wanted.prompt)
            finally:
                passage.leave(passing, exchange.tokens)
        except Turned as turned:
            await exchange.wrong(errors.refusal(turned.refused), reason=turned.refused.reason)
        except Failed as failed:
            await exchange.wrong(errors.failure(failed), Outcome.FAILED)
        except asyncio.CancelledError:
            exchange.over(Outcome.GONE, LEFT)
            if not watch.gone:  # the process stops
                raise
            task.uncancel()
        finally:
            watch.stop()


def _chain(settings: Settings, key: Key, route: Route) -> tuple[Route, ...]:
    """A model, and those to ask instead that a key may ask."""
    return (route, *(settings.routes[each] for each in route.fallback if key.allows(each)))
