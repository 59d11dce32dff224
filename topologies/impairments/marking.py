"""ECN marking on running interfaces: made, read, ended. A filter where packets leave; its map keeps the counts."""

import struct
from collections.abc import Collection
from functools import cache

from msgspec.structs import replace

from topologies.bpf import helpers
from topologies.bpf.assembler import assemble
from topologies.bpf.btf import Types
from topologies.errors import Mistake
from topologies.impairments import queues, red
from topologies.impairments.model import Count, Impairment, Marking, Seen, marking
from topologies.runtime import bpf
from topologies.runtime.netlink import FilterSide, KernelFilter, Netlink
from topologies.runtime.netlink_encode import del_filters, new_filter, new_filter_place
from topologies.runtime.probe import kernel

NUMBER = 41  # of our filters among those of an interface
NAMED = "closlab-ecn "  # what their names begin with; the law follows, then where the backlog comes from


def refuse_impossible(wanted: Impairment, rate_mbps: float, *, flag: str = "--") -> None:
    """Raise Mistake where a marking has no queue to look at, never marks all, or the machine cannot make it."""
    if wanted.ecn is None:
        return
    if not rate_mbps:
        raise Mistake(f"{flag}ecn needs {flag}rate: without one nothing waits, and there is no queue to mark by")
    if not wanted.delay_ms and wanted.ecn.kmax >= (room := _room(wanted, rate_mbps)):
        raise Mistake(
            f"{flag}ecn kmax {wanted.ecn.kmax}: at {rate_mbps:g} Mbit/s the queue has room for {room} bytes and drops "
            "what comes then; kmax must be less"
        )
    if not (found := kernel.bpf()).present:
        raise Mistake(f"{flag}ecn needs BPF: {found.lack}")


def _room(wanted: Impairment, rate_mbps: float) -> int:
    """The bytes that wait at most, where one queue is full and the others are empty."""
    own = [each.room or queues.room(rate_mbps) for each in wanted.queues]
    return max([queues.room(rate_mbps), *own])


def make(netns: str, interface: str, law: Marking | None, rate_mbps: float) -> None:
    """Mark what leaves an interface by this law, in place of the former one; None ends it. Raises Fault."""
    with Netlink.open(netns) as node:
        index = next(link.index for link in node.links() if link.name == interface)
        if law is None:
            if _ours(node, index):
                node.send([del_filters(index, FilterSide.EGRESS, NUMBER, f"no marking on {interface}")])
            return
        queue = real_queue() or imagined(rate_mbps)
        kept = bpf.make_map(helpers.MAP_ARRAY, key=4, value=red.KEPT, entries=1, name="closlab_ecn")
        with bpf.closing(kept):
            program = bpf.load(assemble(red.program(law, queue, kept=kept)), "closlab_ecn")
        with bpf.closing(program):
            name = f"{NAMED}{law.text()} {'real' if isinstance(queue, red.Real) else 'virtual'}"
            what = f"marking on {interface}"
            place = new_filter_place(index, what)
            node.send([place, new_filter(index, FilterSide.EGRESS, NUMBER, program, name, what)])


def read(netns: str, interfaces: Collection[str]) -> dict[str, Seen]:
    """The markings of these interfaces and what they did; those without one are left out."""
    found = {}
    with Netlink.open(netns) as node:
        for link in node.links():
            if link.name in interfaces and (ours := _ours(node, link.index)):
                law = marking(ours.name.removeprefix(NAMED).partition(" ")[0])
                found[link.name] = Seen(Impairment(ecn=law), _count(ours.program))
    return found


def joined(seen: Seen, marked: Seen | None) -> Seen:
    """What else is seen of an interface, and its marking."""
    if marked is None:
        return seen
    impairment = replace(seen.impairment, ecn=marked.impairment.ecn)
    count = replace(seen.count, marked=marked.count.marked, unmarked=marked.count.unmarked)
    return replace(seen, impairment=impairment, count=count)


@cache
def real_queue() -> red.Real | None:
    """Where this kernel keeps backlogs; None where it does not let programs look there."""
    try:
        types = Types(kernel.TYPES.read_bytes())
        return red.Real(
            cast=types.function("bpf_cast_to_kern_ctx"),
            device=types.offset("sk_buff", "dev"),
            queue=types.offset("net_device", "qdisc"),
            backlog=types.offset("Qdisc", "qstats") + types.offset("gnet_stats_queue", "backlog"),
        )
    except (OSError, ValueError, KeyError):
        return None


def imagined(rate_mbps: float) -> red.Virtual:
    """The queue of tbf at that rate, where the real one cannot be looked at."""
    return red.Virtual(max(round(rate_mbps * 1000), 1), queues.burst(rate_mbps), queues.room(rate_mbps))


def _ours(node: Netlink, index: int) -> KernelFilter | None:
    found = node.filters(index, FilterSide.EGRESS)
    return next((each for each in found if each.number == NUMBER and each.name.startswith(NAMED)), None)


def _count(program: int) -> Count:
    for each in bpf.maps_of(program):
        with bpf.closing(each):
            marked, unmarked = struct.unpack_from("=QQ", bpf.read(each, bytes(4), red.KEPT))
        return Count(marked=marked, unmarked=unmarked)
    return Count()
