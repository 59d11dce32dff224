"""What operators add to what is in the file, change and take out again. What is in the file is changed there."""

import os
import time
from datetime import UTC, datetime, timedelta

import msgspec
from sqlalchemy import delete, update

from gateway import keys as texts
from gateway.admin.desk import Desk
from gateway.admin.model import (
    BackendEntry,
    Gone,
    KeyEntry,
    KeyId,
    KeyMade,
    KeyRotated,
    KeyWanted,
    ModelEntry,
    ModelName,
    Source,
    TenantEntry,
    TenantName,
    Which,
)
from gateway.config import added
from gateway.config.model import BackendPart, KeyPart, ModelPart, TenantPart
from gateway.config.settings import backends_of
from gateway.data.tables import KEY, MODEL, TENANT
from gateway.errors import Mistake
from gateway.worker import tried

SHOWN = 12  # digits of a hash


async def tenants(desk: Desk, _: None) -> tuple[TenantEntry, ...]:
    """All of them."""
    told, both = desk.settings.told.tenants, desk.settings.file.tenants
    return tuple(_tenant(name, part, "file" if name in told else "database") for name, part in both.items())


async def put_tenant(desk: Desk, wanted: TenantEntry) -> TenantEntry:
    """Have a tenant, with these limits, in place of what it had."""
    keeper, settings = desk.keeper, desk.settings
    part = msgspec.convert({each: getattr(wanted, each) for each in TenantPart.__struct_fields__}, TenantPart)
    added.refuse_tenant(settings.told, settings.added, wanted.name, part)
    await keeper.change(keeper.store.put(TENANT, name=wanted.name, **msgspec.to_builtins(part)))
    return _tenant(wanted.name, part, "database")


async def delete_tenant(desk: Desk, which: TenantName) -> Gone:
    """Have a tenant no more, nor its keys."""
    keeper = desk.keeper
    _refuse_file("tenant", which.name, desk.settings.told.tenants, desk.settings.file.tenants)
    await keeper.change(
        delete(KEY).where(KEY.c.tenant == which.name), delete(TENANT).where(TENANT.c.name == which.name)
    )
    return Gone(which.name)


async def reset_tenant(desk: Desk, which: TenantName) -> TenantName:
    """A tenant has spent nothing from now on, whichever gateway it asked."""
    if which.name not in (there := desk.settings.file.tenants):
        raise Mistake(f"no tenant {which.name!r}; there are {', '.join(there) or 'none'}")
    await desk.keeper.store.forgive(which.name)
    return which


async def keys(desk: Desk, _: None) -> tuple[KeyEntry, ...]:
    """All of them; none can be used by what is shown."""
    told = desk.settings.told.keys
    return tuple(_key(each, "file" if each in told else "database") for each in desk.settings.file.keys)


async def make_key(desk: Desk, wanted: KeyWanted) -> KeyMade:
    """Make a key; its text is shown this once."""
    text = texts.made(os.urandom(texts.BYTES))
    part = KeyPart(
        sha256=texts.digest(text.encode()).hex(),
        tenant=wanted.tenant,
        name=wanted.name,
        models=wanted.models,
        expires=wanted.expires,
    )
    keeper, settings = desk.keeper, desk.settings
    added.refuse_key(settings.told, settings.added, part)
    await keeper.change(keeper.store.put(KEY, **msgspec.structs.asdict(part)))
    return KeyMade(text, _key(part, "database"))


async def revoke_key(desk: Desk, which: KeyId) -> Gone:
    """A key is worth nothing from now on."""
    keeper, part = desk.keeper, _added_key(desk, which.id)
    await keeper.change(delete(KEY).where(KEY.c.sha256 == part.sha256))
    return Gone(part.sha256[:SHOWN])


async def rotate_key(desk: Desk, which: KeyRotated) -> KeyMade:
    """Make a key like another, which ends after the overlap. The new one ends when it is said, or when the other was
    to: to rotate a key does not make it last longer."""
    keeper, part = desk.keeper, _added_key(desk, which.id)
    ends = datetime.fromtimestamp(time.time(), UTC) + timedelta(seconds=which.overlap)
    if part.expires is not None:
        ends = min(ends, part.expires)
    text = texts.made(os.urandom(texts.BYTES))
    lasts = which.expires or part.expires
    new = msgspec.structs.replace(part, sha256=texts.digest(text.encode()).hex(), expires=lasts)
    await keeper.change(
        update(KEY).where(KEY.c.sha256 == part.sha256).values(expires=ends),
        keeper.store.put(KEY, **msgspec.structs.asdict(new)),
    )
    return KeyMade(text, _key(new, "database"))


async def models(desk: Desk, _: None) -> tuple[ModelEntry, ...]:
    """All of them."""
    told, both = desk.settings.told.models, desk.settings.file.models
    return tuple(_model(name, part, "file" if name in told else "database") for name, part in both.items())


async def put_model(desk: Desk, wanted: ModelEntry) -> ModelEntry:
    """Have a model, with these servers, in place of what it had."""
    part = msgspec.convert({each: getattr(wanted, each) for each in ModelPart.__struct_fields__}, ModelPart)
    return await _put_model(desk, wanted.name, part)


async def delete_model(desk: Desk, which: ModelName) -> Gone:
    """Have a model no more; what its servers have is finished."""
    keeper = desk.keeper
    _refuse_file("model", which.name, desk.settings.told.models, desk.settings.file.models)
    await keeper.change(delete(MODEL).where(MODEL.c.name == which.name))
    return Gone(which.name)


async def put_backend(desk: Desk, wanted: BackendEntry) -> ModelEntry:
    """Have a server of a model, in place of that which has its name."""
    part = msgspec.convert({each: getattr(wanted, each) for each in BackendPart.__struct_fields__}, BackendPart)
    model = _added_model(desk, wanted.model)
    (name,) = backends_of("the server", (part,))
    others = tuple(each for named, each in backends_of(wanted.model, model.backends).items() if named != name)
    return await _put_model(desk, wanted.model, msgspec.structs.replace(model, backends=(*others, part)))


async def delete_backend(desk: Desk, which: Which) -> ModelEntry:
    """Have a server of a model no more; it finishes what it has."""
    model = _added_model(desk, which.model)
    there = backends_of(which.model, model.backends)
    if which.backend not in there:
        raise Mistake(f"{which.model} has no backend {which.backend!r}; it has {', '.join(there)}")
    others = tuple(each for name, each in there.items() if name != which.backend)
    if not others:
        raise Mistake(f"{which.backend} is the only server of {which.model}; delete the model")
    return await _put_model(desk, which.model, msgspec.structs.replace(model, backends=others))


async def _put_model(desk: Desk, name: str, part: ModelPart) -> ModelEntry:
    keeper, settings = desk.keeper, desk.settings
    added.refuse_model(settings.told, settings.added, name, part)
    backends = backends_of(f"model {name}", part.backends)
    await tried(msgspec.structs.replace(settings, backends={name: backends}))  # what would fail later fails here
    await keeper.change(keeper.store.put(MODEL, name=name, part=msgspec.to_builtins(part)))
    return _model(name, part, "database")


def _added_model(desk: Desk, name: str) -> ModelPart:
    _refuse_file("model", name, desk.settings.told.models, desk.settings.file.models)
    return desk.settings.added.models[name]


def _added_key(desk: Desk, wanted: str) -> KeyPart:
    """The key whose hash begins so; Mistake where none does, several do, or it is in the file."""
    found = [each for each in desk.settings.file.keys if each.sha256.startswith(wanted)]
    if len(found) != 1:
        raise Mistake(
            f"{len(found) or 'no'} keys whose hash begins with {wanted}; `closlab gateway keys list` shows all"
        )
    if found[0] in desk.settings.told.keys:
        raise Mistake(f"key {wanted} is in the gateway's file, and is changed there")
    return found[0]


def _refuse_file(kind: str, name: str, told: object, both: object) -> None:
    """Mistake for what is in the file, and for what is nowhere."""
    assert isinstance(told, dict)
    assert isinstance(both, dict)
    if name in told:
        raise Mistake(f"{kind} {name} is in the gateway's file, and is changed there")
    if name not in both:
        raise Mistake(f"no {kind} {name!r}; there are {', '.join(both) or 'none'}")


def _tenant(name: str, part: TenantPart, source: Source) -> TenantEntry:
    return TenantEntry(name=name, source=source, **msgspec.structs.asdict(part))


def _model(name: str, part: ModelPart, source: Source) -> ModelEntry:
    return ModelEntry(name=name, source=source, **msgspec.structs.asdict(part))


def _key(part: KeyPart, source: Source) -> KeyEntry:
    return KeyEntry(part.sha256[:SHOWN], part.tenant, part.name, part.models, part.expires, source)
