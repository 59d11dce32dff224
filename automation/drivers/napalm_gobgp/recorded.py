"""Answers out of a folder instead of a speaker: what tests replay, and the writing of it.

A folder has one file for each call, named after the method and the prefix that it asks for. It holds the messages of
the answer as they came, in protobuf's own JSON; the file `api` has the version that they are of.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napalm_gobgp.channel import Wire
from napalm_gobgp.stubs import Stubs
from topologies.errors import Mistake

API = "api"


def version_of(folder: Path) -> str:
    """The version of the API that was recorded; Mistake where nothing was."""
    try:
        return (folder / API).read_text().strip()
    except OSError as error:
        raise Mistake(f"no recording at {folder}; `python -m tests.record_gobgp` makes one") from error


def file_name(method: str, request: Any) -> str:
    """The name of the file that holds the answer to a call."""
    asked = [f"{each.prefix} {each.type}" for each in getattr(request, "prefixes", ())]
    return "_".join([method, *(re.sub(r"[^a-zA-Z0-9]+", "_", each) for each in asked)]) + ".json"


class Recorded:
    """Plays back; raises FileNotFoundError for what nobody recorded."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def call(self, stubs: Stubs, method: str, request: Any, *, timeout: float | None) -> Iterator[Any]:
        """What was answered then."""
        from google.protobuf.json_format import ParseDict

        kind = stubs.service.methods_by_name[method].output_type._concrete_class
        for each in json.loads((self._folder / file_name(method, request)).read_text()):
            yield ParseDict(each, kind())

    def close(self) -> None:
        """Nothing is open."""


class Recorder:
    """Another wire, of which every answer is kept."""

    def __init__(self, wire: Wire, folder: Path) -> None:
        self._wire = wire
        self._folder = folder

    def call(self, stubs: Stubs, method: str, request: Any, *, timeout: float | None) -> Iterator[Any]:
        """Call, and write the answer down."""
        from google.protobuf.json_format import MessageToDict

        answers = list(self._wire.call(stubs, method, request, timeout=timeout))
        kept = [MessageToDict(each, preserving_proto_field_name=True) for each in answers]
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / API).write_text(f"{stubs.version}\n")
        (self._folder / file_name(method, request)).write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
        yield from answers

    def close(self) -> None:
        """Let go of the other one."""
        self._wire.close()
