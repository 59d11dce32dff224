"""`closlab traffic run`: a collective over RDMA on a running lab."""

import re
import time
from typing import TYPE_CHECKING, Annotated

import typer

from labs.cli import screen
from labs.cli.completing import complete_workload
from labs.cli.options import AsJson, LabName
from labs.extras import equip
from topologies.errors import EXIT_CHECK_FAILED, EXIT_FINE, Mistake

if TYPE_CHECKING:
    from labs.traffic.endpoint.model import Fidelity, TrafficLog, Wanted
    from topologies.runtime.model import LabRecord

COLUMNS = ("FROM", "TO", "SENT", "RECEIVED", "BYTES", "SENT AGAIN", "TIMEOUTS", "NAKS", "CNPS", "MARKED")


def run(
    collective: Annotated[
        str, typer.Argument(metavar="COLLECTIVE", help="Such as all-reduce.", autocompletion=complete_workload)
    ] = "all-reduce",
    size: Annotated[str, typer.Option(metavar="SIZE", help="Of the collective's data: 256KiB, 1MB.")] = "1MiB",
    queue_pairs: Annotated[
        int, typer.Option("--qps", metavar="N", min=1, max=64, help="Queue pairs between each two NICs.")
    ] = 1,
    mtu: Annotated[int, typer.Option(metavar="BYTES", help="Of data in a packet: 256 to 4096.")] = 1024,
    rate: Annotated[float, typer.Option(metavar="MBPS", min=0.001, help="Of each NIC, here.")] = 20,
    line_rate: Annotated[
        float, typer.Option(metavar="GBPS", min=0.001, help="Of the NIC that is meant; DCQCN is slowed as much.")
    ] = 40,
    seconds: Annotated[float, typer.Option(metavar="S", min=0.1, max=86_400, help="How long.")] = 5,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="Of collectives that are random.")] = 1,
    lab: LabName = "",
    as_json: AsJson = False,
) -> int:
    """Run a collective over RoCEv2 between all hosts of a lab, again and again; 1 if it cannot go on."""
    equip(("numpy",), "labs")
    from labs.cli.chosen import chosen
    from labs.traffic.endpoint.model import Wanted

    octets = _octets(size)
    wanted = Wanted(collective, collective, octets, queue_pairs, mtu, rate * 1e6, seed, line_rate * 1e9)
    record = chosen(lab)
    log, begun = _ran(record, wanted, seconds)
    if as_json:
        screen.document({"lab": record.name, **_report(log, begun)})
    else:
        _show(log)
    return EXIT_CHECK_FAILED if log.failed else EXIT_FINE


def _ran(record: "LabRecord", wanted: "Wanted", seconds: float) -> "tuple[TrafficLog, float]":
    """The log of one workload, and when it began on the monotonic clock."""
    from labs.chaos.running import wait_until
    from labs.traffic.endpoint.running import running
    from topologies import deploy

    plan = deploy.plan_of(record)
    if plan is None:
        raise Mistake(f"lab {record.name} has no plan, so nobody knows its hosts; traffic needs a fabric file")
    with running(record, plan, [wanted]) as traffic:
        traffic.ready()
        begun = time.monotonic()
        traffic.begin()
        wait_until(begun + seconds)
        traffic.end()
        (log,) = traffic.result()
    return log, begun


def _octets(size: str) -> int:
    from topologies.durations import SIZE, octets

    if not re.fullmatch(SIZE, size):
        raise Mistake(f"--size {size!r}: a whole number and its unit, such as 256KiB or 1MB")
    return octets(size)


def _report(log: "TrafficLog", begun: float) -> dict[str, object]:
    from msgspec import to_builtins

    from labs.chaos.observing import moved_by

    return {"traffic": to_builtins(moved_by(log, begun)), "dilation": log.wanted.dilation}


def _show(log: "TrafficLog") -> None:
    rows = [
        (f.source, f.target, f.data_frames_tx, f.data_frames_rx, f.bytes_acked, f.data_frames_retransmitted, f.timeouts,
         f.nak_rx, f.cnp_rx, f.ecn_ce_rx)
        for f in log.flows
    ]  # fmt: skip
    screen.table(COLUMNS, [[str(cell) for cell in row] for row in rows])
    screen.result("")
    _show_times(log)
    for words in _fidelity(log.fidelity):
        screen.result(f"fidelity        {words}")
    slower = f"DCQCN ran {log.wanted.dilation:,.0f} times slower than at {log.wanted.line_rate / 1e9:g} Gbit/s"
    screen.result(f"dilation        {slower}")
    name = log.wanted.collective
    screen.verdict(f"{name} ended: {log.failed}" if log.failed else f"{name} went on to the end", good=not log.failed)


def _show_times(log: "TrafficLog") -> None:
    times = sorted(each.ended - each.begun for each in log.iterations)
    speeds = sorted(each.busbw for each in log.iterations)
    spent = sorted(each.seconds for each in log.transfers)
    if times:
        middle = len(times) // 2
        words = f"median {times[middle] * 1000:.0f} ms, longest {times[-1] * 1000:.0f} ms"
        screen.result(f"iterations      {len(times)}, {words}")
        screen.result(f"bus bandwidth   {speeds[middle] * 8 / 1e6:.1f} Mbit/s in the median, as NCCL counts it")
    if spent:
        middle, late = len(spent) // 2, len(spent) * 99 // 100
        words = f"median {spent[middle] * 1000:.0f} ms, 99 % within {spent[late] * 1000:.0f} ms"
        beyond = f"; of {log.unkept} more nothing was kept" if log.unkept else ""
        screen.result(f"transfers       {len(spent)}, {words}{beyond}")


def _fidelity(found: "Fidelity") -> list[str]:
    """What the machine was up to, and what that puts in doubt."""
    late = f"the loop was away for {found.late * 1000:.1f} ms at most, NICs were {found.behind:.1%} below their rate"
    sums = f"{late}, {found.refused} frames had to wait for room"
    return [f"{'degraded' if found.doubts else 'ok'}: {sums}", *found.doubts]
