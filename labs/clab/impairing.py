"""`tools netem set|show|reset` on running nodes."""

import json
from argparse import Namespace

from labs.clab import netem
from labs.clab.labs import node_of
from labs.cli import screen
from topologies.errors import EXIT_FINE, Fault, Mistake
from topologies.lab import Veth
from topologies.process import failure
from topologies.runtime.door import Door, open_door
from topologies.runtime.model import LabRecord

COLUMNS = ("Interface", "Delay", "Jitter", "Packet Loss", "Rate (kbit)", "Corruption")


def set_(asked: Namespace) -> int:
    """Impair an interface as asked, in place of what was there, and show it."""
    wanted = netem.impairment(asked.delay, asked.jitter, asked.loss, asked.rate, asked.corruption)
    record, node = node_of(asked, asked.node)
    _replace(record, node, asked.interface, wanted)
    _table({asked.interface: _seen(open_door(record, node))[asked.interface]})
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
    seen = _seen(open_door(record, node))
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
    own = _own_kbit(record, node, interface)
    done = door.run(netem.words(wanted, interface, own_kbit=own), check=False)
    if why := netem.refusal(wanted, done.stderr):
        raise Mistake(why)
    if done.code:
        raise Fault(failure(done))


def _seen(door: Door) -> dict[str, netem.Impairment]:
    found = netem.read(door.run(["tc", "-json", "qdisc", "show"]).stdout)
    return {interface: found.get(interface, netem.Impairment()) for interface in _interfaces(door)}


def _interfaces(door: Door) -> list[str]:
    with door.netlink() as kernel:
        return [link.name for link in kernel.links() if link.name != "lo"]


def _own_kbit(record: LabRecord, node: str, interface: str) -> int:
    """The rate that the topology gives the link, in kbit/s; 0 for none."""
    for link in record.lab.links:
        if isinstance(link, Veth) and f"{node}:{interface}" in (str(link.a), str(link.b)):
            return (link.rate_mbps or 0) * 1000
    return 0


def _table(seen: dict[str, netem.Impairment]) -> None:
    rows = [netem.cells(interface, found) for interface, found in seen.items()]
    screen.boxed(COLUMNS, rows)
