"""The gateway's file, as it is written. Times are in seconds, prices in money per million tokens, budgets in money."""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

Name: TypeAlias = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$", max_length=100, description="Letters, digits and . _ : / -")
]
Seconds: TypeAlias = Annotated[float, Meta(gt=0, le=86_400)]
Amount: TypeAlias = Annotated[float, Meta(ge=0)]
Count: TypeAlias = Annotated[int, Meta(ge=1)]
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
PriorityName: TypeAlias = Literal["high", "normal", "batch"]


class Part(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A part of the file: a key that is not known is refused."""


class TlsPart(Part, frozen=True):
    """Files in PEM form. `ca` says whose certificates are trusted: those of clients, who must then show one, where the
    gateway listens; a backend's where it asks."""

    certificate: str = ""
    key: str = ""
    ca: str = ""


class BackendPart(Part, frozen=True):
    """A server of models. Its name is its host and port where none is given; `key` says where the key is that it wants:
    `env:NAME` or `file:PATH`; `check` is the path that is asked whether it is well, empty for none."""

    url: str
    name: Name | None = None
    rack: str = ""
    key: str = ""
    client: Literal["http1", "aiohttp"] = "http1"
    check: Annotated[str, Meta(pattern="^(/.*)?$")] = "/health"
    tls: TlsPart = TlsPart()


class PricePart(Part, frozen=True):
    """Money per million tokens."""

    prompt: Amount = 0.0
    answer: Amount = 0.0


class ModelPart(Part, frozen=True):
    """A model. `served_as` is what its backends call it, `fallback` are models to ask where it cannot be had."""

    backends: Annotated[tuple[BackendPart, ...], Meta(min_length=1)]
    aliases: tuple[Name, ...] = ()
    fallback: tuple[Name, ...] = ()
    served_as: str = ""
    price: PricePart = PricePart()
    affinity: Annotated[bool, Meta(description="Requests that begin the same go to the same backend.")] = False
    answer_tokens: Annotated[Count, Meta(description="Held for an answer whose request sets no bound.")] = 512


class TenantPart(Part, frozen=True):
    """Who asks, and what they may; no limit where none is given, all models where none are."""

    requests_per_minute: Amount | None = None
    tokens_per_minute: Amount | None = None
    concurrency: Count | None = None
    budget: Amount | None = None
    weight: Annotated[float, Meta(gt=0)] = 1.0
    priority: PriorityName = "normal"
    models: tuple[Name, ...] = ()


class KeyPart(Part, frozen=True):
    """A key, by the SHA-256 of its text: `closlab gateway key` makes one. `models` narrows its tenant's."""

    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    tenant: Name
    name: str = ""
    models: tuple[Name, ...] = ()
    expires: Annotated[datetime, Meta(tz=True, description="As 2027-01-31T00:00:00Z.")] | None = None


class TimesPart(Part, frozen=True):
    """How long is waited for what: a client's head and body, a connection to a backend, an answer's beginning, its next
    piece, a client that does not read. A gateway that stops is not ready, but serves, while it is `quiet`, and then
    waits for what is under way while it drains."""

    head: Seconds = 10.0
    body: Seconds = 30.0
    connect: Seconds = 2.0
    begin: Seconds = 600.0
    idle: Seconds = 60.0
    reader: Seconds = 60.0
    quiet: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    drain: Seconds = 30.0


class DoorPart(Part, frozen=True):
    """What the process takes at all: lag of its loop, requests at once, connections, bytes of a head and of a body."""

    lag: Seconds = 0.1
    requests: Count = 10_000
    connections: Count = 20_000
    head_bytes: Count = 65_536
    body_bytes: Count = 16_777_216


class QueuePart(Part, frozen=True):
    """How many may wait for a model; the longest wait once it has not been empty for an interval."""

    room: Count = 1000
    target: Seconds = 0.1
    interval: Seconds = 1.0


class HealthPart(Part, frozen=True):
    """When a backend is left alone: failures in a row, for how long, and how many must be left; how often each is asked
    how it is, and how long its answer may take."""

    failures: Count = 5
    base: Seconds = 30.0
    longest: Seconds = 300.0
    ramp: Seconds = 30.0
    floor: Annotated[int, Meta(ge=0)] = 1
    every: Seconds = 5.0
    within: Seconds = 2.0


class AgainPart(Part, frozen=True):
    """Of all requests, the share that may be asked a second time: after a failure, or beside one that is late."""

    retries: Share = 0.1
    hedges: Share = 0.0


class LogPart(Part, frozen=True):
    """A line of JSON for each request that is over, or for each that was not answered well: to a file, or to stdout."""

    requests: Literal["none", "failed", "all"] = "none"
    to: Annotated[str, Meta(min_length=1, description="A file, or - for stdout.")] = "-"


class TracesPart(Part, frozen=True):
    """Where spans are sent by OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces, and the share of requests that
    are traced; whoever sends a `traceparent` has decided that already."""

    url: Annotated[str, Meta(pattern="^(https?://.+)?$")] = ""
    share: Share = 0.01


class DatabasePart(Part, frozen=True):
    """Where tenants, keys and models that operators add are kept, and what tenants have spent: `sqlite:///FILE`, beside
    the gateway's file, or `postgresql://USER@HOST/NAME`; nowhere without a URL. `password` says where that is:
    `env:NAME` or `file:PATH`. It is looked at `every` so many seconds, and an answer may take `within`; keys that were
    known go on working for `keep` seconds while there is none."""

    url: Annotated[str, Meta(pattern="^(sqlite:///.+|postgresql://.+)?$")] = ""
    password: Annotated[str, Meta(pattern="^((env|file):.+)?$")] = ""
    within: Seconds = 2.0
    every: Seconds = 1.0
    keep: Annotated[float, Meta(ge=0)] = 3600.0


class AnalyticsPart(Part, frozen=True):
    """Where a row of each request is kept, for so many days, and the sums of each minute, for so many: `sqlite:///FILE`
    or `chdb:///FOLDER`, beside the gateway's file, or ClickHouse at `http://USER@HOST:8123/DATABASE`; nowhere without
    a URL."""

    url: Annotated[str, Meta(pattern="^((sqlite|chdb):///.+|https?://.+)?$")] = ""
    password: Annotated[str, Meta(pattern="^((env|file):.+)?$")] = ""
    row_days: Count = 30
    minute_days: Count = 365


class GatewayFile(Part, frozen=True):
    """The whole file. `grpc` is where that is served, if it is. `workers` are processes, which share tenants' limits;
    one is on the gateway's own. `show_backend` tells clients by a header who served them."""

    models: dict[Name, ModelPart] = {}
    tenants: dict[Name, TenantPart] = {}
    keys: tuple[KeyPart, ...] = ()
    listen: str = "127.0.0.1:8080"
    admin: str = "127.0.0.1:8081"
    grpc: str = ""
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    rack: str = ""
    tls: TlsPart = TlsPart()
    times: TimesPart = TimesPart()
    door: DoorPart = DoorPart()
    queue: QueuePart = QueuePart()
    health: HealthPart = HealthPart()
    again: AgainPart = AgainPart()
    database: DatabasePart = DatabasePart()
    analytics: AnalyticsPart = AnalyticsPart()
    log: LogPart = LogPart()
    traces: TracesPart = TracesPart()
    show_backend: bool = False
