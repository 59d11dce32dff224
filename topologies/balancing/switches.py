"""Modes of load balancing on running switches: made, seen, ended. Each port has the program of the mode as a filter."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from topologies.balancing import programs
from topologies.balancing.model import Balance, Mode
from topologies.balancing.reading import NAMED, SHARED_SEED, Shown
from topologies.bpf import helpers
from topologies.bpf.assembler import assemble
from topologies.errors import Fault, Mistake
from topologies.lab import LabNode, Veth
from topologies.model import Role
from topologies.planning.identity import ONE_SEED, hash_seed_of
from topologies.runtime import bpf
from topologies.runtime.door import open_door
from topologies.runtime.model import LabRecord
from topologies.runtime.netlink import FilterSide, Netlink, Request
from topologies.runtime.netlink_encode import del_filters, new_filter, new_filter_place
from topologies.runtime.probe import kernel
from topologies.runtime.syscalls import inside_netns

NUMBER = 40  # of our filters among those of a port
SEED = "net.ipv4.fib_multipath_hash_seed"  # IPv6 hashes with it too
_SEED_FILE = Path("/proc/sys") / SEED.replace(".", "/")


def switches(record: LabRecord) -> tuple[str, ...]:
    """The nodes that choose among paths, or may: those of a containerlab file need not have a role."""
    nodes = [each for each in record.lab.nodes if each.has_processes and not each.on_machine]
    return tuple(each.name for each in nodes if each.role is not Role.HOST)


def refuse_impossible(wanted: Collection[Balance], *, place: str = "") -> None:
    """Raise Mistake with what this machine lacks for one of these modes."""
    for each in wanted:
        if each.mode in programs.PROGRAMMED and not (found := kernel.bpf()).present:
            others = f"{Mode.KERNEL}, {Mode.POLARISED}"
            raise Mistake(f"{place}balance {each.mode} needs BPF: {found.lack}; without it there are {others}")
        if each.mode is Mode.POLARISED and not (found := kernel.hash_seed()).present:
            raise Mistake(
                f"{place}balance {each.mode}: {found.lack}, so its switches share one seed already, whatever is asked"
            )


def refuse_others(record: LabRecord, names: Collection[str]) -> None:
    """Raise Mistake for a name that is none of a lab's switches."""
    if unknown := [name for name in names if name not in switches(record)]:
        raise Mistake(f"no switch {unknown[0]!r}; there are {', '.join(switches(record)) or 'none'}")


def make(record: LabRecord, wanted: Mapping[str, Balance]) -> None:
    """Have these switches choose so from now on, in place of what was set. Raises Mistake before anything is changed
    where the machine cannot, or a node is no switch of the lab or is off; Fault where the kernel refuses."""
    refuse_impossible(wanted.values())
    nodes = {each.name: each for each in record.lab.nodes}
    refuse_others(record, wanted)
    places = {name: open_door(record, name).netns for name in wanted}
    for name, balance in wanted.items():
        _set_seed(places[name], ONE_SEED if balance.mode is Mode.POLARISED else own_seed(nodes[name]))
        with Netlink.open(places[name]) as switch, ExitStack() as held:
            ports = _indexes(switch, ports_of(record, name))
            if balance.mode in programs.PROGRAMMED:
                switch.send(_attached(held, name, ports, balance))
            else:
                switch.send(_removals(switch, name, ports))


def look(record: LabRecord, names: Sequence[str]) -> dict[str, Shown]:
    """What the kernels of these switches show; those that are off are left out."""
    found = {}
    for name in names:
        try:
            door = open_door(record, name)
        except Fault:
            continue
        with door.netlink() as switch:
            ports = {port: _ours(switch, index) for port, index in _indexes(switch, ports_of(record, name)).items()}
        found[name] = Shown(_seed(door.netns), ports)
    return found


def ports_of(record: LabRecord, node: str) -> tuple[str, ...]:
    """The interfaces by which a node is cabled to others."""
    ends = [end for link in record.lab.links if isinstance(link, Veth) for end in (link.a, link.b)]
    return tuple(end.interface for end in ends if end.node == node)


def own_seed(node: LabNode) -> int:
    """The seed that a switch has when it is not polarised: that of its name, or of the file that it comes from."""
    return hash_seed_of(node.name) if node.role is not None else int(dict(node.sysctls).get(SEED, SHARED_SEED))


def _attached(held: ExitStack, name: str, ports: Mapping[str, int], balance: Balance) -> list[Request]:
    """Requests that have a mode's program see all that comes in; it is loaded once, its ports share what it knows."""
    flows = -1
    if balance.mode is Mode.FLOWLET:
        sizes = {"key": programs.KEY, "value": programs.REMEMBERED, "entries": programs.FLOWS}
        flows = held.enter_context(bpf.closing(bpf.make_map(helpers.MAP_LRU, **sizes, name="closlab_flows")))
    code = assemble(programs.program(balance, salt=hash_seed_of(name), flows=flows))
    program = held.enter_context(bpf.closing(bpf.load(code, "closlab_balance")))
    requests = []
    for port, index in ports.items():
        what = f"{name}: {balance.mode} on {port}"
        requests.append(new_filter_place(index, what))
        requests.append(new_filter(index, FilterSide.INGRESS, NUMBER, program, f"{NAMED}{balance.text()}", what))
    return requests


def _removals(switch: Netlink, name: str, ports: Mapping[str, int]) -> list[Request]:
    return [
        del_filters(index, FilterSide.INGRESS, NUMBER, f"{name}: no filter on {port}")
        for port, index in ports.items()
        if _ours(switch, index)
    ]


def _ours(switch: Netlink, index: int) -> str:
    """The name of our filter on a port; "" for none."""
    found = switch.filters(index, FilterSide.INGRESS)
    return next((each.name for each in found if each.number == NUMBER and each.name.startswith(NAMED)), "")


def _indexes(switch: Netlink, ports: Collection[str]) -> dict[str, int]:
    return {link.name: link.index for link in switch.links() if link.name in ports}


def _set_seed(netns: str, seed: int) -> None:
    if kernel.hash_seed().present:
        with inside_netns(netns):
            _SEED_FILE.write_text(str(seed))


def _seed(netns: str) -> str:
    if not kernel.hash_seed().present:
        return SHARED_SEED
    with inside_netns(netns):
        return _SEED_FILE.read_text().strip()
