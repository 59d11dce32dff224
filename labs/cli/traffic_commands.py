"""`closlab traffic decode`: a capture of RDMA traffic, explained."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import Struct, to_builtins

from labs.cli import screen
from labs.cli.options import AsJson
from labs.extras import equip
from topologies.errors import EXIT_FINE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labs.traffic.roce.explain import Packet
    from labs.traffic.roce.summary import Flow, Summary

SHOWN = 1000  # packets, unless asked otherwise
ECN = ("", "ECT(1)", "ECT(0)", "CE")
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


def decode(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A capture, pcap or pcapng.")],
    limit: Annotated[int, typer.Option(metavar="N", min=0, help="Show the first N packets; 0: flows only.")] = SHOWN,
    as_json: AsJson = False,
) -> int:
    """Explain a capture of RoCE traffic: each packet, and each flow with its gaps, marks and refusals."""
    equip(("scapy",), "labs")
    from labs.traffic.roce.summary import Summary

    summary, count = Summary(), _Count()
    packets = _packets(file, summary, count)
    shown = list(islice(packets, limit))
    for _ in packets:  # the rest counts all the same
        pass
    flows = list(summary.flows.values())
    if as_json:
        first = shown[0][0] if shown else 0.0
        reports = [{"time": round(when - first, 9), **_report(packet)} for when, packet in shown]
        screen.document(
            {
                "file": str(file),
                "frames": count.frames,
                "roce": count.roce,
                "packets": reports,
                "flows": to_builtins(flows),
            }
        )
        return EXIT_FINE
    if shown:
        screen.table(COLUMNS, [_row(when - shown[0][0], packet) for when, packet in shown], wrapped=1)
        screen.result("")
    if flows:
        screen.table(FLOWS, [_flow_row(each) for each in flows])
    more = f", the first {len(shown)} are shown" if limit and len(shown) < count.roce else ""
    screen.result(f"{file}: {count.frames} frames, {count.roce} of RoCE{more}")
    return EXIT_FINE


class _Count(Struct):
    """How many frames there were."""

    frames: int = 0
    roce: int = 0


def _packets(file: Path, summary: "Summary", count: _Count) -> "Iterator[tuple[float, Packet]]":
    from labs.traffic.capture import frames
    from labs.traffic.roce.explain import explain

    for each in frames(file):
        count.frames += 1
        if (packet := explain(each.frame)) is not None:
            count.roce += 1
            summary.add(packet)
            yield each.when, packet


def _says(packet: "Packet") -> str:
    """What the extended headers of a packet say, and what else is odd about it."""
    parts = []
    if packet.aeth is not None:
        credits = "" if packet.aeth.credits is None else f", {packet.aeth.credits} credits"
        parts.append(f"{packet.aeth}{credits}, MSN {packet.aeth.msn}")
    if packet.reth is not None:
        parts.append(f"{packet.reth.length} bytes at {packet.reth.address:#x}, key {packet.reth.rkey:#x}")
    if packet.atomic is not None:
        parts.append(f"swap {packet.atomic.swap:#x} compare {packet.atomic.compare:#x} at {packet.atomic.address:#x}")
    if packet.original is not None:
        parts.append(f"found {packet.original:#x}")
    if packet.immediate is not None:
        parts.append(f"immediate {packet.immediate:#x}")
    if packet.invalidated is not None:
        parts.append(f"invalidates key {packet.invalidated:#x}")
    if packet.deth is not None:
        parts.append(f"from QP {packet.deth.source_qp:#x}, Q_Key {packet.deth.qkey:#x}")
    if packet.shared_queue is not None:
        parts.append(f"receive queue {packet.shared_queue:#x}")
    words = {"acknowledge": packet.ack_requested, "solicited": packet.solicited}
    words |= {"FECN": packet.fecn, "BECN": packet.becn}
    return "; ".join([*parts, *(word for word, said in words.items() if said)])


def _row(when: float, packet: "Packet") -> list[str]:
    return [
        f"{when:.6f}",
        packet.source,
        packet.destination,
        f"{packet.qp:#x}",
        str(packet.psn),
        packet.name,
        str(packet.payload),
        ECN[packet.ecn],
        str(packet.icrc),
        _says(packet),
    ]


def _report(packet: "Packet") -> dict[str, object]:
    found: dict[str, object] = to_builtins(packet)
    says = "" if packet.aeth is None else str(packet.aeth)
    return {**found, "says": says}


def _flow_row(flow: "Flow") -> list[str]:
    counts = (flow.packets, flow.payload, flow.marked, flow.acks, flow.naks, flow.cnps, flow.gaps, flow.missing)
    return [flow.source, flow.destination, f"{flow.qp:#x}", *map(str, (*counts, flow.repeated, flow.wrong_icrc))]
