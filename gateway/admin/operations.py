"""What operators can do: each operation once, for the address, its OpenAPI document and the command line."""

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from gateway.admin import adding
from gateway.admin.desk import Desk
from gateway.admin.model import (
    BackendEntry,
    Gone,
    KeyEntry,
    KeyId,
    KeyMade,
    KeyRotated,
    KeyWanted,
    Model,
    ModelEntry,
    ModelName,
    State,
    TenantEntry,
    TenantName,
    UsageWanted,
    Which,
)
from gateway.analytics.model import Usage, ago, parsed
from gateway.crew import Drain, Return


class Operation(Struct, frozen=True):
    """One: how it is asked for, what it takes, what it gives. `do` raises Mistake for what there is not or must not be,
    Fault where it could not be done."""

    method: str
    path: str
    name: str
    summary: str
    takes: type | None
    gives: Any
    do: Callable[[Desk, Any], Awaitable[object]]


async def state(desk: Desk, _: None) -> State:
    """How everything stands."""
    return await desk.state(tenants=True)


async def drain(desk: Desk, which: Which) -> Model:
    """Take a server out of service; it finishes what it has."""
    await desk.ask(Drain(which))
    return await _model(desk, which.model)


async def take_back(desk: Desk, which: Which) -> Model:
    """Take a server back; it gets a part of its share at first."""
    await desk.ask(Return(which))
    return await _model(desk, which.model)


async def usage(desk: Desk, wanted: UsageWanted) -> tuple[Usage, ...]:
    """What was asked of late, summed up by what is wanted."""
    return await desk.writer.usage(parsed(wanted.by), ago(wanted.since))


async def _model(desk: Desk, name: str) -> Model:
    return next(each for each in (await desk.state()).models if each.name == name)


def _put(path: str, name: str, summary: str, takes: type, gives: Any, do: Any) -> Operation:
    return Operation("POST", path, name, summary, takes, gives, do)


def _get(path: str, name: str, summary: str, gives: Any, do: Any) -> Operation:
    return Operation("GET", path, name, summary, None, gives, do)


OPERATIONS = (
    _get("/v1/state", "state", "How everything stands.", State, state),
    _put("/v1/drain", "drain", "Take a server out; it finishes what it has.", Which, Model, drain),
    _put("/v1/return", "return", "Take a server back into service.", Which, Model, take_back),
    _get("/v1/tenants", "tenants", "All tenants and their limits.", tuple[TenantEntry, ...], adding.tenants),
    _put("/v1/tenants", "put_tenant", "Have a tenant, with these limits.", TenantEntry, TenantEntry, adding.put_tenant),
    _put(
        "/v1/tenants/delete", "delete_tenant", "Have it and its keys no more.", TenantName, Gone, adding.delete_tenant
    ),
    _put("/v1/tenants/reset", "reset_tenant", "It has spent nothing.", TenantName, TenantName, adding.reset_tenant),
    _get("/v1/keys", "keys", "All keys, by the first digits of their hashes.", tuple[KeyEntry, ...], adding.keys),
    _put("/v1/keys", "make_key", "Make a key, which is shown this once.", KeyWanted, KeyMade, adding.make_key),
    _put("/v1/keys/revoke", "revoke_key", "A key is worth nothing from now on.", KeyId, Gone, adding.revoke_key),
    _put("/v1/keys/rotate", "rotate_key", "Make one to follow another.", KeyRotated, KeyMade, adding.rotate_key),
    _get("/v1/models", "models", "All models and their servers.", tuple[ModelEntry, ...], adding.models),
    _put("/v1/models", "put_model", "Have a model, with these servers.", ModelEntry, ModelEntry, adding.put_model),
    _put("/v1/models/delete", "delete_model", "Have a model no more.", ModelName, Gone, adding.delete_model),
    _put("/v1/backends", "put_backend", "Have a server of a model.", BackendEntry, ModelEntry, adding.put_backend),
    _put("/v1/usage", "usage", "What was asked of late, summed up.", UsageWanted, tuple[Usage, ...], usage),
    _put("/v1/backends/delete", "delete_backend", "Have it no more.", Which, ModelEntry, adding.delete_backend),
)
