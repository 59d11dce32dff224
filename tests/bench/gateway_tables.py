"""The tables of docs/performance.md about the gateway. Pure."""

from collections.abc import Callable, Sequence

from tests.bench.gateways import AT_ONCE, CALLS, LITELLM, NGINX, OURS, REFUSED, STREAMS, WORKERS
from tests.bench.markdown import ranged, table
from tests.bench.measure import Results, Series
from tests.bench.overload import overload

UNARY, STREAM = CALLS


def requests(found: Sequence[Results]) -> str:
    """Answers that are whole: who passes how many a second, and what each costs."""
    return _compared(found, (*AT_ONCE, REFUSED, UNARY), "requests/s", "request")


def streams(found: Sequence[Results]) -> str:
    """Streams: who passes how many events a second, and what each costs."""
    return _compared(found, (*STREAMS, STREAM), "events/s", "event")


def workers(found: Sequence[Results]) -> str:
    """Ours with one worker and with more, on the same cores."""
    rows = []
    series = {one.variant: one for result in found for one in result.series if one.peer == OURS and one.good}
    first = series.get(next(iter(WORKERS)))
    for variant in WORKERS:
        if (one := series.get(variant)) is not None and first is not None:
            times = one.figure("rate") / first.figure("rate")
            rows.append((variant, *_row(one), "" if one is first else f"{times:.3g}"))
    return table(("", "requests/s", "CPU us/request", "p50, ms", "p99, ms", "MiB", "times the rate of one"), rows)


def lasting(found: Sequence[Results]) -> str:
    """Memory early on and at the end."""
    rows = [
        tuple(ranged(one.figures(name), 0) for name in ("requests", "memory first", "memory"))
        for result in found
        for one in result.series
        if one.good
    ]
    return table(("requests", "MiB after 100,000 or a little more", "MiB at the end"), rows)


def _compared(found: Sequence[Results], variants: Sequence[str], rate: str, each: str) -> str:
    rows = []
    for variant in variants:
        series = {one.peer: one for result in found for one in result.series if one.variant == variant and one.good}
        ours = series.get(OURS)
        for peer in (OURS, LITELLM, NGINX):
            if (one := series.get(peer)) is not None:
                rows.append((variant, peer, *_row(one), _times(ours, one)))
    head = ("", "", rate, f"CPU us/{each}", "p50, ms", "p99, ms", "MiB", "our CPU is ... of it")
    return table(head, rows)


def _row(one: Series) -> tuple[str, ...]:
    digits = (("rate", 0), ("cpu us", 0), ("p50 ms", 2), ("p99 ms", 1), ("memory", 0))
    return tuple(ranged(one.figures(name), places) for name, places in digits)


def _times(ours: Series | None, one: Series) -> str:
    return "" if ours is None or one is ours else f"{ours.figure('cpu us') / one.figure('cpu us'):.3g}"


GATEWAY: dict[str, tuple[str, Callable[[Sequence[Results]], str]]] = {
    "gateway-requests": ("gateway", requests),
    "gateway-streams": ("gateway", streams),
    "gateway-workers": ("gateway", workers),
    "gateway-long": ("gateway-long", lasting),
    "overload": ("overload", overload),
}
