"""Commands on whole labs: up, down, ls, show."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from labs.cli import screen
from labs.cli.chosen import by_name_or_file, choose, chosen, complete_lab
from labs.cli.options import AsJson, LabName, TopologyFile
from labs.cli.reports import Report, ago, counted, lab_report, link_report, node_reports, unreadable_report
from topologies import deploy
from topologies.errors import EXIT_CHECK_FAILED, EXIT_FAULT, EXIT_FINE, ClosError
from topologies.runtime import store
from topologies.runtime.store import Unreadable


def up(
    file: TopologyFile,
    *,
    runtime: Annotated[str, typer.Option(metavar="NAME", help="netns or containerlab.")] = "netns",
    name: Annotated[str, typer.Option(metavar="NAME", help="Call the lab so instead of as its file says.")] = "",
    check: Annotated[bool, typer.Option("--check/--no-check", help="Wait for convergence and check it.")] = True,
    within: Annotated[float, typer.Option(metavar="SECONDS", help="How long convergence may take.")] = 120,
    as_json: AsJson = False,
) -> int:
    """Bring a lab up; done when it has converged and was checked."""
    from labs.bringup import bring_up
    from labs.cli.ending import show_ending

    source = deploy.load(file, runtime=runtime, name=name)
    for warning in source.lab.warnings:
        screen.remark(f"warning: {warning}")
    with screen.progress() as say:
        done = bring_up(source, runtime, check=check, within=within, say=say)
    show_ending(done, as_json=as_json)
    return EXIT_FINE if done.fine else EXIT_CHECK_FAILED


def down(
    what: Annotated[str, typer.Argument(metavar="[NAME|FILE]", autocompletion=complete_lab)] = "",
    all_labs: Annotated[bool, typer.Option("--all", help="All labs of this user.")] = False,
) -> int:
    """Take a lab down, whatever became of it; fine when it is not there any more."""
    at = store.here()
    if all_labs:
        return _down_all(at)
    name = by_name_or_file(what, at) if what else (choose(at.names()) if at.names() else None)
    if name is not None and deploy.down(name, at=at):
        screen.remark(f"lab {name} is down")
    elif what:
        screen.remark(f"{what} is not up, nothing to do; there is {', '.join(at.names()) or 'no lab'}")
    else:
        screen.remark("no lab is up, nothing to do")
    return EXIT_FINE


def _down_all(at: store.Store) -> int:
    """Every lab, also after one of them could not be taken down."""
    code = EXIT_FINE
    for name in at.names():
        try:
            deploy.down(name, at=at)
            screen.remark(f"lab {name} is down")
        except ClosError as error:
            screen.remark(f"lab {name}: {error}")
            code = EXIT_FAULT
    return code


def ls(as_json: AsJson = False) -> int:
    """List the labs of this user."""
    at = store.here()
    fine, broken = _listed(at)
    if as_json:
        screen.document({"labs": fine, "unreadable": broken})
        return EXIT_FINE
    if not fine and not broken:
        screen.remark("no lab is up; `closlab up FILE` brings one up")
        return EXIT_FINE
    now = datetime.now(UTC)
    rows = [
        [
            str(lab["name"]),
            str(lab["status"]),
            f"{lab['running']}/{lab['nodes']}",
            str(lab["links"]),
            str(lab["runtime"]),
            ago(str(lab["created"]), now),
            _short(str(lab["file"])),
        ]
        for lab in fine
    ]
    rows += [[str(lab["name"]), "unreadable", "", "", "", "", str(lab["why"])] for lab in broken]
    screen.table(("LAB", "STATUS", "NODES", "LINKS", "RUNTIME", "UP FOR", "FILE"), rows)
    return EXIT_FINE


def _listed(at: store.Store) -> tuple[list[Report], list[Report]]:
    """Labs with how they stand, and those that cannot be told, each with the reason."""
    fine, broken = [], []
    for entry in at.every():
        try:
            if isinstance(entry, Unreadable):
                broken.append(unreadable_report(entry))
            else:
                fine.append(lab_report(entry, *deploy.standing(entry, busy=at.busy(entry.name))))
        except ClosError as error:
            broken.append(unreadable_report(Unreadable(entry.name, str(error))))
    return fine, broken


def show(
    name: Annotated[str, typer.Argument(metavar="[NAME]", autocompletion=complete_lab)] = "",
    lab: LabName = "",
    as_json: AsJson = False,
) -> int:
    """Show a lab's nodes and cables."""
    at = store.here()
    record = chosen(name or lab, at)
    status, lives = deploy.standing(record, busy=at.busy(record.name))
    head = lab_report(record, status, lives)
    nodes = node_reports(record, lives)
    links = [link_report(link) for link in record.lab.links]
    if as_json:
        screen.document({"lab": head, "nodes": nodes, "links": links, "warnings": list(record.lab.warnings)})
        return EXIT_FINE
    screen.result(
        f"{record.name}: {status} on {record.runtime}, {counted(len(nodes), 'node')}, {counted(len(links), 'link')}, "
        f"from {_short(record.lab.file) or 'no file'}"
    )
    screen.result("")
    columns = ("name", "state", "role", "kind", "asn", "address", "mgmt_ipv4", "pid")
    used = [column for column in columns if any(node[column] not in ("", None) for node in nodes)]
    rows = [["" if node[column] is None else str(node[column]) for column in used] for node in nodes]
    screen.table([column.upper().replace("MGMT_IPV4", "MGMT") for column in used], rows)
    return EXIT_FINE


def _short(path: str) -> str:
    """A path as the user would type it from here."""
    try:
        return str(Path(path).relative_to(Path.cwd())) if path else ""
    except ValueError:
        return path
