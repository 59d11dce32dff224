"""The record of a lab as it lies on disk: JSON with a version, every link with its type, nothing unknown taken.

Pure: bytes from values and values from bytes. `topologies.runtime.store` does the writing.
"""

from dataclasses import fields
from typing import Any, TypeVar, get_type_hints

import msgspec

from topologies.errors import Fault
from topologies.lab import Dummy, HostLink, Lab, LabLink, Macvlan, MgmtLink, Veth, Vxlan
from topologies.runtime.model import LabRecord

VERSION = 1
LINKS: dict[str, type[LabLink]] = {
    "veth": Veth,
    "host": HostLink,
    "mgmt-net": MgmtLink,
    "macvlan": Macvlan,
    "dummy": Dummy,
    "vxlan": Vxlan,
}
TAGS: dict[type[LabLink], str] = {kind: tag for tag, kind in LINKS.items()}

T = TypeVar("T")


def encode(record: LabRecord) -> bytes:
    """The record as one line of JSON."""
    links = [{"type": TAGS[type(link)], "link": link} for link in record.lab.links]
    lab = {**_shallow(record.lab), "links": links}
    return msgspec.json.encode({"version": VERSION, "record": {**_shallow(record), "lab": lab}})


def decode(data: bytes) -> LabRecord:
    """The record of these bytes; raises Fault where they are not a record that this closlab can read."""
    try:
        raw = msgspec.json.decode(data, type=dict[str, Any])
        if raw.get("version") != VERSION:
            raise Fault(f"it has version {raw.get('version')!r}, this closlab reads version {VERSION}")
        lab = raw["record"]["lab"]
        links = tuple(msgspec.convert(link["link"], LINKS[link["type"]]) for link in lab["links"])
        return _build(LabRecord, raw["record"], lab=_build(Lab, lab, links=links))
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise Fault(f"it is no record of a lab: {type(error).__name__}: {error}") from error


def _shallow(value: Any) -> dict[str, Any]:
    """A dataclass as a dict, one level deep."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _build(kind: type[T], raw: dict[str, Any], **ready: Any) -> T:
    """A dataclass from JSON, field by field, because msgspec takes no union of plain dataclasses (the links)."""
    hints = get_type_hints(kind)
    given = {name: msgspec.convert(value, hints[name]) for name, value in raw.items() if name not in ready}
    return kind(**given, **ready)
