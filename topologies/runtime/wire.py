"""The record of a lab as it lies on disk: JSON with a version, every link with its type, nothing unknown taken.

Pure: bytes from values and values from bytes. `topologies.runtime.store` does the writing.
"""

import msgspec

from topologies.errors import Fault
from topologies.runtime.model import LabRecord

VERSION = 3


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    record: msgspec.Raw


def encode(record: LabRecord) -> bytes:
    """The record as one line of JSON."""
    return msgspec.json.encode({"version": VERSION, "record": record})


def decode(data: bytes) -> LabRecord:
    """The record of these bytes; raises Fault where they are not a record that this closlab can read."""
    try:
        document = msgspec.json.decode(data, type=_Document)
        if document.version != VERSION:
            raise Fault(f"it has version {document.version}, this closlab reads version {VERSION}")
        return msgspec.json.decode(document.record, type=LabRecord)
    except msgspec.MsgspecError as error:
        raise Fault(f"it is no record of a lab: {error}") from error
