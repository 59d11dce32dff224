"""What closlab was installed with: its extras."""

from collections.abc import Collection
from importlib.util import find_spec

from topologies.errors import Mistake

AUTOMATION = ("napalm", "nornir", "nornir_napalm")


def equip(needed: Collection[str] = (), extra: str = "automation") -> None:
    """Raise Mistake where closlab was installed without what an extra brings; by default, that of automation."""
    if lacking := [name for name in needed or AUTOMATION if find_spec(name) is None]:
        raise Mistake(f"{', '.join(lacking)} is not installed; pip install 'closlab[{extra}]' does it")
