"""A gateway is asked by its operator: what the commands do."""

from typing import TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import msgspec
from msgspec import Struct

from gateway.admin.model import Model, State, UsageWanted, Which, Wrong
from gateway.analytics.model import Usage
from gateway.errors import Fault, Mistake

T = TypeVar("T")
WITHIN = 10  # seconds


def state(admin: str) -> State:
    """How everything stands."""
    return get(admin, "/v1/state", State)


def drain(admin: str, which: Which) -> Model:
    """Take a server out of service."""
    return post(admin, "/v1/drain", which, Model)


def take_back(admin: str, which: Which) -> Model:
    """Take a server back."""
    return post(admin, "/v1/return", which, Model)


def usage(admin: str, by: str, since: str) -> tuple[Usage, ...]:
    """What was asked of late."""
    return post(admin, "/v1/usage", UsageWanted(by, since), tuple[Usage, ...])


def get(admin: str, path: str, kind: type[T]) -> T:
    """What is there. Raises Fault where it cannot be asked."""
    return _asked(admin, path, None, kind)


def post(admin: str, path: str, what: Struct, kind: type[T]) -> T:
    """Have something done. Raises Mistake for what there is not or must not be, Fault where it could not be done."""
    return _asked(admin, path, msgspec.json.encode(what), kind)


def _asked(admin: str, path: str, body: bytes | None, kind: type[T]) -> T:
    try:
        request = Request(f"{admin.rstrip('/')}{path}", data=body, headers={"content-type": "application/json"})
        with urlopen(request, timeout=WITHIN) as answer:
            return msgspec.json.decode(answer.read(), type=kind)
    except HTTPError as error:
        why = msgspec.json.decode(error.read(), type=Wrong).error
        raise Fault(why) if error.code >= 500 else Mistake(why) from None
    except ValueError as error:  # msgspec's are ValueErrors too
        raise Mistake(f"{admin}: {error}; --admin is http://HOST:PORT") from None
    except (URLError, OSError) as error:
        raise Fault(f"{admin}: no gateway answers there: {getattr(error, 'reason', error)}") from None
