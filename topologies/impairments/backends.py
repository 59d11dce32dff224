"""What makes impairments: netem where the kernel has it, else nftables, tbf and a relay. The machine's own programs do
it inside the network of a node, so a node needs neither tc nor nft."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from msgspec.structs import replace

from topologies import process
from topologies.errors import ClosError, Mistake
from topologies.impairments import classes, marking, queues, rules
from topologies.impairments.model import AMOUNTS, Impairment, Seen, refuse_impossible
from topologies.impairments.relay import relays
from topologies.impairments.relay.model import WAITS, waiting
from topologies.runtime.probe import kernel

AT_ONCE = ("rate", "loss", "corruption")  # what needs no packet to wait but in a queue
NO_RULES = '{"nftables": []}'
WAITING = tuple(name.partition("_")[0] for name in WAITS)


class Backend(Protocol):
    """One way to impair an interface of a network namespace, which is given by its path; `holder` is the process with
    whose end it ends."""

    def can(self) -> tuple[str, ...]:
        """What it makes, by the words of the command line."""
        ...

    def make(self, netns: str, interface: str, wanted: Impairment, own_mbps: float, holder: int) -> None:
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

    def make(self, netns: str, interface: str, wanted: Impairment, own_mbps: float, holder: int) -> None:
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
    """Loss and corruption by rules, a rate by tbf, all that has packets wait by a relay."""

    def can(self) -> tuple[str, ...]:
        """All, where there can be a relay."""
        return AT_ONCE + (WAITING if kernel.trial("relay").present else ())

    def make(self, netns: str, interface: str, wanted: Impairment, own_mbps: float, holder: int) -> None:
        """The rules first: one killed in between leaves the former rate, or a relay that has nothing to do, which the
        next one puts right. A new relay takes over before the former ends, so that no packet is lost."""
        with _relayed(netns, interface, waiting(wanted), holder) as tap:
            _inside(netns, ["nft", "--file", "-"], rules.script(wanted, interface, tap))
        _replace(netns, interface, Impairment(rate_mbps=wanted.rate_mbps, queues=wanted.queues), own_mbps)
        marking.make(netns, interface, wanted.ecn, queues.held(wanted, own_mbps))

    def read(self, netns: str, own_mbps: Mapping[str, float]) -> dict[str, Seen]:
        """The rules with their counts, and the rates."""
        listed = ["nft", "--json", "list", "ruleset", "netdev"]
        text = _inside(netns, listed) if shutil.which(listed[0]) else NO_RULES  # who has none has set none
        ruled, steered = rules.read(text), rules.steered(text)
        at_work = {each.tap: each.wanted for each in relays.found(netns)} if steered else {}
        shown, marked = _queues(netns), marking.read(netns, own_mbps)
        found = {}
        for name, own in own_mbps.items():
            seen = ruled.get(name, Seen())
            root = _shown(shown, name, own)
            wanted = replace(seen.impairment, rate_mbps=root.rate_mbps, queues=root.queues)
            seen = replace(seen, impairment=wanted)
            if name in steered:
                seen = _waited(seen, at_work.get(steered[name]))
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

    def make(self, netns: str, interface: str, wanted: Impairment, own_mbps: float, holder: int) -> None:
        """Remember it."""
        self.made[netns, interface] = wanted

    def read(self, netns: str, own_mbps: Mapping[str, float]) -> dict[str, Seen]:
        """What was made."""
        return {name: Seen(self.made.get((netns, name), Impairment())) for name in own_mbps}


BACKENDS: dict[str, Callable[[], Backend]] = {"netem": Netem, "nft": Nft}


def chosen() -> Backend:
    """The backend that this machine has."""
    return BACKENDS["netem" if kernel.trial("netem").present else "nft"]()


def impair(backend: Backend, netns: str, interface: str, wanted: Impairment, *, own_mbps: float, holder: int) -> None:
    """Make an impairment, or change nothing and raise Mistake for what cannot be, Fault where the kernel refuses."""
    refuse(backend, wanted, own_mbps=own_mbps)
    backend.make(netns, interface, wanted, own_mbps, holder)


def refuse(backend: Backend, wanted: Impairment, *, own_mbps: float, flag: str = "--") -> None:
    """Raise Mistake for what cannot be, or not here. `flag` is what stands before names in messages."""
    refuse_impossible(wanted, flag=flag)
    if lacks := [name for name in wanted.named if name not in backend.can()]:
        raise Mistake(
            f"{', '.join(lacks)}: this kernel has no netem queue (sch_netem), and there can be no relay "
            f"({kernel.trial('relay').lack}); without both there are {', '.join(backend.can())}"
        )
    _refuse_queues(backend, wanted, queues.held(wanted, own_mbps), flag)
    queued = wanted if isinstance(backend, Netem) else replace(wanted, delay_ms=0)  # a relay's packets wait elsewhere
    marking.refuse_impossible(queued, queues.held(wanted, own_mbps), flag=flag)


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


@contextmanager
def _relayed(netns: str, interface: str, wanted: Impairment, holder: int) -> Iterator[str]:
    """The tap where an interface's packets are to wait, "" for nowhere, while they are steered there; then those of
    before have nothing to do any more and end, and where that fails, a new one does."""
    there = [each for each in relays.found(netns) if each.interface == interface]
    same = next((each.tap for each in there if each.wanted == wanted), "")
    tap = same or (relays.begin(netns, interface, wanted, holder) if wanted.named else "")
    try:
        yield tap
    except ClosError:
        for each in relays.found(netns):
            if each.tap == tap != same:
                relays.end(each)
        raise
    for each in there:
        if each.tap != tap:
            relays.end(each)


def _waited(seen: Seen, wanted: Impairment | None) -> Seen:
    """What is seen of an interface whose packets are steered to a relay that does this; None where it is gone."""
    if wanted is None:
        return replace(seen, trouble="its relay is gone, so nothing leaves; set it again, or clear it")
    return replace(seen, impairment=replace(seen.impairment, **{name: getattr(wanted, name) for name in WAITS}))


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
