"""How `up` and `check` end: what runs, what each phase took, what was proven, and how to get in."""

import shlex
import shutil
import sys
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from labs.bringup import Brought
from labs.cli import screen
from labs.cli.differences import COLUMNS, stacked, table_width
from labs.cli.listing import near
from labs.cli.reports import Report, counted, lab_report
from topologies import deploy
from topologies.lab import LabNode
from topologies.model import TIERS
from topologies.runtime import store
from topologies.runtime.model import LabRecord
from topologies.seal import openings

if TYPE_CHECKING:
    from telemetry.check import CheckReport
    from telemetry.probes import MeshSummary

PROVEN = {  # kind of thing -> what is said of one, and of several
    "nodes": ("node", "nodes"),
    "links": ("link", "links"),
    "sessions": ("session Established", "sessions Established"),
    "bfd": ("BFD session up", "BFD sessions up"),
    "routes": ("route in the kernels", "routes in the kernels"),
    "workloads": ("program ready", "programs ready"),
}
TWO_ENDED = ("sessions", "bfd")
ROUTING = "zebra"  # the daemon that every router of ours has
MOST = 40  # differences shown as a table; JSON has all


def show_ending(done: Brought, *, as_json: bool) -> None:
    """The last words of `up`."""
    record = done.record
    if as_json:
        status, lives = deploy.standing(record, busy=False)
        lab = lab_report(record, status, lives)
        screen.document({"lab": lab, "seconds": round(done.seconds, 3), "check": check_report(done.report)})
        return
    rows = [("lab", f"{record.name} on {record.runtime}"), ("nodes", nodes_by_role(record))]
    if opened := openings(record.lab, record.runtime):
        rows.append(("open", f"to the machine: {'; '.join(opened)}"))
    rows += [("phases", phases(record)), *proofs(done.report)]
    width = max(len(name) for name, _ in rows)
    screen.result("")
    for name, value in rows:
        screen.result(f"{name:<{width}}  {value}")
    show_differences(done.report)
    screen.result("")
    screen.verdict(closing(done), good=done.fine)
    several = len(store.here().names()) > 1
    for line in ways_in(record, called(sys.argv[0], shutil.which("closlab")), several=several):
        screen.result(f"  {line}")


def nodes_by_role(record: LabRecord) -> str:
    """Such as `2 spines, 4 leaves, 4 hosts; 12 links`."""
    nodes = record.lab.nodes
    found = [(role.value, sum(node.role is role for node in nodes)) for role in reversed(TIERS)]
    found += [("node", sum(node.role is None for node in nodes))]
    named = ", ".join(counted(count, noun) for noun, count in found if count)
    return f"{named}; {counted(len(record.lab.links), 'link')}"


def phases(record: LabRecord) -> str:
    """Such as `links 12 ms, daemons 0.80 s`."""
    return ", ".join(f"{phase} {took(seconds)}" for phase, seconds in record.phases.items())


def took(seconds: float) -> str:
    """A time with two digits that mean something."""
    return f"{seconds * 1000:.0f} ms" if seconds < 0.1 else f"{seconds:.2f} s"


def called(program: str, on_path: str | None) -> str:
    """How the user starts closlab: by its path where that is what runs and the shell would not find it by its name."""
    found = on_path is not None and Path(on_path).resolve() == Path(program).resolve()
    return "closlab" if found or Path(program).name != "closlab" else shlex.quote(near(program))


def ways_in(record: LabRecord, program: str = "closlab", *, several: bool = False) -> list[str]:
    """The commands that a user wants next, with names of this lab; `several`: there are other labs, so it is named."""
    nodes = [node for node in record.lab.nodes if node.has_processes]
    if not nodes:
        return []
    lab = f" --lab {record.name}" if several else ""
    router = next((node.name for node in nodes if _routes(node)), "")
    talk = [f"{program} vtysh {router}{lab} -c 'show bgp summary'"] if router else []
    shell = f"{program} shell {nodes[-1].name}{lab}"
    works = [f"{program} workload show{lab}"] if any(node.tasks for node in nodes) else []
    return [shell, *talk, *works, f"{program} show {record.name}", f"{program} down {record.name}"]


def _routes(node: LabNode) -> bool:
    return "frr" in node.image or any(daemon.name == ROUTING for daemon in node.daemons)


def proofs(report: "CheckReport | None") -> list[tuple[str, str]]:
    """What the check proved, a line for each kind of thing."""
    if report is None:
        return []
    return [("proven", counts(report)), *([("probes", probes(report.mesh))] if report.mesh else [])]


def probes(mesh: "MeshSummary") -> str:
    """Such as `240 sent between 8 addresses, all arrived`."""
    if not mesh.probes:
        return "none sent, for lack of addresses to send them to"
    again = f", {mesh.retried} only when sent again" if mesh.retried else ""
    arrived = f"{mesh.lost} lost on {counted(mesh.lost_pairs, 'way')}" if mesh.lost else "all arrived"
    return f"{mesh.probes} sent between {mesh.targets} addresses, {arrived}{again}"


def counts(report: "CheckReport") -> str:
    """Such as `6 nodes, 8 links, 8 sessions Established, 48 routes in the kernels`.

    A session is said once, though both its ends are counted; one with a single end here makes up a whole one.
    """
    found = {what: ceil(count / 2) if what in TWO_ENDED else count for what, count in report.counts.items()}
    words = {what: PROVEN.get(what, (what, what))[count != 1] for what, count in found.items()}
    return ", ".join(f"{count} {words[what]}" for what, count in found.items() if count) or "nothing"


def check_report(report: "CheckReport | None") -> Report | None:
    """A check for JSON; None where none was made."""
    if report is None:
        return None
    return {
        "fine": not report.differences,
        "differences": [
            {
                "node": each.node,
                "subject": each.subject,
                "what": str(each.what),
                "expected": each.expected,
                "found": each.found,
            }
            for each in report.differences
        ],
        "counts": dict(report.counts),
        "mesh": report.mesh,
        "seconds": {what: round(seconds, 3) for what, seconds in report.timings.items()},
    }


def show_check(record: LabRecord, report: "CheckReport", *, as_json: bool) -> None:
    """The answer of `check`."""
    if as_json:
        screen.document({"lab": record.name, "check": check_report(report)})
        return
    show_differences(report)
    verdict = counted(len(report.differences), "difference") if report.differences else "no difference"
    for name, value in proofs(report):
        screen.result(f"{name:<6}  {value}")
    screen.verdict(f"{record.name}: {verdict}", good=report.fine)


def show_differences(report: "CheckReport | None") -> None:
    """Each difference, a bounded number of them."""
    if report is None or not report.differences:
        return
    shown = report.differences[:MOST]
    rows = [(each.node, each.subject, each.what.value, each.expected, each.found) for each in shown]
    screen.result("")
    if table_width(rows) <= screen.width():
        screen.table(COLUMNS, rows)
    else:
        screen.result("\n".join(stacked(rows, screen.width())))
    if rest := len(report.differences) - len(shown):
        screen.result(f"... and {rest} more; --json has all")


def closing(done: Brought) -> str:
    """The one line that counts."""
    within = f"in {done.seconds:.1f} s"
    if done.report is None:
        return f"Lab {done.record.name} is up {within}; not checked."
    if not done.fine:
        wrong = "differs from its plan" if done.plan else "not all is well"
        return f"Lab {done.record.name} is up {within}, but {wrong}: see above."
    return f"Lab {done.record.name} is up {within}, {'converged' if done.plan else 'settled'} and checked."
