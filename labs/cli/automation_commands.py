"""Commands that change routers' configurations, or look whether they are as meant: diff, apply, drift, backup, restore.

What they work with is imported when they run, so that `--help` is quick.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labs.cli import screen
from labs.cli.completing import complete_node
from labs.cli.options import AsJson, LabName, seconds
from labs.extras import equip
from topologies.errors import EXIT_CHECK_FAILED, EXIT_FAULT, EXIT_FINE, Mistake

if TYPE_CHECKING:
    from automation.applying import Applied, Manner
    from topologies.runtime.model import LabRecord, Say

Routers = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NODE]...", help="Only these routers.", autocompletion=complete_node),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]
RevertIn = Annotated[
    int,
    typer.Option(
        "--revert-in", metavar="SECONDS", min=1, help="After which routers go back that nobody told to keep it."
    ),
]
Waves = Annotated[
    int, typer.Option("--waves", metavar="N", min=0, help="A first router alone, then N at once at most; 0: all.")
]
AuditLog = Annotated[
    Path | None,
    typer.Option("--audit", metavar="FILE", envvar="CLOSLAB_AUDIT", help="Append to this log, not to the lab's own."),
]


def diff(nodes: Routers = None, lab: LabName = "", as_json: AsJson = False) -> int:
    """Compare what routers run with what they are meant to run; exit code 1 where it differs."""
    equip()
    from automation.applying import texts_of
    from automation.orchestra import routers
    from automation.rollout import preview
    from labs.cli.changes import previewed, show_preview
    from labs.cli.chosen import chosen

    record = chosen(lab)
    texts = texts_of(record)
    outcome = preview(routers(record, nodes or list(texts)), texts)
    if as_json:
        screen.document({"lab": record.name, **previewed(outcome)})
    else:
        show_preview(record.name, outcome)
    if not outcome.fine:
        return EXIT_FAULT
    return EXIT_CHECK_FAILED if any(each.diff for each in outcome.nodes) else EXIT_FINE


def apply(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A new version of the lab's fabric file.")
    ] = None,
    *,
    dry_run: DryRun = False,
    waves: Waves = 0,
    within: Annotated[
        float, typer.Option(metavar="SECONDS", parser=seconds, help="How long the fabric may take to be well.")
    ] = 30,
    revert_in: RevertIn = 120,
    audit: AuditLog = None,
    lab: LabName = "",
    as_json: AsJson = False,
) -> int:
    """Have all routers run what the fabric file says, or none: commit, check against the plan, then keep or go back."""
    equip()
    from automation.applying import Manner
    from automation.applying import apply as applied
    from labs.cli.chosen import chosen
    from topologies import deploy
    from topologies.runtime import store

    source = deploy.load(file, name=lab) if file else None
    record = chosen(lab, "" if lab or source is None else source.lab.name)
    with screen.progress() as say:
        manner = Manner(revert_in=revert_in, within=within, waves=waves, dry_run=dry_run)
        done = applied(record.name, source, watched(manner, record, "apply", audit, say), at=store.here())
    return _ended(record.name, done, dry_run=dry_run, as_json=as_json)


def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A backup.")],
    nodes: Routers = None,
    *,
    dry_run: DryRun = False,
    waves: Waves = 0,
    revert_in: RevertIn = 120,
    audit: AuditLog = None,
    lab: LabName = "",
    as_json: AsJson = False,
) -> int:
    """Have routers run what a backup says, all of them or none."""
    equip()
    from automation import applying, backups
    from labs.cli.chosen import chosen
    from topologies.runtime import store

    manifest, texts = backups.read(folder)
    if lacking := [name for name in nodes or () if name not in texts]:
        raise Mistake(f"{folder} has no {', '.join(lacking)}; it has {', '.join(sorted(texts))}")
    record = chosen(lab or manifest.lab)
    wanted = {name: text for name, text in texts.items() if not nodes or name in nodes}
    with screen.progress() as say:
        manner = applying.Manner(revert_in=revert_in, waves=waves, dry_run=dry_run)
        watching = watched(manner, record, "restore", audit, say)
        done = applying.restore(record.name, wanted, watching, at=store.here())
    return _ended(record.name, done, dry_run=dry_run, as_json=as_json)


def drift(nodes: Routers = None, lab: LabName = "", as_json: AsJson = False) -> int:
    """Say which lines of which routers are not as they are meant to be, and since when; exit code 1 where there are."""
    equip()
    from automation.drifting import drifted
    from labs.cli.changes import drift_report, show_drift
    from labs.cli.chosen import chosen
    from topologies.runtime import store

    record = chosen(lab)
    found = drifted(record, nodes or (), at=store.here())
    if as_json:
        screen.document({"lab": record.name, **drift_report(found)})
    else:
        show_drift(record.name, found)
    if any(each.error for each in found):
        return EXIT_FAULT
    return EXIT_CHECK_FAILED if any(each.lines for each in found) else EXIT_FINE


def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that is not there yet, or is empty.")],
    nodes: Routers = None,
    lab: LabName = "",
    as_json: AsJson = False,
) -> int:
    """Write the running configuration of every router into a folder, with a manifest."""
    equip()
    from automation.drifting import back_up
    from labs.cli.changes import manifest_report
    from labs.cli.chosen import chosen

    record = chosen(lab)
    manifest = back_up(record, folder.absolute(), nodes or ())
    if as_json:
        screen.document({"folder": str(folder.absolute()), **manifest_report(manifest)})
    else:
        screen.remark(f"{len(manifest.routers)} configurations of lab {record.name} in {folder}")
    return EXIT_FINE


def watched(manner: "Manner", record: "LabRecord", command: str, audit: Path | None, say: "Say") -> "Manner":
    """The same manner, with what the user sees of it and what is on record afterwards."""
    from msgspec.structs import replace

    from automation.processors.audit import Audit
    from automation.processors.progress import Counting
    from topologies.runtime import store

    log = audit or store.here().folder(record.name) / "audit.jsonl"
    return replace(manner, processors=(Counting(say), Audit(log, {"lab": record.name, "command": command})))


def _ended(lab: str, done: "Applied", *, dry_run: bool, as_json: bool) -> int:
    from labs.cli.changes import applied_report, previewed, show_applied, show_preview

    if dry_run and as_json:
        screen.document({"lab": lab, "applied": False, **previewed(done.outcome)})
    elif dry_run:
        show_preview(lab, done.outcome)
    elif as_json:
        screen.document({"lab": lab, **applied_report(done)})
    else:
        show_applied(lab, done)
    if done.outcome.fine:
        return EXIT_FINE
    return EXIT_CHECK_FAILED if done.refuted else EXIT_FAULT
