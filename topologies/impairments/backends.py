"""What makes impairments: netem where the kernel has it, else nftables and tbf. The machine's own programs do it inside
the network of a node, so a node needs neither tc nor nft."""

from collections.abc import Callable
from typing import Protocol

from topologies import process
from topologies.errors import Mistake
from topologies.impairments import queues, rules
from topologies.impairments.model import Impairment, Seen, refuse_impossible
from topologies.runtime.probe import kernel

WITHOUT_NETEM = ("rate", "loss", "corruption")


class Backend(Protocol):
    """One way to impair an interface of a network namespace, which is given by its path."""

    def can(self) -> tuple[str, ...]:
        """What it makes, by the words of the command line."""
        ...

    def make(self, netns: str, interface: str, wanted: Impairment, own_mbps: float) -> None:
        """Make it so in place of what was there; an empty one leaves the link's own rate alone. Raises Fault."""
        ...

    def read(self, netns: str, interface: str, own_mbps: float) -> Seen:
        """What the kernel shows."""
        ...


class Netem:
    """One queue does all."""

    def can(self) -> tuple[str, ...]:
        """All that there is."""
        return tuple(field.partition("_")[0] for field in Impairment.__struct_fields__)

    def make(self, netns: str, interface: str, wanted: Impairment, own_mbps: float) -> None:
        """Replace the root queue."""
        _inside(netns, queues.words(wanted, interface, own_mbps=own_mbps))

    def read(self, netns: str, interface: str, own_mbps: float) -> Seen:
        """The root queue; netem keeps no counts of its own."""
        return Seen(_queue(netns, interface, own_mbps))


class Nft:
    """Loss and corruption by rules, a rate by tbf."""

    def can(self) -> tuple[str, ...]:
        """What needs no packet to wait."""
        return WITHOUT_NETEM

    def make(self, netns: str, interface: str, wanted: Impairment, own_mbps: float) -> None:
        """Two steps, the rules first: one killed in between leaves the former rate, which the next one puts right."""
        _inside(netns, ["nft", "--file", "-"], rules.script(wanted, interface))
        rate = Impairment(rate_mbps=wanted.rate_mbps)
        _inside(netns, queues.words(rate, interface, own_mbps=own_mbps))

    def read(self, netns: str, interface: str, own_mbps: float) -> Seen:
        """The rules with their counts, and the rate."""
        name = rules.table(interface) if rules.NAMED.fullmatch(interface) else ""
        present = name and f"table netdev {name}\n" in _inside(netns, ["nft", "list", "tables"])
        seen = rules.read(_inside(netns, ["nft", "--json", "list", "table", "netdev", name]) if present else "")
        rate = _queue(netns, interface, own_mbps).rate_mbps
        found = Impairment(rate, 0, 0, seen.impairment.loss_percent, seen.impairment.corruption_percent)
        return Seen(found, seen.count)


class Fake:
    """Keeps what it is told; for tests."""

    def __init__(self, *able: str) -> None:
        self.able = able
        self.made: dict[tuple[str, str], Impairment] = {}

    def can(self) -> tuple[str, ...]:
        """What it was made with."""
        return self.able

    def make(self, netns: str, interface: str, wanted: Impairment, own_mbps: float) -> None:
        """Remember it."""
        self.made[netns, interface] = wanted

    def read(self, netns: str, interface: str, own_mbps: float) -> Seen:
        """What was made."""
        return Seen(self.made.get((netns, interface), Impairment()))


BACKENDS: dict[str, Callable[[], Backend]] = {"netem": Netem, "nft": Nft}


def chosen() -> Backend:
    """The backend that this machine has."""
    return BACKENDS["netem" if kernel.trial("netem").present else "nft"]()


def impair(backend: Backend, netns: str, interface: str, wanted: Impairment, *, own_mbps: float) -> None:
    """Make an impairment, or change nothing and raise Mistake for what cannot be, Fault where the kernel refuses."""
    refuse_impossible(wanted)
    if lacks := [name for name in wanted.named if name not in backend.can()]:
        raise Mistake(
            f"{', '.join(lacks)}: this kernel has no netem queue (sch_netem); without it there are "
            f"{', '.join(backend.can())}; a kernel built with CONFIG_NET_SCH_NETEM has all"
        )
    backend.make(netns, interface, wanted, own_mbps)


def _queue(netns: str, interface: str, own_mbps: float) -> Impairment:
    shown = _inside(netns, ["tc", "-json", "qdisc", "show"])
    return queues.read(shown, interface, own_mbps=own_mbps)


def _inside(netns: str, argv: list[str], told: str | None = None) -> str:
    return process.run(["nsenter", f"--net={netns}", "--", *argv], input=told).stdout
