"""Which hosts of a run are done, on disk, so that a run that was stopped or killed goes on where it was.

One JSON line a host, appended and synced when the host is done; a line that a kill cut short is as if it had not been
written, and its host is done again. A run is known by its task and what the task was given. When all its hosts are done
it is forgotten, so the next one starts anew. One process at a time uses a journal.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from automation.locking import locked
from topologies.durable import write_whole


class _Line(msgspec.Struct, frozen=True):
    run: str
    host: str


class Journal(Struct, frozen=True):
    """The part of a journal that is about one run."""

    path: Path
    run: str

    def done(self) -> frozenset[str]:
        """The hosts that were done already."""
        return frozenset(line.host for line in _lines(self.path) if line.run == self.run)

    def note(self, host: str) -> None:
        """Have it on disk that a host is done."""
        line = msgspec.json.encode(_Line(self.run, host)) + b"\n"
        with self.path.open("ab") as file:
            file.write(line if _ends_whole(self.path) else b"\n" + line)
            file.flush()
            os.fsync(file.fileno())

    def forget(self) -> None:
        """Forget the run; those of other tasks stay."""
        kept = [line for line in _lines(self.path) if line.run != self.run]
        write_whole(self.path, b"".join(msgspec.json.encode(line) + b"\n" for line in kept))


def key(task: str, params: Mapping[str, Any]) -> str:
    """The name of a run: the same task given the same things has the same."""
    text = json.dumps(params, sort_keys=True, default=lambda value: type(value).__qualname__)
    return f"{task} {hashlib.sha256(text.encode()).hexdigest()[:16]}"


@contextmanager
def opened(path: Path, run: str) -> Iterator[Journal]:
    """The journal of a run, for this process alone; raises Mistake where another has it, or it cannot be written."""
    with locked(path, what="journal", wait=False):
        yield Journal(path, run)


def _lines(path: Path) -> Iterator[_Line]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    for text in data.splitlines():
        try:
            yield msgspec.json.decode(text, type=_Line)
        except msgspec.MsgspecError:  # cut short
            continue


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
