"""The OpenAPI document of the operations, from what they take and give. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.admin.model import Wrong
from gateway.admin.operations import Operation

WRONGS = (
    ("400", "What was sent is not what it takes."),
    ("404", "There is no such thing."),
    ("415", "What was sent is not JSON."),
)
REFERENCE = "#/components/schemas/{name}"


def document(operations: Sequence[Operation], version: str) -> dict[str, Any]:
    """OpenAPI 3.1."""
    types = [kind for each in operations for kind in (each.takes, each.gives) if kind is not None]
    schemas, components = msgspec.json.schema_components([*types, Wrong], ref_template=REFERENCE)
    by_type = dict(zip([*types, Wrong], schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _described(each, by_type)
    made = {
        "openapi": "3.1.0",
        "info": {"title": "closlab gateway, for operators", "version": version},
        "paths": paths,
        "components": {"schemas": components},
    }
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(made))  # which has no tuples, as defaults are
    return told


def _described(each: Operation, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": each.name,
        "summary": each.summary,
        "responses": {"200": {"description": "Done.", "content": _json(schemas[each.gives])}},
    }
    if each.takes is not None:
        told["requestBody"] = {"required": True, "content": _json(schemas[each.takes])}
        for status, what in WRONGS:
            told["responses"][status] = {"description": what, "content": _json(schemas[Wrong])}
    return told


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
