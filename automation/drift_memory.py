"""What a lab's routers were seen to differ in, kept beside the lab's record: it goes when the lab goes."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from automation.drift import Seen, remembered
from automation.locking import locked
from topologies.durable import write_whole
from topologies.errors import Fault

NAME = "drift.json"


def note(folder: Path, diffs: Mapping[str, str], now: float) -> Seen:
    """Bring the memory up to date with what was seen at `now`; returns it. Raises Fault where it cannot be read."""
    path = folder / NAME
    with locked(path, what="memory of drift", wait=True):
        seen = remembered(_read(path), diffs, now)
        write_whole(path, msgspec.json.encode(seen))
    return seen


def _read(path: Path) -> Seen:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Seen)
    except FileNotFoundError:
        return Seen()
    except msgspec.MsgspecError as error:
        raise Fault(f"cannot read {path}: {error}; `rm {path}` begins anew") from error
