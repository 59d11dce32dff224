"""Clients at work: a process for each host, in that host's network, which asks until it is let end."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from random import Random

from labs.requests.model import Clients, Outcome, RequestLog, moments
from topologies.aside import Held, lasting
from topologies.runtime.door import enter, open_door
from topologies.runtime.model import LabRecord
from topologies.runtime.syscalls import inside_netns

Asking = Callable[[Callable[[], bool]], RequestLog]


@contextmanager
def running(record: LabRecord, all: Sequence[Clients]) -> Iterator[tuple[Held[RequestLog], ...]]:
    """Clients that wait for `begin`; `end` lets no more requests be due, and `result` waits for those under way. Times
    are CLOCK_MONOTONIC's; rushes count from `begin`.

    Call it while the process has one thread.
    """
    enter(record)
    with ExitStack() as stack:
        yield tuple(
            stack.enter_context(lasting(f"requests of {clients.name}", _prepared(record, clients, number)))
            for clients in all
            for number in range(len(clients.hosts))
        )


def _prepared(record: LabRecord, clients: Clients, number: int) -> Callable[[], Asking]:
    return lambda: _ready(record, clients, number)


def _ready(record: LabRecord, clients: Clients, number: int) -> Asking:
    """Load all that is needed; the sockets are made in the host's network, for one thread makes them all."""
    from gateway.load.asking import sent
    from gateway.load.model import Ask, Came, Wanted

    host = clients.hosts[number]
    netns = open_door(record, host).netns
    wanted = Wanted(
        clients.url.rstrip("/"),
        clients.model,
        clients.key,
        "stream" if clients.stream else "chat",
        clients.patience,
        clients.retries,
    )
    draw = Random(f"{clients.seed}/{clients.name}/{number}").expovariate
    rate = clients.rate / len(clients.hosts)

    def work(ended: Callable[[], bool]) -> RequestLog:
        begun, outcomes, late = time.monotonic(), list[Outcome](), list[float]()

        def asks() -> Iterator[Ask]:
            for at in moments(rate, clients.rushes, draw):
                if ended():
                    return
                yield Ask(at, clients.prompt, clients.answer)

        def note(ask: Ask, came: Came) -> None:
            outcomes.append(Outcome(begun + ask.at, str(came.fate), came.why, came.first, came.took, came.tries))
            late.append(came.late)

        with inside_netns(netns):
            asyncio.run(sent(wanted, asks(), note))
        late.sort()
        return RequestLog(clients.name, host, rate, tuple(outcomes), late[len(late) * 99 // 100] if late else 0.0)

    return work
