"""The plan as a document that other programs can read: what must be true of every node."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from topologies.model import Endpoint
from topologies.plan import Plan
from topologies.render.text import json_lines

VERSION = 1
WHERE_ASKED = ("services",)  # keys that are there only where the fabric file asks for what they tell


def oracle(plan: Plan) -> str:
    """The plan as JSON. `version` rises when a key changes its meaning or goes away."""
    return json_lines({"version": VERSION, **plain(plan)}, depth=4)


def plain(value: Any) -> Any:
    """A planned value as JSON knows it: sets in order, endpoints as `node:interface`."""
    if isinstance(value, Endpoint):
        return str(value)
    if isinstance(value, Struct):
        items = {name: getattr(value, name) for name in value.__struct_fields__}
        return {name: plain(item) for name, item in items.items() if item or name not in WHERE_ASKED}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(value, key=lambda name: (len(name), name))
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value
