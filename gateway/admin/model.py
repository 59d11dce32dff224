"""What operators are shown and may ask for. Seconds, and money as tenants' budgets have it; no limit is null."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.config.model import BackendPart, ModelPart, Name, TenantPart

Source = Literal["file", "database"]


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
    """All of it as it is now. `lag` is how late an event loop is, `workers` how many answered, `database_away` the
    seconds for which the database has not: 0 while all is well, null without one."""

    ready: bool
    draining: bool
    in_flight: int
    lag: float
    workers: int
    models: tuple[Model, ...]
    tenants: tuple[Tenant, ...]
    database_away: float | None = None


class Which(Struct, frozen=True, forbid_unknown_fields=True):
    """A server of a model."""

    model: str
    backend: str


class TenantEntry(TenantPart, frozen=True, kw_only=True):
    """A tenant, and what keeps it; what keeps it is not given where one is put there."""

    name: Name
    source: Source = "database"


class TenantName(Struct, frozen=True, forbid_unknown_fields=True):
    """A tenant."""

    name: str


class KeyWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """A key to be made, for some models of its tenant's or for all."""

    tenant: str
    name: str = ""
    models: tuple[Name, ...] = ()
    expires: Annotated[datetime, Meta(tz=True)] | None = None


class KeyEntry(Struct, frozen=True):
    """A key as it is shown: `id` are the first digits of its hash."""

    id: str
    tenant: str
    name: str
    models: tuple[str, ...]
    expires: datetime | None
    source: Source


class KeyMade(Struct, frozen=True):
    """A key, shown this once."""

    key: str
    entry: KeyEntry


class KeyId(Struct, frozen=True, forbid_unknown_fields=True):
    """A key, by the first digits of its hash."""

    id: Annotated[str, Meta(pattern="^[0-9a-f]{4,64}$")]


class KeyRotated(Struct, frozen=True, forbid_unknown_fields=True):
    """A key that another is to follow, the seconds for which both work, and when the new one ends: with the old one's
    own end where nothing is said."""

    id: Annotated[str, Meta(pattern="^[0-9a-f]{4,64}$")]
    overlap: Annotated[float, Meta(ge=0)] = 86_400.0
    expires: Annotated[datetime, Meta(tz=True)] | None = None


class ModelEntry(ModelPart, frozen=True, kw_only=True):
    """A model, and what keeps it; what keeps it is not given where one is put there."""

    name: Name
    source: Source = "database"


class ModelName(Struct, frozen=True, forbid_unknown_fields=True):
    """A model."""

    name: str


class BackendEntry(BackendPart, frozen=True, kw_only=True):
    """A server to be put to a model."""

    model: str


class UsageWanted(Struct, frozen=True, forbid_unknown_fields=True):
    """Sums by some of tenant, model, backend, rack, outcome and reason, over the last 30m, 1h, 7d."""

    by: str = "tenant"
    since: str = "1h"


class Gone(Struct, frozen=True):
    """What was taken out, by its name."""

    gone: str


class Wrong(Struct, frozen=True):
    """Why something was not done."""

    error: str
