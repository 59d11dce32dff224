"""The scenarios that come with closlab."""

from pathlib import Path

from topologies.errors import Mistake
from topologies.files.complaint import nearest

FOLDER = Path(__file__).parent.parent / "scenarios"


def library() -> list[Path]:
    """Their files, by name."""
    return sorted(FOLDER.glob("*.yml"))


def found(what: str) -> Path:
    """The file that a path or a name of the library means; raises Mistake where there is none."""
    path = Path(what)
    if path.suffix or "/" in what:
        return path
    names = [each.stem for each in library()]
    if what not in names:
        raise Mistake(f"no scenario {what!r}{nearest(what, names)}; there are {', '.join(names)}, or name a file")
    return FOLDER / f"{what}.yml"
