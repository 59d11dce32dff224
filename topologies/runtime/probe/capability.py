"""One thing that a machine can do, or what it lacks for it."""

from msgspec import Struct


class Capability(Struct, frozen=True):
    """`purpose`: what it is for. `detail`: what was found. `lack` is "" when it is there, `cure` one command if not."""

    name: str
    purpose: str
    detail: str = ""
    lack: str = ""
    cure: str = ""

    @property
    def present(self) -> bool:
        """Whether the machine can do it."""
        return not self.lack


def first_lack(*needed: Capability) -> str:
    """The first thing missing among what is needed, with its cure; "" when nothing is."""
    for each in needed:
        if not each.present:
            cure = f"; try: {each.cure}" if each.cure else ""
            return f"{each.name}: {each.lack}{cure}"
    return ""
