"""The nouns of requests: what clients ask for, how the rate changes with time, and what came of each. Pure.

Times are seconds. The loop is open, as that of `closlab load`: a request is due whatever became of earlier ones.
"""

from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

ANSWERED = "answered"
"""The fate of a request that went well."""


class Rush(Struct, frozen=True):
    """From `begun` to `ended` there are so many `times` as many requests."""

    begun: float
    ended: float
    times: float


class Clients(Struct, frozen=True, kw_only=True):
    """Requests of one kind, from hosts of a lab. `rate` is a second, of all hosts together; one that has not ended
    after `patience` is given up, one that is refused or fails is asked again up to `retries` times."""

    name: str
    hosts: tuple[str, ...]
    url: str
    key: str = ""
    model: str = "llama"
    rate: float = 10.0
    prompt: int = 20
    answer: int = 20
    stream: bool = False
    patience: float = 10.0
    retries: int = 0
    seed: int = 1
    rushes: tuple[Rush, ...] = ()


class Outcome(Struct, frozen=True, array_like=True):
    """What came of one request: when it was due, its fate and why (`gateway.load.model.Fate`), how long until its
    answer began, 0 where none did, and until it ended, and how often it was asked."""

    at: float
    fate: str
    why: str
    first: float
    took: float
    tries: int


class RequestLog(Struct, frozen=True):
    """What came of all requests of one kind from one host, and how late 99 of 100 were sent, which is our own fault."""

    clients: str
    host: str
    rate: float
    outcomes: tuple[Outcome, ...]
    late_p99: float


def moments(rate: float, rushes: Sequence[Rush], draw: Callable[[float], float]) -> Iterator[float]:
    """When requests are due, without end: at random, so many a second in the mean; `draw(rate)` is a time of an
    exponential distribution."""
    at = 0.0
    while True:
        at += draw(rate * factor(rushes, at))
        yield at


def factor(rushes: Sequence[Rush], at: float) -> float:
    """How many times the requests of other times there are."""
    found = 1.0
    for each in rushes:
        if each.begun <= at < each.ended:
            found *= each.times
    return found
