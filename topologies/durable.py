"""Files that a power cut leaves as they were or as they were to be. Standard library only: switches use it too."""

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Put a file on disk so that any reader, also after a power cut, finds the old or the new one. Raises OSError."""
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
