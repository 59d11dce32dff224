"""Work that goes on beside all else, for as long as a block lasts."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def beside(
    work: Coroutine[Any, Any, None], ended: Callable[[], None], *, cancel: bool = True
) -> AsyncGenerator[None]:
    """In the end it is cancelled, or waited for. Where it ends before, `ended` is called; its error is raised here."""
    task = asyncio.create_task(work)
    task.add_done_callback(lambda _: ended())
    try:
        yield
    finally:
        if cancel:
            task.cancel()
        await asyncio.wait([task])
        failed = None if task.cancelled() else task.exception()
    if failed is not None:
        raise failed
