"""`closlab gateway tenants|keys|models|backends ...`: what operators add to what is in the file. A gateway that has a
database is asked; what is needed is imported inside, as in `command`."""

import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, TypeVar

import typer

from gateway.command import ADMIN, JSON, LOCAL
from gateway.errors import Mistake

T = TypeVar("T")
NAME = Annotated[str, typer.Argument(help="Its name.")]
ID = Annotated[str, typer.Argument(help="The first digits of its hash, as `keys list` shows them.")]
MODELS = Annotated[list[str] | None, typer.Option("--model", help="A model that may be asked for; all without any.")]


def list_tenants(admin: ADMIN = LOCAL, json: JSON = False) -> None:
    """Show all tenants and their limits."""
    from gateway.admin import asking
    from gateway.admin.model import TenantEntry
    from gateway.reports import listed

    listed(asking.get(admin, "/v1/tenants", tuple[TenantEntry, ...]), json=json)


def set_tenant(
    name: NAME,
    requests_per_minute: Annotated[float | None, typer.Option(help="No limit without it; so for all limits.")] = None,
    tokens_per_minute: Annotated[float | None, typer.Option()] = None,
    concurrency: Annotated[int | None, typer.Option(help="Requests at once.")] = None,
    budget: Annotated[float | None, typer.Option(help="Money.")] = None,
    weight: Annotated[float, typer.Option(help="Its share where tenants compete.")] = 1.0,
    priority: Annotated[str, typer.Option(help="high, normal or batch.")] = "normal",
    model: MODELS = None,
    admin: ADMIN = LOCAL,
    json: JSON = False,
) -> None:
    """Have a tenant with these limits, in place of those that it had."""
    from gateway.admin import asking
    from gateway.admin.model import TenantEntry
    from gateway.reports import listed

    limits = {"requests_per_minute": requests_per_minute, "tokens_per_minute": tokens_per_minute}
    more = {"concurrency": concurrency, "budget": budget, "weight": weight, "priority": priority}
    entry = _made(TenantEntry, name=name, models=model or (), **limits, **more)
    listed((asking.post(admin, "/v1/tenants", entry, TenantEntry),), json=json)


def delete_tenant(name: NAME, admin: ADMIN = LOCAL) -> None:
    """Have a tenant no more, nor its keys."""
    from gateway.admin import asking
    from gateway.admin.model import Gone, TenantName

    typer.echo(f"{asking.post(admin, '/v1/tenants/delete', TenantName(name), Gone).gone} is gone")


def reset_tenant(name: NAME, admin: ADMIN = LOCAL) -> None:
    """Have a tenant have spent nothing of its budget."""
    from gateway.admin import asking
    from gateway.admin.model import TenantName

    asking.post(admin, "/v1/tenants/reset", TenantName(name), TenantName)
    typer.echo(f"{name} has spent nothing from now on")


def list_keys(admin: ADMIN = LOCAL, json: JSON = False) -> None:
    """Show all keys, by the first digits of their hashes."""
    from gateway.admin import asking
    from gateway.admin.model import KeyEntry
    from gateway.reports import listed

    listed(asking.get(admin, "/v1/keys", tuple[KeyEntry, ...]), json=json)


def add_key(
    tenant: Annotated[str, typer.Argument(help="Whose it is to be.")],
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
    model: MODELS = None,
    expires: Annotated[datetime | None, typer.Option(help="When it ends, in this machine's time zone.")] = None,
    admin: ADMIN = LOCAL,
    json: JSON = False,
) -> None:
    """Make a key: its text on stdout, this once, the rest on stderr."""
    from gateway.admin import asking
    from gateway.admin.model import KeyMade, KeyWanted

    ends = expires.astimezone() if expires else None
    wanted = _made(KeyWanted, tenant=tenant, name=name, models=model or (), expires=ends)
    _shown(asking.post(admin, "/v1/keys", wanted, KeyMade), json=json)


def revoke_key(id: ID, admin: ADMIN = LOCAL) -> None:
    """Have a key be worth nothing from now on."""
    from gateway.admin import asking
    from gateway.admin.model import Gone, KeyId

    typer.echo(f"{asking.post(admin, '/v1/keys/revoke', _made(KeyId, id=id), Gone).gone} is worth nothing any more")


def rotate_key(
    id: ID,
    overlap: Annotated[float, typer.Option(help="Seconds for which both work.")] = 86_400.0,
    expires: Annotated[datetime | None, typer.Option(help="When the new one ends; without it, as the old one.")] = None,
    admin: ADMIN = LOCAL,
    json: JSON = False,
) -> None:
    """Make a key to follow another: its text on stdout, this once."""
    from gateway.admin import asking
    from gateway.admin.model import KeyMade, KeyRotated

    ends = expires.astimezone() if expires else None
    wanted = _made(KeyRotated, id=id, overlap=overlap, expires=ends)
    _shown(asking.post(admin, "/v1/keys/rotate", wanted, KeyMade), json=json)


def list_models(admin: ADMIN = LOCAL, json: JSON = False) -> None:
    """Show all models and their servers."""
    from gateway.admin import asking
    from gateway.admin.model import ModelEntry
    from gateway.reports import listed

    listed(asking.get(admin, "/v1/models", tuple[ModelEntry, ...]), json=json)


def set_model(
    name: NAME,
    backend: Annotated[list[str], typer.Option(help="URL of a server of it; several may be given.")],
    rack: Annotated[str, typer.Option(help="Where these stand.")] = "",
    alias: Annotated[list[str] | None, typer.Option(help="Another name that clients may use.")] = None,
    fallback: Annotated[list[str] | None, typer.Option(help="A model to ask where it cannot be had.")] = None,
    served_as: Annotated[str, typer.Option(help="What its servers call it.")] = "",
    prompt_price: Annotated[float, typer.Option(help="Money per million tokens.")] = 0.0,
    answer_price: Annotated[float, typer.Option(help="Money per million tokens.")] = 0.0,
    admin: ADMIN = LOCAL,
    json: JSON = False,
) -> None:
    """Have a model with these servers, in place of what it was."""
    from gateway.admin import asking
    from gateway.admin.model import ModelEntry
    from gateway.reports import listed

    backends = [{"url": each, "rack": rack} for each in backend]
    names = {"aliases": alias or (), "fallback": fallback or (), "served_as": served_as}
    price = {"prompt": prompt_price, "answer": answer_price}
    entry = _made(ModelEntry, name=name, backends=backends, price=price, **names)
    listed((asking.post(admin, "/v1/models", entry, ModelEntry),), json=json)


def delete_model(name: NAME, admin: ADMIN = LOCAL) -> None:
    """Have a model no more; what its servers have is finished."""
    from gateway.admin import asking
    from gateway.admin.model import Gone, ModelName

    typer.echo(f"{asking.post(admin, '/v1/models/delete', ModelName(name), Gone).gone} is gone")


def set_backend(
    model: Annotated[str, typer.Argument(help="A model's name.")],
    url: Annotated[str, typer.Argument(help="The server's URL.")],
    name: Annotated[str | None, typer.Option(help="Its name; its host and port without it.")] = None,
    rack: Annotated[str, typer.Option(help="Where it stands.")] = "",
    key: Annotated[str, typer.Option(help="Where the key is that it wants: env:NAME or file:PATH.")] = "",
    check: Annotated[str, typer.Option(help="The path that is asked whether it is well.")] = "/health",
    admin: ADMIN = LOCAL,
    json: JSON = False,
) -> None:
    """Have a server of a model, in place of that which has its name."""
    from gateway.admin import asking
    from gateway.admin.model import BackendEntry, ModelEntry
    from gateway.reports import listed

    entry = _made(BackendEntry, model=model, url=url, name=name, rack=rack, key=key, check=check)
    listed((asking.post(admin, "/v1/backends", entry, ModelEntry),), json=json)


def delete_backend(
    model: Annotated[str, typer.Argument(help="A model's name.")],
    backend: Annotated[str, typer.Argument(help="The name of a server of it.")],
    admin: ADMIN = LOCAL,
    json: JSON = False,
) -> None:
    """Have a server of a model no more; it finishes what it has."""
    from gateway.admin import asking
    from gateway.admin.model import ModelEntry, Which
    from gateway.reports import listed

    listed((asking.post(admin, "/v1/backends/delete", Which(model, backend), ModelEntry),), json=json)


GROUPS: Mapping[str, tuple[str, Mapping[str, Callable[..., None]]]] = {
    "tenants": (
        "Who may ask, and how much.",
        {"list": list_tenants, "set": set_tenant, "delete": delete_tenant, "reset": reset_tenant},
    ),
    "keys": (
        "What they show.",
        {"list": list_keys, "add": add_key, "revoke": revoke_key, "rotate": rotate_key},
    ),
    "models": ("What is asked for.", {"list": list_models, "set": set_model, "delete": delete_model}),
    "backends": ("Who serves it.", {"set": set_backend, "delete": delete_backend}),
}


def _made(kind: type[T], **values: object) -> T:
    """A value from words of a command line. Raises Mistake where they are none."""
    import msgspec

    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise Mistake(str(error)) from None


def _shown(made: object, *, json: bool) -> None:
    """A key's text on stdout, and the rest on stderr."""
    from gateway.admin.model import KeyMade
    from gateway.reports import as_json

    assert isinstance(made, KeyMade)
    if json:
        as_json(made)
        return
    typer.echo(f"key {made.entry.id} of {made.entry.tenant}", err=True)
    typer.echo(made.key)
    sys.stdout.flush()
