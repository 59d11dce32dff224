"""What a gateway says and does when its crew is asked, whoever listens for that."""

from math import isinf
from typing import assert_never

from gateway.admin.model import Backend, Model, State, Tenant, Which
from gateway.config.settings import settle
from gateway.core.bucket import Bucket
from gateway.core.servers import Standing
from gateway.crew import Change, Drain, Leave, Look, Report, Return
from gateway.errors import Mistake
from gateway.process import Gateway

MILLION = 1e6


def answer(gateway: Gateway, question: Look | Change | Drain | Return | Leave) -> Report | None:
    """Do what is asked. Raises Mistake for what there is not, or means nothing."""
    match question:
        case Look(tenants, rows):
            taken = gateway.recent.taken() if rows and gateway.recent is not None else ()
            return Report(gateway.counts, state(gateway, tenants=tenants), taken)
        case Change(text, place, _, added):
            gateway.change(settle(text, place, added))
        case Drain(which):
            _refuse_unknown(gateway, which)
            gateway.core.drained(which.model, which.backend, gateway.clock())
        case Return(which):
            _refuse_unknown(gateway, which)
            gateway.passage.tell(gateway.core.returned(which.model, which.backend, gateway.clock()))
        case Leave():
            gateway.draining = True
        case _:
            assert_never(question)
    return None


def state(gateway: Gateway, *, tenants: bool) -> State:
    """How everything stands in this process, with its tenants, who may be many, or without."""
    core, now = gateway.core, gateway.clock()
    models = tuple(Model(name, waiting, tuple(map(_backend, all_))) for name, waiting, all_ in core.standings(now))
    found = tuple(_tenant(gateway, name, now) for name in gateway.settings.setup.tenants) if tenants else ()
    return State(gateway.ready, gateway.draining, core.door.inside, core.door.lag, 1, models, found)


def _refuse_unknown(gateway: Gateway, which: Which) -> None:
    models = gateway.settings.backends
    if which.model not in models:
        raise Mistake(f"no model {which.model!r}; there are {', '.join(models)}")
    if which.backend not in models[which.model]:
        raise Mistake(f"{which.model} has no backend {which.backend!r}; it has {', '.join(models[which.model])}")


def _backend(each: Standing) -> Backend:
    server = each.server
    return Backend(server.name, server.rack, each.state.value, each.in_flight, each.limit, each.share, each.expected)


def _tenant(gateway: Gateway, name: str, now: float) -> Tenant:
    found = gateway.core.tenant(name)
    assert found is not None, "the core has those of the settings"
    budget = None if isinf(found.limits.budget) else found.limits.budget / MILLION
    left = (_left(found.requests, now), _left(found.tokens, now))
    return Tenant(name, found.running, found.spent / MILLION, *left, budget)


def _left(bucket: Bucket | None, now: float) -> float | None:
    return None if bucket is None else bucket.left(now)
