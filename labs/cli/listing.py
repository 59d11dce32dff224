"""What `ls` and `show` list."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labs.cli.reports import Report, ago, counted, lab_report, link_report, node_reports, unreadable_report
from topologies import deploy
from topologies.errors import ClosError
from topologies.runtime import store
from topologies.runtime.model import LabRecord
from topologies.runtime.store import Unreadable

COLUMNS = ("name", "state", "role", "kind", "asn", "address", "mgmt_ipv4", "profile", "pid")
HEADINGS = {"mgmt_ipv4": "MGMT"}


def labs() -> tuple[list[Report], list[Report]]:
    """All labs with how they stand, and those that cannot be told, each with the reason."""
    at = store.here()
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


def rows(fine: list[Report], broken: list[Report]) -> list[list[str]]:
    """The labs as rows of a table."""
    now = datetime.now(UTC)
    return [
        [
            str(lab["name"]),
            f"{lab['status']}, open" if lab["open"] else str(lab["status"]),
            f"{lab['running']}/{lab['nodes']}",
            str(lab["links"]),
            str(lab["runtime"]),
            ago(str(lab["created"]), now),
            near(str(lab["file"])),
        ]
        for lab in fine
    ] + [[str(lab["name"]), "unreadable", "", "", "", "", str(lab["why"])] for lab in broken]


def whole(record: LabRecord) -> dict[str, Any]:
    """All there is to show of a lab."""
    status, lives = deploy.standing(record, busy=store.here().busy(record.name))
    return {
        "lab": lab_report(record, status, lives),
        "nodes": node_reports(record, lives),
        "links": [link_report(link) for link in record.lab.links],
        "warnings": list(record.lab.warnings),
    }


def headline(report: dict[str, Any]) -> str:
    """A lab in one line, and in another what it reaches of the machine, if anything."""
    lab = report["lab"]
    sizes = f"{counted(lab['nodes'], 'node')}, {counted(lab['links'], 'link')}"
    opened = f"\nopen to the machine: {'; '.join(lab['open'])}" if lab["open"] else ""
    return f"{lab['name']}: {lab['status']} on {lab['runtime']}, {sizes}, from {near(lab['file']) or 'no file'}{opened}"


def node_table(report: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """The nodes as a table of what any of them has."""
    nodes = report["nodes"]
    used = [column for column in COLUMNS if any(node[column] not in ("", None) for node in nodes)]
    cells = [["" if node[column] is None else str(node[column]) for column in used] for node in nodes]
    return [HEADINGS.get(column, column.upper()) for column in used], cells


def near(path: str) -> str:
    """A path as the user would type it from here."""
    try:
        return str(Path(path).relative_to(Path.cwd())) if path else ""
    except ValueError:
        return path
