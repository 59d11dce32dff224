"""One state of a gateway, from those of its workers. Pure."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from gateway.admin.model import Backend, Model, State
from gateway.core import health

N = TypeVar("N", Model, Backend)
WORST = (health.State.EJECTED, health.State.DRAINING, health.State.TRIED, health.State.GOOD)
"""What is shown of a backend that workers see differently, for each finds out by itself."""
NOTHING = State(ready=False, draining=False, in_flight=0, lag=0.0, workers=0, models=(), tenants=())


def merged(states: Sequence[State]) -> State:
    """Requests and limits summed up, the latest loop; of tenants any has all, for their accounts are shared."""
    if not states:
        return NOTHING
    return State(
        ready=any(each.ready for each in states),
        draining=all(each.draining for each in states),
        in_flight=sum(each.in_flight for each in states),
        lag=max(each.lag for each in states),
        workers=sum(each.workers for each in states),
        models=tuple(map(_model, _named(each.models for each in states))),
        tenants=states[0].tenants,
    )


def _named(several: Iterable[Iterable[N]]) -> list[list[N]]:
    """Those of the same name together: while settings change, not all workers have all."""
    found: dict[str, list[N]] = {}
    for each in (one for many in several for one in many):
        found.setdefault(each.name, []).append(each)
    return list(found.values())


def _model(several: Sequence[Model]) -> Model:
    backends = tuple(map(_backend, _named(each.backends for each in several)))
    return Model(several[0].name, sum(each.waiting for each in several), backends)


def _backend(several: Sequence[Backend]) -> Backend:
    known = [each.expected for each in several if each.expected]
    return replace(
        several[0],
        state=min((each.state for each in several), key=lambda state: WORST.index(health.State(state))),
        in_flight=sum(each.in_flight for each in several),
        limit=sum(each.limit for each in several),
        share=sum(each.share for each in several) / len(several),
        expected=sum(known) / len(known) if known else 0.0,
    )
