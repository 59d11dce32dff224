"""The folder `clab-LAB` beside a topology file: what deploy writes there, and only that, destroy --cleanup removes."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path


def place(topology: str, lab: str, env: Mapping[str, str]) -> Path:
    """The lab's folder: below CLAB_LABDIR_BASE, else beside the topology file."""
    base = Path(env["CLAB_LABDIR_BASE"]) if env.get("CLAB_LABDIR_BASE") else Path(topology).parent
    return base / f"clab-{lab}"


def write(folder: Path, files: Mapping[str, str]) -> list[str]:
    """Write the files into the folder; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return [str(folder / name) for name in files]


def remove(paths: Sequence[str]) -> None:
    """Remove these files, and their folders where nothing else is in them."""
    for path in paths:
        Path(path).unlink(missing_ok=True)
    for folder in {Path(path).parent for path in paths}:
        with suppress(OSError):  # somebody else keeps something there, or it is gone
            folder.rmdir()
