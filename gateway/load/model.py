"""What is to be asked and when, and what came of it. Times in seconds. Pure.

The loop is open: a request goes out when it is due, however many have not been answered. Its time counts from when it
was due, not from when it went out, so that a client that was kept from asking does not leave out what it would have
waited for (Tene, coordinated omission).
"""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from hdrh.histogram import HdrHistogram
from msgspec import Meta, Struct

from gateway.errors import Mistake

LEAST, MOST, DIGITS = 1, 3_600_000_000, 3  # microseconds that are told apart, and to how many digits
SHARES = (50.0, 90.0, 99.0, 99.9)
WORD = "word "
"""About a token."""


class Fate(StrEnum):
    """What came of a request."""

    ANSWERED = "answered"
    REFUSED = "refused"  # 429 or 503
    FAILED = "failed"  # any other status, or no answer
    BROKEN = "broken"  # it had begun, and did not come to its end
    LATE = "late"  # it was given up


class Ask(Struct, frozen=True):
    """One request: when it is due after the beginning, and tokens of its prompt and, at most, of its answer."""

    at: Annotated[float, Meta(ge=0)]
    prompt: Annotated[int, Meta(ge=1)] = 20
    answer: Annotated[int, Meta(ge=1)] = 50


class Wanted(Struct, frozen=True):
    """What all requests have in common. One that has not ended after `patience` is given up; one that was refused or
    failed is asked again, up to `retries` times, whatever the server says of that."""

    url: str
    model: str
    key: str = ""
    kind: Literal["chat", "stream"] = "chat"
    patience: float = 60.0
    retries: int = 0


class Came(Struct, frozen=True):
    """What came of one: how late it went out at first, and from when it was due, when its answer began and when it
    ended; and how often it was asked."""

    fate: Fate
    why: str
    late: float
    first: float
    took: float
    tokens: int = 0
    tries: int = 1


class Spread(Struct, frozen=True):
    """Seconds of many, as quantiles; `hdr` is the whole histogram in HdrHistogram's own coding, of microseconds."""

    p50: float
    p90: float
    p99: float
    p999: float
    most: float
    hdr: str


class Result(Struct, frozen=True):
    """All of it. Rates are a second, over the time from the first that was due to the last; `goodput` are answers.
    `lateness` is how late requests went out, which is the load's own fault."""

    offered: float
    goodput: float
    tokens: float
    requests: int
    fates: dict[str, int]
    whys: dict[str, int]
    first: Spread
    took: Spread
    lateness: Spread


def poisson(rate: float, seconds: float, ask: Ask, draw: Callable[[float], float]) -> Iterator[Ask]:
    """Requests at random moments, so many a second in the mean, as of many clients that know nothing of each other;
    `draw(rate)` is a time of an exponential distribution, such as `Random.expovariate`."""
    at = 0.0
    while (at := at + draw(rate)) < seconds:
        yield msgspec.structs.replace(ask, at=at)


def traced(text: str, place: str) -> list[Ask]:
    """Requests of a trace: a line of JSON for each, as {"at": 0.25, "prompt": 100, "answer": 30}; in any order. Raises
    Mistake, with its line, for what is none."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(msgspec.json.decode(line, type=Ask))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Mistake(f"{place}:{number}: {error}") from None
    if not found:
        raise Mistake(f"{place}: no requests in it")
    return sorted(found, key=lambda each: each.at)


def body(wanted: Wanted, ask: Ask) -> bytes:
    """What a request says."""
    said = {
        "model": wanted.model,
        "messages": [{"role": "user", "content": WORD * ask.prompt}],
        "max_tokens": ask.answer,
        **({"stream": True, "stream_options": {"include_usage": True}} if wanted.kind == "stream" else {}),
    }
    return msgspec.json.encode(said)


class Sums:
    """What came so far."""

    def __init__(self) -> None:
        self._fates: dict[str, int] = {}
        self._whys: dict[str, int] = {}
        self._first, self._took, self._late = (HdrHistogram(LEAST, MOST, DIGITS) for _ in range(3))
        self._tokens = self._requests = 0

    def add(self, came: Came) -> None:
        """One more. Times are of answers that came to their end, for a refusal is quick."""
        self._requests += 1
        self._fates[came.fate] = self._fates.get(came.fate, 0) + 1
        if came.why:
            self._whys[came.why] = self._whys.get(came.why, 0) + 1
        _record(self._late, came.late)
        if came.fate is Fate.ANSWERED:
            self._tokens += came.tokens
            _record(self._first, came.first)
            _record(self._took, came.took)

    def result(self, seconds: float) -> Result:
        """All of it, over so many seconds."""
        seconds = max(seconds, 1e-9)
        answered = self._fates.get(Fate.ANSWERED, 0)
        spreads = map(_spread, (self._first, self._took, self._late))
        rates = (self._requests / seconds, answered / seconds, self._tokens / seconds)
        return Result(*rates, self._requests, self._fates, self._whys, *spreads)


def _record(histogram: HdrHistogram, seconds: float) -> None:
    histogram.record_value(min(max(round(seconds * 1e6), LEAST), MOST))


def _spread(histogram: HdrHistogram) -> Spread:
    half, most, nearly, all_but = (histogram.get_value_at_percentile(share) / 1e6 for share in SHARES)
    worst = histogram.get_max_value() / 1e6
    return Spread(half, most, nearly, all_but, worst, histogram.encode().decode("ascii"))
