"""A process that is a gateway and nothing else."""

import asyncio
import logging
import sys
from pathlib import Path

import uvloop

from gateway.serving import Serving

UNFINISHED = "ASGI callable returned without completing response."
"""What uvicorn says of an answer that broke off behind us, which is recorded already, as it closes its connection."""


def run(path: Path) -> None:
    """Serve until a signal says to stop; what an operator should know goes to stderr."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="gateway: %(message)s")
    logging.getLogger("uvicorn.error").addFilter(lambda record: record.msg != UNFINISHED)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(path))


async def _serve(path: Path) -> None:
    await Serving(path, _say).run()


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
