"""A process that is a gateway and nothing else."""

import asyncio
import gc
import logging
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvloop

from gateway.config.settings import address
from gateway.errors import GatewayError, Mistake
from gateway.serving import Serving
from gateway.sim.model import PROFILES
from gateway.sim.serving import simulate

UNFINISHED = "ASGI callable returned without completing response."
"""What uvicorn says of an answer that broke off behind us, which is recorded already, as it closes its connection."""
SELDOM = 10_000
"""Objects that are made until the youngest are looked through for cycles. A request makes dozens that live until it is
over and are in no cycle: by default each handful of requests would pay for a look at them, in vain."""


def run(path: Path) -> None:
    """Serve until a signal says to stop; what an operator should know goes to stderr."""
    _run("gateway", _serve(path))


def simulated(model: str, profile: str, listen: str, seed: int, grpc: str) -> None:
    """Simulate a server of a model until a signal says to stop; where it listens goes to stdout."""
    address(listen, "--listen")
    if grpc:
        address(grpc, "--grpc")
    if profile not in PROFILES:
        raise Mistake(f"--profile: no profile {profile!r}; there are {', '.join(PROFILES)}")
    _run("simulator", simulate(model, PROFILES[profile], listen, seed, _tell, grpc=grpc))


def run_worker(work: Coroutine[Any, Any, None]) -> None:
    """Be a worker of a gateway until its pipe ends."""
    try:
        _run("gateway", work)
    except GatewayError as error:
        _say(f"a worker ends: {error}")
        sys.exit(error.exit_code)


def _run(name: str, work: Coroutine[Any, Any, None]) -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format=f"{name}: %(message)s")
    logging.getLogger("uvicorn.error").addFilter(lambda record: record.msg != UNFINISHED)
    gc.freeze()  # what has been loaded stays
    gc.set_threshold(SELDOM)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


def _tell(what: str) -> None:
    print(what, flush=True)


async def _serve(path: Path) -> None:
    await Serving(path, _say).run()


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
