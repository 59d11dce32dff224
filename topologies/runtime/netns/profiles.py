"""Images are not run here: each is mapped to a profile, which says what a node of it is made of."""

from fnmatch import fnmatch
from pathlib import Path

from msgspec import Struct

from topologies.errors import Mistake
from topologies.lab import LabNode
from topologies.runtime.netns.frr import starts_frr

ROOTFS = "rootfs:"  # rootfs:NAME is a folder that `make rootfs` made; an absolute path is any other
FRR = ("/usr/lib/frr/docker-start",)


class Profile(Struct, frozen=True):
    """What stands for an image: the machine's own programs or a folder's, and what the image would start by itself."""

    name: str
    patterns: tuple[str, ...]
    starts: tuple[str, ...] = ()


PROFILES = (
    Profile("frr", ("*frr*",), FRR),
    Profile("machine", ("", "*alpine*", "*busybox*", "*debian*", "*ubuntu*", "*multitool*", "*netshoot*")),
)


def folder_of(image: str) -> str:
    """The root file system folder that an image names; "" where it names none."""
    return image if image.startswith("/") else ""


def with_folder(image: str, rootfs: Path) -> str:
    """An image as it is deployed: rootfs:NAME becomes a path."""
    return str(rootfs / image.removeprefix(ROOTFS)) if image.startswith(ROOTFS) else image


def profile_of(node: LabNode) -> Profile:
    """The profile of a node's image; Mistake with the known patterns for an unknown one, or a folder that is none."""
    if folder := folder_of(node.image):
        if not Path(folder, "usr").is_dir():
            raise Mistake(f"node {node.name}: image {folder!r} is no root file system folder; `make rootfs` makes one")
        return Profile(f"rootfs {folder}", (), FRR if Path(folder, "usr/lib/frr/watchfrr").exists() else ())
    if node.kind == "frr":
        return PROFILES[0]
    for profile in PROFILES:
        if any(fnmatch(node.image, pattern) for pattern in profile.patterns):
            return profile
    known = ", ".join(pattern for profile in PROFILES for pattern in profile.patterns if pattern)
    raise Mistake(
        f"node {node.name}: the netns runtime cannot stand in for image {node.image!r}; it knows {known}, "
        f"{ROOTFS}NAME and /FOLDER"
    )


def program_of(node: LabNode) -> tuple[str, ...]:
    """What a node runs by itself: its own entrypoint and cmd, else what its image would; nothing beside our daemons.

    FRR runs once: where an exec line starts it, as images that only bring it need, the image's own start is left out.
    """
    own = (*node.entrypoint, *node.cmd)
    again = node.daemons or any(starts_frr(line.split()) for line in node.exec)
    return own if own or again else profile_of(node).starts
