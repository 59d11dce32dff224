"""One process at a time at a file: the lock is a file beside it, for the file itself may be replaced."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from topologies.errors import Mistake


@contextmanager
def locked(path: Path, *, what: str, wait: bool) -> Iterator[None]:
    """Hold the lock of a file; raises Mistake where it cannot be made, or, unless told to wait, another has it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Mistake(f"cannot keep {what} in {path}: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    except BlockingIOError as error:
        raise Mistake(f"{what} {path} is in use by another run; wait for it, or name another") from error
    finally:
        os.close(fd)
