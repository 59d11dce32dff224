"""What makes impairments: netem where the kernel has it, else nftables and tbf. The machine's own programs do it inside
the network of a node, so a node needs neither tc nor nft."""

import shutil
from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec.structs import replace

from topologies import process
from topologies.errors import Mistake
from topologies.impairments import classes, marking, queues, rules
from topologies.impairments.model import AMOUNTS, Impairment, Seen, refuse_impossible
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

    def read(self, netns: str, own_mbps: Mapping[str, float]) -> dict[str, Seen]:
        """What the kernel shows of these interfaces, given their links' own rates; all at once: it takes programs."""
        ...


class Netem:
    """One queue does all."""

    def can(self) -> tuple[str, ...]:
        """All that there is."""
        return tuple(field.partition("_")[0] for field in AMOUNTS)

    def make(self, netns: str, interface: str, wanted: Impairment, own_mbps: float) -> None:
        """Replace the root queue, and then who marks by it."""
        _replace(netns, interface, wanted, own_mbps)
        marking.make(netns, interface, wanted.ecn, queues.held(wanted, own_mbps))

    def read(self, netns: str, own_mbps: Mapping[str, float]) -> dict[str, Seen]:
        """The root queues; netem keeps no counts of its own."""
        shown = _queues(netns)
        marked = marking.read(netns, own_mbps)
        found = {name: Seen(_shown(shown, name, own)) for name, own in own_mbps.items()}
        return {name: marking.joined(seen, marked.get(name)) for name, seen in found.items()}


class Nft:
    """Loss and corruption by rules, a rate by tbf."""

    def can(self) -> tuple[str, ...]:
        """What needs no packet to wait."""
        return WITHOUT_NETEM

    def make(self, netns: str, interface: str, wanted: Impairment, own_mbps: float) -> None:
        """Three steps, the rules first: one killed in between leaves the former rate, which the next one puts right."""
        _inside(netns, ["nft", "--file", "-"], rules.script(wanted, interface))
        _replace(netns, interface, Impairment(rate_mbps=wanted.rate_mbps, queues=wanted.queues), own_mbps)
        marking.make(netns, interface, wanted.ecn, queues.held(wanted, own_mbps))

    def read(self, netns: str, own_mbps: Mapping[str, float]) -> dict[str, Seen]:
        """The rules with their counts, and the rates."""
        listed = ["nft", "--json", "list", "ruleset", "netdev"]
        ruled = rules.read(_inside(netns, listed)) if shutil.which(listed[0]) else {}  # who has none has set none
        shown, marked = _queues(netns), marking.read(netns, own_mbps)
        found = {}
        for name, own in own_mbps.items():
            seen = ruled.get(name, Seen())
            root = _shown(shown, name, own)
            wanted = replace(seen.impairment, rate_mbps=root.rate_mbps, queues=root.queues)
            seen = replace(seen, impairment=wanted)
            found[name] = marking.joined(seen, marked.get(name))
        return found


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

    def read(self, netns: str, own_mbps: Mapping[str, float]) -> dict[str, Seen]:
        """What was made."""
        return {name: Seen(self.made.get((netns, name), Impairment())) for name in own_mbps}


BACKENDS: dict[str, Callable[[], Backend]] = {"netem": Netem, "nft": Nft}


def chosen() -> Backend:
    """The backend that this machine has."""
    return BACKENDS["netem" if kernel.trial("netem").present else "nft"]()


def impair(backend: Backend, netns: str, interface: str, wanted: Impairment, *, own_mbps: float) -> None:
    """Make an impairment, or change nothing and raise Mistake for what cannot be, Fault where the kernel refuses."""
    refuse(backend, wanted, own_mbps=own_mbps)
    backend.make(netns, interface, wanted, own_mbps)


def refuse(backend: Backend, wanted: Impairment, *, own_mbps: float, flag: str = "--") -> None:
    """Raise Mistake for what cannot be, or not here. `flag` is what stands before names in messages."""
    refuse_impossible(wanted, flag=flag)
    if lacks := [name for name in wanted.named if name not in backend.can()]:
        raise Mistake(
            f"{', '.join(lacks)}: this kernel has no netem queue (sch_netem); without it there are "
            f"{', '.join(backend.can())}; a kernel built with CONFIG_NET_SCH_NETEM has all"
        )
    _refuse_queues(backend, wanted, queues.held(wanted, own_mbps), flag)
    marking.refuse_impossible(wanted, queues.held(wanted, own_mbps), flag=flag)


def _refuse_queues(backend: Backend, wanted: Impairment, rate_mbps: float, flag: str) -> None:
    """Raise Mistake where queues have no rate to share, where netem takes their place, or where there is no htb."""
    if not wanted.queues:
        return
    if not rate_mbps:
        raise Mistake(f"{flag}queue needs {flag}rate: without one nothing waits, and there is nothing to share")
    if isinstance(backend, Netem) and (others := set(wanted.named) - {"rate"}):
        raise Mistake(f"{flag}queue: not with {', '.join(sorted(others))}, which are made by another queue (netem)")
    if not (found := kernel.trial("htb")).present:
        raise Mistake(f"{flag}queue needs htb: {found.lack}")


def _replace(netns: str, interface: str, wanted: Impairment, own_mbps: float) -> None:
    """Replace the root queue, and what is below it."""
    if wanted.queues:
        told = classes.script(wanted.queues, interface, queues.held(wanted, own_mbps))
        _inside(netns, ["tc", "-batch", "-"], told)
    else:
        _inside(netns, queues.words(wanted, interface, own_mbps=own_mbps))


def _shown(text: str, interface: str, own_mbps: float) -> Impairment:
    """What the root queue of an interface does, and what is below it."""
    root = queues.read(text, interface, own_mbps=own_mbps)
    return replace(root, queues=classes.read(text, interface, queues.held(root, own_mbps)))


def _queues(netns: str) -> str:
    return _inside(netns, ["tc", "-json", "qdisc", "show"])


def _inside(netns: str, argv: list[str], told: str | None = None) -> str:
    return process.run(["nsenter", f"--net={netns}", "--", *argv], input=told).stdout
