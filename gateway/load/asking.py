"""Requests, sent when they are due. aiohttp is the client: what is to be found out is what any client would see."""

import asyncio
import time
from collections.abc import Callable, Iterable

import aiohttp
from msgspec.structs import replace

from gateway.http.sse import Events
from gateway.http.usage import used
from gateway.load.model import Ask, Came, Fate, Result, Sums, Wanted, body
from gateway.upstream.model import Failed

REFUSED = (429, 503)
AGAIN = (Fate.REFUSED, Fate.FAILED)  # of a stream that broke off, some was heard already
PAUSE = 0.1  # seconds before one is asked again


async def loaded(wanted: Wanted, asks: Iterable[Ask]) -> Result:
    """Send all, wait for what becomes of each, and return what came of all."""
    sums = Sums()
    last = await sent(wanted, asks, lambda _, came: sums.add(came))
    return sums.result(last)


async def sent(wanted: Wanted, asks: Iterable[Ask], note: Callable[[Ask, Came], None]) -> float:
    """Send all, and wait for what becomes of each, which is noted; returns when the last one was due."""
    tasks = set[asyncio.Task[None]]()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None)) as session:
        began, last = time.monotonic(), 0.0
        for ask in asks:
            last = ask.at
            if (left := began + ask.at - time.monotonic()) > 0:
                await asyncio.sleep(left)
            task = asyncio.create_task(_noted(session, wanted, ask, began + ask.at, note))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            await asyncio.sleep(0)  # it goes out now, and not with the next
        if tasks:
            await asyncio.wait(tasks)
    return last


async def _noted(
    session: aiohttp.ClientSession, wanted: Wanted, ask: Ask, due: float, note: Callable[[Ask, Came], None]
) -> None:
    first = came = await asked(session, wanted, ask, due)
    tries = 1
    while came.fate in AGAIN and tries <= wanted.retries:
        await asyncio.sleep(PAUSE)
        came, tries = await asked(session, wanted, ask, due), tries + 1
    note(ask, replace(came, late=first.late, tries=tries))


async def asked(session: aiohttp.ClientSession, wanted: Wanted, ask: Ask, due: float) -> Came:
    """What becomes of one that is asked once."""
    late = max(time.monotonic() - due, 0.0)
    headers = {"content-type": "application/json"}
    if wanted.key:
        headers["authorization"] = f"Bearer {wanted.key}"
    try:
        async with asyncio.timeout(max(due + wanted.patience - time.monotonic(), 0.0)):
            url = f"{wanted.url}/chat/completions"
            async with session.post(url, data=body(wanted, ask), headers=headers) as answer:
                return await _read(answer, wanted, due, late)
    except TimeoutError:
        return Came(Fate.LATE, "given up", late, 0.0, wanted.patience)
    except (aiohttp.ClientError, OSError) as error:
        return Came(Fate.FAILED, type(error).__name__, late, 0.0, time.monotonic() - due)


async def _read(answer: aiohttp.ClientResponse, wanted: Wanted, due: float, late: float) -> Came:
    if answer.status != 200:
        await answer.read()
        fate = Fate.REFUSED if answer.status in REFUSED else Fate.FAILED
        return Came(fate, str(answer.status), late, 0.0, time.monotonic() - due)
    events, first, whole = Events(), 0.0, b""
    try:
        async for piece in answer.content.iter_any():
            first = first or time.monotonic() - due
            if wanted.kind == "stream":
                events.feed(piece)
            else:
                whole += piece
    except (aiohttp.ClientError, Failed) as error:
        return Came(Fate.BROKEN, type(error).__name__, late, first, time.monotonic() - due)
    took = time.monotonic() - due
    if wanted.kind == "stream" and not events.complete:
        return Came(Fate.BROKEN, "it ended without saying so", late, first, took)
    found = events.used() if wanted.kind == "stream" else used(whole)
    return Came(Fate.ANSWERED, "", late, first, took, found.answer if found else max(events.count, 0))
