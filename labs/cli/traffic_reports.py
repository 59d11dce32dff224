"""What `closlab traffic decode` says, as plain values: one source of its JSON and its tables (docs/json.md). Pure."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct, to_builtins

from labs.traffic.capture.model import SECOND, Captured, Damage
from labs.traffic.roce.explain import Packet, explain
from labs.traffic.roce.fields import Atomic
from labs.traffic.roce.summary import Flow, Summary

Report = dict[str, object]
ECN = ("", "ECT(1)", "ECT(0)", "CE")
ADDS = "FETCH_ADD"
COLUMNS = ("TIME", "FROM", "TO", "QP", "PSN", "OPCODE", "BYTES", "ECN", "ICRC", "SAYS")
FLOWS = (
    "FROM",
    "TO",
    "QP",
    "PACKETS",
    "BYTES",
    "CE",
    "ACKS",
    "NAKS",
    "CNPS",
    "GAPS",
    "MISSING",
    "REPEATED",
    "BAD ICRC",
)


class Shown(Struct, frozen=True):
    """A packet, and when it came: nanoseconds since the first that is shown, None where the capture does not tell."""

    since: int | None
    packet: Packet


class Decoded(Struct, frozen=True):
    """A capture: how many frames it has, how many of them cut by its snap length and how many of RoCE; the packets to
    show, all flows, and what damage ended it."""

    frames: int
    cut: int
    roce: int
    shown: Sequence[Shown]
    flows: Sequence[Flow]
    damage: Damage | None


def decoded(items: Iterable[Captured | Damage], limit: int) -> Decoded:
    """What a capture says, with its first `limit` packets to be shown; the others count all the same."""
    summary, shown = Summary(), list[tuple[int | None, Packet]]()
    frames = cut = roce = 0
    damage = None
    for each in items:
        if isinstance(each, Damage):
            damage = each
            continue
        frames += 1
        cut += each.cut
        if (packet := explain(each.frame)) is None:
            continue
        roce += 1
        summary.add(packet)
        if roce <= limit:
            shown.append((each.when, packet))
    return Decoded(frames, cut, roce, tuple(_since_first(shown)), tuple(summary.flows.values()), damage)


def _since_first(shown: Sequence[tuple[int | None, Packet]]) -> Iterator[Shown]:
    first = next((when for when, _ in shown if when is not None), 0)
    return (Shown(None if when is None else when - first, packet) for when, packet in shown)


def document(file: str, found: Decoded) -> Report:
    """All of it for JSON."""
    return {
        "file": file,
        "frames": found.frames,
        "cut": found.cut,
        "roce": found.roce,
        "packets": [_report(each) for each in found.shown],
        "flows": to_builtins(found.flows),
        "damage": to_builtins(found.damage),
    }


def _report(shown: Shown) -> Report:
    time = None if shown.since is None else round(shown.since / SECOND, 9)
    aeth = shown.packet.aeth
    return {"time": time, **to_builtins(shown.packet), "says": "" if aeth is None else str(aeth)}


def closing(file: str, found: Decoded) -> str:
    """How many frames there were, and what of them is not shown or cannot be known."""
    more = f", the first {len(found.shown)} are shown" if 0 < len(found.shown) < found.roce else ""
    cut = f"; {found.cut} cut by the capture's snap length" if found.cut else ""
    return f"{file}: {found.frames} frames, {found.roce} of RoCE{more}{cut}"


def packet_row(shown: Shown) -> list[str]:
    """A packet for the table of `COLUMNS`."""
    packet = shown.packet
    return [
        "" if shown.since is None else _time(shown.since),
        packet.source,
        packet.destination,
        f"{packet.qp:#x}",
        str(packet.psn),
        packet.name,
        str(packet.payload),
        ECN[packet.ecn],
        str(packet.icrc),
        says(packet),
    ]


def _time(nanoseconds: int) -> str:
    """Seconds with six digits, cut as nobody rounds clocks."""
    seconds, rest = divmod(abs(nanoseconds), SECOND)
    return f"{'-' if nanoseconds < 0 else ''}{seconds}.{rest // 1000:06}"


def flow_row(flow: Flow) -> list[str]:
    """A flow for the table of `FLOWS`."""
    counts = (flow.packets, flow.payload, flow.marked, flow.acks, flow.naks, flow.cnps, flow.gaps, flow.missing)
    return [flow.source, flow.destination, f"{flow.qp:#x}", *map(str, (*counts, flow.repeated, flow.wrong_icrc))]


def says(packet: Packet) -> str:
    """What the extended headers of a packet say, and what else is odd about it."""
    words = {"acknowledge": packet.ack_requested, "solicited": packet.solicited}
    words |= {"FECN": packet.fecn, "BECN": packet.becn}
    return "; ".join([*_headers(packet), *(word for word, said in words.items() if said)])


def _headers(packet: Packet) -> Iterator[str]:
    if packet.aeth is not None:
        credits = "" if packet.aeth.credits is None else f", {packet.aeth.credits} credits"
        yield f"{packet.aeth}{credits}, MSN {packet.aeth.msn}"
    if packet.feth is not None:
        yield str(packet.feth)
    if packet.reth is not None:
        yield f"{packet.reth.length} bytes at {packet.reth.address:#x}, key {packet.reth.rkey:#x}"
    if packet.atomic is not None:
        yield _operation(packet.atomic, adds=packet.name.endswith(ADDS))
    if packet.original is not None:
        yield f"found {packet.original:#x}"
    if packet.immediate is not None:
        yield f"immediate {packet.immediate:#x}"
    if packet.invalidated is not None:
        yield f"invalidates key {packet.invalidated:#x}"
    if packet.deth is not None:
        yield f"from QP {packet.deth.source_qp:#x}, Q_Key {packet.deth.qkey:#x}"
    if packet.shared_queue is not None:
        yield f"receive queue {packet.shared_queue:#x}"
    if packet.context is not None:
        yield f"end-to-end context {packet.context:#x}"


def _operation(atomic: Atomic, *, adds: bool) -> str:
    what = f"add {atomic.swap:#x}" if adds else f"swap {atomic.swap:#x} compare {atomic.compare:#x}"
    return f"{what} at {atomic.address:#x}, key {atomic.rkey:#x}"
