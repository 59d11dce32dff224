"""What operators are shown and may ask for. Seconds, and money as tenants' budgets have it; no limit is null."""

from msgspec import Struct


class Backend(Struct, frozen=True):
    """How a server of a model stands. `share` is the part of its share that it gets, `limit` how many requests it may
    have, as it was found out, `expected` the seconds in which it begins to answer when nothing waits, 0 if unknown."""

    name: str
    rack: str
    state: str
    in_flight: int
    limit: float
    share: float
    expected: float


class Model(Struct, frozen=True):
    """A model, how many requests wait for it, and its servers."""

    name: str
    waiting: int
    backends: tuple[Backend, ...]


class Tenant(Struct, frozen=True):
    """What a tenant has under way, has left of this minute, and has spent since the gateway began."""

    name: str
    running: int
    spent: float
    requests_left: float | None
    tokens_left: float | None
    budget: float | None


class State(Struct, frozen=True):
    """All of it as it is now. `lag` is how late an event loop is, `workers` how many answered."""

    ready: bool
    draining: bool
    in_flight: int
    lag: float
    workers: int
    models: tuple[Model, ...]
    tenants: tuple[Tenant, ...]


class Which(Struct, frozen=True, forbid_unknown_fields=True):
    """A server of a model."""

    model: str
    backend: str


class Wrong(Struct, frozen=True):
    """Why something was not done."""

    error: str
