"""Images are not run here: each is mapped to a profile, which says what a node of it is made of."""

from dataclasses import dataclass
from fnmatch import fnmatch

from topologies.errors import Mistake
from topologies.lab import LabNode


@dataclass(frozen=True, slots=True)
class Profile:
    """What stands for an image: the machine's own programs, and what the image would start by itself."""

    name: str
    patterns: tuple[str, ...]
    starts: tuple[str, ...] = ()


PROFILES = (
    Profile("frr", ("*frr*",), ("/usr/lib/frr/frrinit.sh", "start")),
    Profile("machine", ("", "*alpine*", "*busybox*", "*debian*", "*ubuntu*", "*multitool*", "*netshoot*")),
)


def profile_of(node: LabNode) -> Profile:
    """The profile of a node's image; Mistake with the known patterns for an unknown one."""
    for profile in PROFILES:
        if any(fnmatch(node.image, pattern) for pattern in profile.patterns):
            return profile
    known = ", ".join(pattern for profile in PROFILES for pattern in profile.patterns if pattern)
    raise Mistake(f"node {node.name}: the netns runtime cannot stand in for image {node.image!r}; it knows {known}")


def program_of(node: LabNode) -> tuple[str, ...]:
    """What a node runs by itself: its own entrypoint and cmd, else what its image would; nothing beside our daemons."""
    own = (*node.entrypoint, *node.cmd)
    return own if own or node.daemons else profile_of(node).starts
