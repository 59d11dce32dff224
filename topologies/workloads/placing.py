"""On which host each program of a workload runs, and in which round it is started. Pure.

A workload's replicas are spread over racks first: the next one goes to the rack with the fewest of them, and there to
the host with the least to do. A host never runs two of one workload, for both would want the same ports.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from topologies.errors import Mistake
from topologies.files.complaint import nearest
from topologies.model import Fabric, Role
from topologies.plan import Plan
from topologies.workloads.model import Replica, Workload


class Site(Struct, frozen=True):
    """A host with its rack, which is that of its first NIC."""

    node: str
    rack: str


def sites(fabric: Fabric) -> tuple[Site, ...]:
    """Every host of a fabric, in the fabric's order."""
    racks: dict[str, str] = {}
    for link in fabric.links:
        if fabric.by_name[link.a.node].role is Role.HOST:
            racks.setdefault(link.a.node, link.b.node)
    return tuple(Site(node.name, racks[node.name]) for node in fabric.nodes if node.name in racks)


def placed(fabric: Fabric, plan: Plan) -> dict[str, tuple[Replica, ...]]:
    """The replicas of each workload. Raises Mistake, which begins with the key in the file, where there is no room, or
    two programs of a host want one port."""
    there, busy = sites(fabric), Counter[str]()
    found: dict[str, tuple[Replica, ...]] = {}
    for workload in fabric.workloads:
        chosen = tuple(_chosen(workload, there, busy))
        busy.update(site.node for site in chosen)
        found[workload.name] = tuple(
            Replica(workload, number, site.node, site.rack, *_addresses(plan, site.node))
            for number, site in enumerate(chosen, 1)
        )
    _refuse_shared_ports(found)
    return found


def rounds(workloads: Sequence[Workload]) -> dict[str, int]:
    """In which round each workload is started: after all that it comes `after`. Raises Mistake for a circle."""
    names = {each.name: each.after for each in workloads}
    found: dict[str, int] = {}

    def round_of(name: str, way: tuple[str, ...]) -> int:
        if name in way:
            circle = " after ".join((*way[way.index(name) :], name))
            raise Mistake(f"workloads.{way[-1]}.after: nothing can be first: {circle}")
        if name not in found:
            found[name] = 1 + max((round_of(each, (*way, name)) for each in names[name]), default=-1)
        return found[name]

    return {name: round_of(name, ()) for name in names}


def _chosen(workload: Workload, there: Sequence[Site], busy: Mapping[str, int]) -> Iterator[Site]:
    if workload.hosts:
        by_name = {site.node: site for site in there}
        yield from (by_name[_known(name, by_name, f"workloads.{workload.name}.hosts")] for name in workload.hosts)
        return
    racks = list(dict.fromkeys(site.rack for site in there))
    wanted = [_known(rack, racks, f"workloads.{workload.name}.racks") for rack in workload.racks] or racks
    free = [site for site in there if site.rack in wanted]
    if workload.replicas > len(free):
        where = f"racks {', '.join(workload.racks)}" if workload.racks else "fabric"
        raise Mistake(
            f"workloads.{workload.name}.replicas: {workload.replicas} replicas need as many hosts, one each, and the "
            f"{where} has {len(free)}"
        )
    crowd = Counter[str]()
    for _ in range(workload.replicas):
        site = min(free, key=lambda each: (crowd[each.rack], busy[each.node], wanted.index(each.rack)))
        free.remove(site)
        crowd[site.rack] += 1
        yield site


def _known(name: str, known: Mapping[str, object] | Sequence[str], key: str) -> str:
    if name not in known:
        raise Mistake(f"{key}: no {name!r}{nearest(name, known)}; there are {', '.join(known) or 'none'}")
    return name


def _addresses(plan: Plan, node: str) -> tuple[str, str]:
    """Where a host is reached: IPv4 before IPv6 where it has both, and IPv6 beside it."""
    planned = plan.nodes[node]
    own = [address.partition("/")[0] for each in planned.interfaces[:1] for address in each.addresses]
    six = next((each for each in (*own, *planned.probe_addresses) if ":" in each), "")
    four = next((each for each in (*own, *planned.probe_addresses) if ":" not in each), "")
    return four or six, six


def _refuse_shared_ports(found: Mapping[str, Sequence[Replica]]) -> None:
    taken: dict[tuple[str, int], str] = {}
    for name, replicas in found.items():
        for replica in replicas:
            for port_name, port in replica.workload.ports:
                other = taken.setdefault((replica.node, port), name)
                if other != name:
                    raise Mistake(
                        f"workloads.{name}.ports.{port_name}: {replica.node} runs {other} as well, which has port "
                        f"{port} there; give them other ports, or other hosts"
                    )
