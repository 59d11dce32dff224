"""A gateway is asked by its operator: what `closlab gateway state`, `drain` and `return` do."""

from typing import TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import msgspec

from gateway.admin.model import Model, State, Which, Wrong
from gateway.errors import Fault, Mistake

T = TypeVar("T")
WITHIN = 10  # seconds


def state(admin: str) -> State:
    """How everything stands."""
    return _asked(admin, "/v1/state", None, State)


def drain(admin: str, which: Which) -> Model:
    """Take a server out of service."""
    return _asked(admin, "/v1/drain", which, Model)


def take_back(admin: str, which: Which) -> Model:
    """Take a server back."""
    return _asked(admin, "/v1/return", which, Model)


def _asked(admin: str, path: str, what: Which | None, kind: type[T]) -> T:
    """Ask it. Raises Mistake for what it has not, Fault where it cannot be asked."""
    body = None if what is None else msgspec.json.encode(what)
    try:
        request = Request(f"{admin.rstrip('/')}{path}", data=body, headers={"content-type": "application/json"})
        with urlopen(request, timeout=WITHIN) as answer:
            return msgspec.json.decode(answer.read(), type=kind)
    except HTTPError as error:
        raise Mistake(msgspec.json.decode(error.read(), type=Wrong).error) from None
    except ValueError as error:  # msgspec's are ValueErrors too
        raise Mistake(f"{admin}: {error}; --admin is http://HOST:PORT") from None
    except (URLError, OSError) as error:
        raise Fault(f"{admin}: no gateway answers there: {getattr(error, 'reason', error)}") from None
