"""`tools netem set|show|reset` on running nodes."""

import json
from argparse import Namespace

from labs.clab import netem
from labs.clab.labs import node_of
from labs.cli import screen
from labs.impairing import own_rate
from topologies.errors import EXIT_FINE, Mistake
from topologies.impairments import backends
from topologies.runtime.door import Door, open_door
from topologies.runtime.model import LabRecord

COLUMNS = ("Interface", "Delay", "Jitter", "Packet Loss", "Rate (kbit)", "Corruption")


def set_(asked: Namespace) -> int:
    """Impair an interface as asked, in place of what was there, and show it."""
    wanted = netem.impairment(asked.delay, asked.jitter, asked.loss, asked.rate, asked.corruption)
    record, node = node_of(asked, asked.node)
    _replace(record, node, asked.interface, wanted)
    _table({asked.interface: _seen(record, open_door(record, node))[asked.interface]})
    return EXIT_FINE


def reset(asked: Namespace) -> int:
    """End the impairments of an interface; the link's own rate stays."""
    record, node = node_of(asked, asked.node)
    _replace(record, node, asked.interface, netem.Impairment())
    screen.result(f'Reset impairments on node "{asked.node}", interface "{asked.interface}"')
    return EXIT_FINE


def show(asked: Namespace) -> int:
    """Show the impairments of all interfaces of a node."""
    record, node = node_of(asked, asked.node)
    seen = _seen(record, open_door(record, node))
    if asked.format == "json":
        rows = [netem.report(interface, found) for interface, found in seen.items()]
        screen.result(json.dumps({asked.node: rows}, indent=2))
    else:
        _table(seen)
    return EXIT_FINE


def _replace(record: LabRecord, node: str, interface: str, wanted: netem.Impairment) -> None:
    door = open_door(record, node)
    if interface not in (there := _interfaces(door)):
        raise Mistake(f"{node}: no interface {interface!r}; there are {', '.join(there)}")
    own = own_rate(record, f"{node}:{interface}")
    made = netem.made_of(wanted)
    backends.impair(backends.chosen(), door.netns, interface, made, own_mbps=own, holder=door.holder)


def _seen(record: LabRecord, door: Door) -> dict[str, netem.Impairment]:
    own = {each: own_rate(record, f"{door.node}:{each}") for each in _interfaces(door)}
    seen = backends.chosen().read(door.netns, own)
    return {each: netem.shown_as(seen[each].impairment, own_kbit=rate * 1000) for each, rate in own.items()}


def _interfaces(door: Door) -> list[str]:
    with door.netlink() as kernel:
        return [link.name for link in kernel.links() if link.name != "lo"]


def _table(seen: dict[str, netem.Impairment]) -> None:
    rows = [netem.cells(interface, found) for interface, found in seen.items()]
    screen.boxed(COLUMNS, rows)
