"""What operators can do: each operation once, for the address, its OpenAPI document and the command line; and what a
worker does for it."""

from collections.abc import Callable
from math import isinf

from msgspec import Struct

from gateway.admin.model import Backend, Model, State, Tenant, Which
from gateway.core.bucket import Bucket
from gateway.core.servers import Standing
from gateway.crew import Drain, Question, Return
from gateway.errors import Mistake
from gateway.process import Gateway

MILLION = 1e6


class Operation(Struct, frozen=True):
    """One: how it is asked for, and what it takes. Workers are asked `question` of that, if any; what is shown then is
    made of the state, by `shown`."""

    method: str
    path: str
    name: str
    summary: str
    takes: type | None
    gives: type
    question: Callable[[Which], Question] | None
    shown: Callable[[State, Which | None], object]


def _all(state: State, _: Which | None) -> State:
    return state


def _model(state: State, which: Which | None) -> Model:
    assert which is not None, "it takes one"
    return next(each for each in state.models if each.name == which.model)


OPERATIONS = (
    Operation("GET", "/v1/state", "state", "How everything stands.", None, State, None, _all),
    Operation("POST", "/v1/drain", "drain", "Take a server out; it finishes what it has.", Which, Model, Drain, _model),
    Operation("POST", "/v1/return", "return", "Take a server back into service.", Which, Model, Return, _model),
)


def state(gateway: Gateway, *, tenants: bool) -> State:
    """How everything stands in this process, with its tenants, who may be many, or without."""
    core, now = gateway.core, gateway.clock()
    models = tuple(Model(name, waiting, tuple(map(_backend, all_))) for name, waiting, all_ in core.standings(now))
    found = tuple(_tenant(gateway, name, now) for name in gateway.settings.setup.tenants) if tenants else ()
    return State(gateway.ready, gateway.draining, core.door.inside, core.door.lag, 1, models, found)


def drain(gateway: Gateway, which: Which) -> None:
    """Take a server out of service; it finishes what it has."""
    _there(gateway, which)
    gateway.core.drained(which.model, which.backend, gateway.clock())


def take_back(gateway: Gateway, which: Which) -> None:
    """Take a server back; it gets a part of its share at first."""
    _there(gateway, which)
    gateway.passage.tell(gateway.core.returned(which.model, which.backend, gateway.clock()))


def _there(gateway: Gateway, which: Which) -> None:
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
