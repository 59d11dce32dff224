"""`closlab what-if`: what a failure would cost a job on a fabric, on paper.

What it works with is imported when it runs, so that `--help` is quick.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labs.cli import screen
from labs.cli.completing import complete_spread, complete_workload
from labs.cli.options import AsJson, count_of_bytes
from labs.extras import equip
from topologies.errors import EXIT_FINE, Mistake
from topologies.model import Attachment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labs.traffic.flows.what_if import Job, Loss
    from topologies.model import Fabric
    from topologies.plan import Plan

SHOWN = 5  # links
SEEDS = 2**32
Failed = Annotated[
    list[str] | None,
    typer.Option("--fail", metavar="NODE|NODE:IF", help="What fails: a node, or a cable by one end. Several times."),
]
Workload = Annotated[
    str,
    typer.Option(metavar="NAME", help="all-reduce, all-to-all, permutation, ...", autocompletion=complete_workload),
]
Size = Annotated[str, typer.Option(metavar="SIZE", help="Bytes, such as 4096, 512MB or 1GiB.")]
Spreading = Annotated[
    str,
    typer.Option(metavar="HOW", help="hashed, polarised (all seeds alike) or sprayed.", autocompletion=complete_spread),
]
Rate = Annotated[float, typer.Option(metavar="MBPS", help="Mbit/s of cables for which the file has no rate.")]
Latency = Annotated[float, typer.Option(metavar="US", min=0, help="Microseconds that a round takes beside sending.")]


def what_if(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A fabric file.")],
    fail: Failed = None,
    workload: Workload = "all-reduce",
    size: Size = "1GiB",
    qps: Annotated[int, typer.Option(min=1, max=1024, help="Queue pairs of a transfer.")] = 4,
    spread: Spreading = "hashed",
    seed: Annotated[int, typer.Option(min=0, max=SEEDS - 1, help="Of ports and permutations.")] = 1,
    rate: Rate = 400_000,
    latency: Latency = 10,
    as_json: AsJson = False,
) -> int:
    """Say on paper what a failure costs a job, once routing has converged: goodput, times, who is cut off."""
    equip(("numpy",), "labs")
    from labs.cli.what_if_reports import report
    from labs.traffic.flows.building import network_of
    from labs.traffic.flows.failing import dead_cables
    from labs.traffic.flows.spreading import Manner, spread_named
    from labs.traffic.flows.what_if import Job, loss_of

    if not 0 < rate < float("inf"):
        raise Mistake(f"--rate: {rate:g} Mbit/s; a cable's rate is more than 0")
    if not latency < float("inf"):
        raise Mistake(f"--latency: {latency:g} us; a round takes some time at most")
    job = Job(workload, count_of_bytes(size, "--size"), Manner(spread_named(spread), qps, seed), latency / 1e6)
    fabric, plan = _read(file)
    failed = tuple(dict.fromkeys(fail or ()))
    loss = loss_of(network_of(fabric, plan, rate), dead_cables(fabric, failed), job)
    if as_json:
        screen.document(report(fabric, failed, job, loss))
    else:
        _show(fabric, failed, job, loss)
    return EXIT_FINE


def _read(file: Path) -> "tuple[Fabric, Plan]":
    from topologies import deploy

    source = deploy.load(file)
    if source.fabric is None or source.plan is None:
        raise Mistake(f"{file}: only a fabric file has a plan to reckon with; this is a containerlab file")
    if source.fabric.underlay.hosts is Attachment.BGP:
        screen.remark("hosts run BGP, and would move what a dead NIC carried to others: that is not reckoned with")
    return source.fabric, source.plan


def _show(fabric: "Fabric", failed: "Sequence[str]", job: "Job", loss: "Loss") -> None:
    from labs.cli.what_if_reports import cut_off, demands, figures, harmed, heading, verdict

    screen.result(heading(fabric, job, loss) + "\n")
    screen.table(("", "BEFORE", "AFTER", "CHANGE"), figures(loss))
    screen.result("")
    if links := demands(fabric, loss)[:SHOWN]:
        screen.table(("MOST WANTED", "BEFORE", "AFTER"), [[each.name, *each.times()] for each in links])
        screen.result("")
    if lost := cut_off(fabric, loss):
        screen.result(lost)
    screen.verdict(verdict(failed, job, loss), good=not harmed(loss))
