"""From what the kernel of each switch shows back to its mode. Pure."""

from collections import Counter
from collections.abc import Mapping

from msgspec import Struct

from topologies.balancing.model import Balance, Mode, balance_of
from topologies.errors import Mistake

NAMED = "closlab-balance "  # what the names of our filters begin with; the mode follows
SHARED_SEED = "0"  # of all namespaces of a machine, where nothing is set


class Shown(Struct, frozen=True):
    """What the kernel of one switch shows: its hash seed, and the name of our filter on each port, "" for none."""

    seed: str
    ports: Mapping[str, str]


def modes(shown: Mapping[str, Shown]) -> dict[str, dict[str, str]]:
    """The mode of each port of each switch, as `balance_of` reads it."""
    seeds = Counter(each.seed for each in shown.values())
    found = {}
    for node, each in shown.items():
        alike = each.seed == SHARED_SEED or seeds[each.seed] > 1
        plain = Balance(Mode.POLARISED if alike and len(shown) > 1 else Mode.KERNEL).text()
        found[node] = {port: _named(name) or plain for port, name in each.ports.items()}
    return found


def summary(ports: Mapping[str, str]) -> str:
    """One mode where all ports have the same, else each mode with its ports."""
    by_mode: dict[str, list[str]] = {}
    for port, mode in ports.items():
        by_mode.setdefault(mode, []).append(port)
    if len(by_mode) < 2:
        return next(iter(by_mode), "")
    return "; ".join(f"{mode} on {', '.join(names)}" for mode, names in by_mode.items())


def _named(name: str) -> str:
    """The mode in the name of a filter; "" where it is none of ours."""
    try:
        return balance_of(name.removeprefix(NAMED)).text() if name.startswith(NAMED) else ""
    except Mistake:
        return ""
