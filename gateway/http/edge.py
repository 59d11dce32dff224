"""Requests for a model over HTTP: who asks is found out, what is asked is read, an answer is got, and goes back as it
comes. ASGI 3; bodies are bytes on both ways."""

import asyncio
import os
from itertools import count
from zlib import crc32

from gateway import asking
from gateway.account import Account
from gateway.asking import FOREVER, LEFT
from gateway.core.model import Priority
from gateway.http import fields, incoming
from gateway.http.exchange import Exchange
from gateway.http.fields import Fields
from gateway.http.incoming import TRACEPARENT, Head, Message, Receive, Send, Watch
from gateway.passage import Turned, Wanted
from gateway.process import Gateway
from gateway.record import Outcome
from gateway.upstream.model import Call, Failed
from gateway.wrong import Wrong, failure, refusal

PREFIX = 1024  # bytes of what is asked, by which requests that begin the same are sent to the same backend


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
        account = Account(gateway, "http", kind, gateway.clock())
        exchange = Exchange(account, send)
        try:
            head = incoming.head(scope["headers"], self.new_id)
            account.id = head.id
            account.traced(head.traceparent)
            account.key = asking.key(gateway, head.authorization)
            priority = asking.priority(gateway, account.key, head.priority)
            body = await incoming.body(receive, head.length, most=gateway.settings.file.door.body_bytes)
            wanted = self._wanted(account, path, head, priority, fields.read(body, needed), body)
        except Wrong as wrong:
            await exchange.wrong(wrong)
        except Turned as turned:
            await exchange.wrong(refusal(turned.refused), reason=turned.refused.reason)
        except ConnectionResetError:
            account.over(Outcome.GONE, LEFT)
        else:
            await self._answer(exchange, wanted, receive)

    def _wanted(
        self, account: Account, path: str, head: Head, priority: Priority, asked: Fields, body: bytes
    ) -> Wanted:
        routes = asking.routes(account, asked.model)
        deadline = FOREVER if head.timeout is None else account.began + head.timeout
        prompt = len(asked.asked) // 4 + 1  # about as many tokens as text has for four bytes
        prefix = crc32(bytes(asked.asked)[:PREFIX]) if routes[0].affinity else None

        def call(name: str) -> Call:
            headers = (*head.passed_on, (b"x-request-id", head.id))
            if account.trace is not None:
                headers = (*(each for each in headers if each[0] != TRACEPARENT), (TRACEPARENT, account.trace.header))
            if deadline != FOREVER:
                left = max(deadline - self._gateway.clock(), 0.001)
                headers += ((b"x-request-timeout-ms", b"%d" % (left * 1000)),)
            return Call(path.encode(), headers, body if name == asked.model else fields.named(body, name))

        return Wanted(account.key.tenant, priority, routes, call, prompt, asked.answer, deadline, prefix)

    async def _answer(self, exchange: Exchange, wanted: Wanted, receive: Receive) -> None:
        """Get an answer and pass it on, as long as its client is there."""
        task = asyncio.current_task()
        assert task is not None, "an edge runs in tasks"
        watch, passage, account = Watch(receive, task), self._gateway.passage, exchange.account
        try:
            passing = await passage.enter(wanted)
            try:
                assert passing.answer is not None, "who has entered has an answer"
                await exchange.answer(passing, passing.answer, wanted.prompt)
            finally:
                passage.leave(passing, account.tokens)
        except Turned as turned:
            await exchange.wrong(refusal(turned.refused), reason=turned.refused.reason)
        except Failed as failed:
            await exchange.wrong(failure(failed), Outcome.FAILED)
        except asyncio.CancelledError:
            account.over(Outcome.GONE, LEFT)
            if not watch.gone:  # the process stops
                raise
            task.uncancel()
        finally:
            watch.stop()
