"""Capture files, compressed by gzip or not."""

import gzip
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, cast

from labs.traffic.capture import reading
from labs.traffic.capture.model import Captured, Damage
from topologies.errors import Mistake

GZIP = b"\x1f\x8b"


def frames(path: Path) -> Iterator[Captured | Damage]:
    """The frames of a file in its order, and last where it is cut or damaged. Raises Mistake where it cannot be read,
    or is no capture of Ethernet."""
    try:
        with ExitStack() as files:
            opened = files.enter_context(path.open("rb"))
            packed = opened.peek(len(GZIP)).startswith(GZIP)
            stream = files.enter_context(gzip.open(opened)) if packed else opened
            yield from reading.read(cast(BinaryIO, stream), str(path))
    except OSError as error:
        raise Mistake(f"cannot read {path}: {error.strerror}") from error
