"""What operators have added beside the file, which a database keeps. The file goes first: what is in it is changed
there. Pure."""

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from gateway.config.model import GatewayFile, KeyPart, ModelPart, TenantPart
from gateway.errors import Mistake


class Added(Struct, frozen=True):
    """All of it. It is `sure` while it is known to be all: as long as it is not, a key that nobody knows may be one all
    the same."""

    tenants: Mapping[str, TenantPart] = {}
    keys: tuple[KeyPart, ...] = ()
    models: Mapping[str, ModelPart] = {}
    sure: bool = True


NOTHING = Added()
UNSURE = Added(sure=False)


def joined(file: GatewayFile, added: Added) -> GatewayFile:
    """Both as one file. A file that is changed later may leave what was added without what it needs: a key whose tenant
    is gone is worth nothing, a name that the file has taken means what the file says."""
    models = {**{name: each for name, each in added.models.items() if name not in file.models}, **file.models}
    taken = {*models, *(alias for each in file.models.values() for alias in each.aliases)}
    for name in added.models.keys() - file.models.keys():
        aliases = tuple(each for each in models[name].aliases if each not in taken)
        taken.update(aliases)
        fallback = tuple(each for each in models[name].fallback if each in models and each != name)
        models[name] = replace(models[name], aliases=aliases, fallback=fallback)
    tenants = {**added.tenants, **file.tenants}
    known = {each.sha256 for each in file.keys}
    keys = tuple(each for each in added.keys if each.tenant in tenants and each.sha256 not in known)
    return replace(file, models=models, tenants=tenants, keys=(*file.keys, *keys))


def refuse_tenant(file: GatewayFile, added: Added, name: str, tenant: TenantPart) -> None:
    """Mistake where a tenant cannot be added so."""
    if name in file.tenants:
        raise Mistake(f"tenant {name} is in the gateway's file, and is changed there")
    _refuse_unknown(f"tenant {name}", tenant.models, joined(file, added).models)


def refuse_key(file: GatewayFile, added: Added, key: KeyPart) -> None:
    """Mistake where a key cannot be added so."""
    both = joined(file, added)
    if key.tenant not in both.tenants:
        raise Mistake(f"no tenant {key.tenant!r}; there are {', '.join(both.tenants) or 'none'}")
    _refuse_unknown("the key", key.models, both.models)
    if any(each.sha256 == key.sha256 for each in both.keys):
        raise Mistake("this key is there already")


def refuse_model(file: GatewayFile, added: Added, name: str, model: ModelPart) -> None:
    """Mistake where a model cannot be added so."""
    if name in file.models:
        raise Mistake(f"model {name} is in the gateway's file, and is changed there")
    others = {each: part for each, part in joined(file, added).models.items() if each != name}
    meant = {alias: each for each, part in others.items() for alias in (each, *part.aliases)}
    for called in (name, *model.aliases):
        if called in meant:
            raise Mistake(f"model {name}: {called!r} means {meant[called]} already")
    _refuse_unknown(f"model {name}", model.fallback, others)


def _refuse_unknown(who: str, models: Iterable[str], there: Iterable[str]) -> None:
    names = list(there)
    for each in models:
        if each not in names:
            raise Mistake(f"{who}: no model {each!r}; there are {', '.join(names) or 'none'}")
