"""The OpenAPI document of the operations, from what they take and give. Pure."""

from collections.abc import Sequence
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
    _, components = msgspec.json.schema_components([*types, Wrong], ref_template=REFERENCE)
    return {
        "openapi": "3.1.0",
        "info": {"title": "closlab gateway, for operators", "version": version},
        "paths": {each.path: {each.method.lower(): _described(each)} for each in operations},
        "components": {"schemas": components},
    }


def _described(each: Operation) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": each.name,
        "summary": each.summary,
        "responses": {"200": {"description": "Done.", "content": _json(each.gives)}},
    }
    if each.takes is not None:
        told["requestBody"] = {"required": True, "content": _json(each.takes)}
        for status, what in WRONGS:
            told["responses"][status] = {"description": what, "content": _json(Wrong)}
    return told


def _json(kind: type) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": REFERENCE.format(name=kind.__name__)}}}
