"""A file made ready for use: what the core is told, whose keys are whose, which names mean which model. What does not
fit together is a Mistake with its place."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Struct

from gateway.config.added import NOTHING, Added, joined
from gateway.config.document import Document, parse
from gateway.config.model import BackendPart, GatewayFile, ModelPart, TenantPart
from gateway.core.admission import Model, Setup
from gateway.core.door import Bounds
from gateway.core.health import Rules
from gateway.core.model import Price, Priority
from gateway.core.queue import Patience
from gateway.core.retries import Allowed
from gateway.core.servers import Server
from gateway.core.tenants import NEVER, Limits
from gateway.errors import Mistake
from gateway.keys import Key
from gateway.upstream.wire import where

MILLION = 1e6
NONE = Allowed(share=0.0, saved=0.0, a_second=0.0)


class Route(Struct, frozen=True):
    """What a name that clients ask for means: a model, what its backends call it, what is held for an answer without a
    bound, whether what begins
    the same goes to the same backend, and which models are asked where it cannot be had."""

    model: str
    served_as: str
    answer_tokens: int
    affinity: bool
    fallback: tuple[str, ...]


class Settings(Struct, frozen=True):
    """All that a gateway is told: by the `told` file, by what was `added` to it, and by both as one `file`. `backends`
    are by model and name, `keys` by hash, `routes` by name and alias."""

    text: str
    told: GatewayFile
    added: Added
    file: GatewayFile
    setup: Setup
    keys: Mapping[bytes, Key]
    routes: Mapping[str, Route]
    backends: Mapping[str, Mapping[str, BackendPart]]
    priorities: Mapping[str, Priority]


def settle(text: str, place: str, added: Added = NOTHING) -> Settings:
    """Settings from the text of a file and what was added to it; Mistake where anything in the file is wrong."""
    document = parse(text, place)
    told = document.decode(GatewayFile)
    address(told.listen, document.at("listen"))
    address(told.admin, document.at("admin"))
    if told.grpc:
        address(told.grpc, document.at("grpc"))
    if not told.models and not told.database.url:
        raise Mistake(f"{place}: no models, and no database that others could be in")
    _refuse_unknown(told, document)
    file = joined(told, added)
    return Settings(
        text,
        told,
        added,
        file,
        _setup(file, document),
        _keys(file, document),
        _routes(file, document),
        {name: _backends(name, model, document) for name, model in file.models.items()},
        {name: Priority[tenant.priority.upper()] for name, tenant in file.tenants.items()},
    )


def address(text: str, place: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, an IPv6 address in brackets; Mistake for anything else."""
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not bare or (":" in bare and bare == host) or not port.isdecimal() or int(port) > 65535:
        raise Mistake(f"{place}: {text!r} is not HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080")
    return bare, int(port)


def _setup(file: GatewayFile, document: Document) -> Setup:
    door, queue, health, again = file.door, file.queue, file.health, file.again
    models = {
        name: Model(
            tuple(Server(each, part.rack) for each, part in _backends(name, model, document).items()),
            Price(model.price.prompt, model.price.answer),
        )
        for name, model in file.models.items()
    }
    return Setup(
        {name: _limits(tenant) for name, tenant in file.tenants.items()},
        models,
        rack=file.rack,
        bounds=Bounds(lag=door.lag, requests=door.requests),
        patience=Patience(target=queue.target, interval=queue.interval, room=queue.room),
        rules=Rules(
            failures=health.failures, base=health.base, longest=health.longest, ramp=health.ramp, floor=health.floor
        ),
        again=Allowed(share=again.retries, a_second=1.0) if again.retries else NONE,
        hedges=Allowed(share=again.hedges, a_second=0.0) if again.hedges else NONE,
    )


def _limits(tenant: TenantPart) -> Limits:
    return Limits(
        requests_per_minute=_or_never(tenant.requests_per_minute),
        tokens_per_minute=_or_never(tenant.tokens_per_minute),
        concurrency=_or_never(tenant.concurrency),
        budget=_or_never(tenant.budget) * MILLION,
        weight=tenant.weight,
    )


def _or_never(limit: float | None) -> float:
    return NEVER if limit is None else float(limit)


def _backends(name: str, model: ModelPart, document: Document) -> dict[str, BackendPart]:
    return backends_of(name, model.backends, lambda *path: document.at("models", name, "backends", *path))


def backends_of(
    model: str, parts: Iterable[BackendPart], at: Callable[..., str] | None = None
) -> dict[str, BackendPart]:
    """The servers of a model by their names; Mistake where one is none, at its place in a file, if it is in one."""
    found: dict[str, BackendPart] = {}
    for number, part in enumerate(parts):
        place, url, key = (at(number, *more) if at else model for more in ((), ("url",), ("key",)))
        called = part.name or _authority(part.url, url)
        if called in found:
            raise Mistake(f"{place}: two backends of {model} are called {called!r}; give one of them another name")
        if part.key and part.key.partition(":")[0] not in ("env", "file"):
            raise Mistake(f"{key}: not env:NAME or file:PATH")
        found[called] = part
    return found


def _authority(url: str, place: str) -> str:
    try:
        return where(url).authority.decode()
    except ValueError as error:
        raise Mistake(f"{place}: {error}") from None


def _routes(file: GatewayFile, document: Document) -> dict[str, Route]:
    routes: dict[str, Route] = {}
    for name, model in file.models.items():
        if name in model.fallback:
            raise Mistake(f"{document.at('models', name, 'fallback')}: {name} cannot fall back to itself")
        route = Route(name, model.served_as or name, model.answer_tokens, model.affinity, model.fallback)
        for called in (name, *model.aliases):
            if called in routes or (called != name and called in file.models):
                raise Mistake(f"{document.at('models', name, 'aliases')}: {called!r} means another model already")
            routes[called] = route
    return routes


def _keys(file: GatewayFile, document: Document) -> dict[bytes, Key]:
    keys: dict[bytes, Key] = {}
    for number, part in enumerate(file.keys):
        known = bytes.fromhex(part.sha256)
        if known in keys:
            raise Mistake(f"{document.at('keys', number)}: this key is in the file already")
        tenant = file.tenants[part.tenant]
        expires = part.expires.timestamp() if part.expires else NEVER
        keys[known] = Key(part.tenant, part.name, _both(tenant.models, part.models), expires)
    return keys


def _refuse_unknown(file: GatewayFile, document: Document) -> None:
    """Mistake where anything in a file names what is not in it."""
    for name, model in file.models.items():
        _known(model.fallback, file, document.at("models", name, "fallback"))
    for name, tenant in file.tenants.items():
        _known(tenant.models, file, document.at("tenants", name, "models"))
    for number, part in enumerate(file.keys):
        if part.tenant not in file.tenants:
            there = ", ".join(file.tenants) or "none"
            raise Mistake(f"{document.at('keys', number, 'tenant')}: no tenant {part.tenant!r}; there are {there}")
        _known(part.models, file, document.at("keys", number, "models"))


def _known(models: tuple[str, ...], file: GatewayFile, place: str) -> None:
    for unknown in _missing(models, file):
        raise Mistake(f"{place}: no model {unknown!r}; there are {', '.join(file.models)}")


def _missing(models: tuple[str, ...], file: GatewayFile) -> Iterator[str]:
    return (each for each in models if each not in file.models)


def _both(of_tenant: tuple[str, ...], of_key: tuple[str, ...]) -> frozenset[str] | None:
    """The models that both allow; empty tuples allow all."""
    if not of_tenant or not of_key:
        return frozenset(of_tenant or of_key) or None
    return frozenset(of_tenant) & frozenset(of_key)
