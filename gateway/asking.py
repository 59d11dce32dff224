"""Who asks, and for what, found out in the same way for every edge."""

from gateway.account import Account
from gateway.config.settings import Route
from gateway.core.model import Priority, Reason, Refused
from gateway.keys import Key, found
from gateway.passage import Turned
from gateway.process import Gateway
from gateway.wrong import Wrong

FOREVER = float("inf")
UNSURE = "Keys cannot be looked up now."
LEFT = 499  # the status of a request whose client is gone, as nginx writes it; nobody is sent it


def key(gateway: Gateway, authorization: bytes) -> Key:
    """Whose key a header shows; Wrong for none that is valid."""
    key = found(gateway.settings.keys, authorization, gateway.wall())
    if key is None:
        if authorization and not gateway.settings.added.sure:
            raise Wrong(503, "api_error", UNSURE, code="keys_unavailable", headers=((b"retry-after", b"5"),))
        raise _unknown("Incorrect API key provided" if authorization else "You didn't provide an API key")
    return key


def _unknown(what: str) -> Wrong:
    return Wrong(401, "invalid_request_error", what, code="invalid_api_key")


def priority(gateway: Gateway, key: Key, asked: bytes | None) -> Priority:
    """The class of a request: its tenant's, or a lower one that it asks for itself. Where the process has no time for
    it, it is refused before anything else of it is looked at."""
    own = gateway.settings.priorities[key.tenant]
    priority = own if asked is None else max(own, _named(asked))
    if not gateway.core.door.may(priority):
        raise Turned(Refused(Reason.BUSY))
    return priority


def _named(text: bytes) -> Priority:
    try:
        return Priority[text.decode("ascii", "replace").upper()]
    except KeyError:
        there = ", ".join(each.name.lower() for each in Priority)
        raise Wrong(400, "invalid_request_error", f"x-priority is none of {there}") from None


def routes(account: Account, model: str) -> tuple[Route, ...]:
    """A model by its name or an alias, and those to ask instead that a key may ask; Wrong for one that it may not."""
    settings, key = account.gateway.settings, account.key
    if key.tenant not in settings.file.tenants:
        raise _unknown("Incorrect API key provided")  # it was right when the request came
    route = settings.routes.get(model)
    if route is None or not key.allows(route.model):
        what = f"The model '{model}' does not exist or you do not have access to it."
        raise Wrong(404, "invalid_request_error", what, code="model_not_found", param="model")
    account.model = route.model
    return (route, *(settings.routes[each] for each in route.fallback if key.allows(each)))


def models(gateway: Gateway, key: Key) -> list[str]:
    """The names that a key may ask for."""
    return [name for name, route in gateway.settings.routes.items() if key.allows(route.model)]
