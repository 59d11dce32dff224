"""Commands on labs that provision themselves: `up --ztp`, `replace`, `ztp status`, `ztp approve`, `ztp reprovision`.

What they work with is imported when they run, so that `--help` is quick.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labs.cli import screen
from labs.cli.options import AsJson, LabName, NodeName, OneLab, seconds
from labs.extras import equip
from topologies.errors import EXIT_CHECK_FAILED, EXIT_FINE, Mistake

if TYPE_CHECKING:
    from topologies.deploy import Source


def up_from_nothing(
    source: "Source",
    runtime: str,
    inventory: Path | None,
    *,
    ztp: bool,
    check: bool,
    within: float,
    as_json: bool,
) -> int:
    """`up --ztp`: the same end as `up`, with where the switches stand on the way."""
    if not ztp:
        raise Mistake("--inventory says which switch is which node, for --ztp: say that too")
    equip()
    from labs.cli.ending import show_ending
    from labs.cli.provisioning import live, show_switches
    from labs.provision import bring_up_from_nothing

    with live() as (say, show):
        done = bring_up_from_nothing(
            source, runtime, say=say, show=show, inventory=inventory, check=check, within=within
        )
    if not as_json:
        show_switches(done.switches)
    show_ending(done.brought, as_json=as_json)
    return EXIT_FINE if done.brought.fine else EXIT_CHECK_FAILED


def ztp_status(name: OneLab = "", lab: LabName = "", as_json: AsJson = False) -> int:
    """Show where each switch stands, and how long it was in each state."""
    from automation.ztp.standing import standings
    from automation.ztp.watching import Desk, expected
    from labs.cli.chosen import chosen
    from labs.cli.provisioning import show_switches, switch_reports

    record = chosen(name, lab)
    found = standings(Desk(record).status(), expected(record))
    if as_json:
        screen.document({"lab": record.name, "switches": switch_reports(found)})
    else:
        show_switches(found)
    return EXIT_FINE


def ztp_approve(
    serial: Annotated[str, typer.Argument(metavar="SERIAL", help="A switch's serial number.")],
    node: NodeName,
    mac: Annotated[str, typer.Option(metavar="MAC", help="Which of several switches with that serial number.")] = "",
    lab: LabName = "",
) -> int:
    """Have a switch be a node: one that is in no inventory, or in place of another."""
    from automation.ztp.watching import Desk
    from labs.cli.chosen import chosen

    record = chosen(lab)
    Desk(record).approve(serial, node, mac)
    screen.remark(f"serial {serial} is {node} of lab {record.name}; it asks again by itself")
    return EXIT_FINE


def ztp_reprovision(node: NodeName, lab: LabName = "") -> int:
    """Have a switch ask for its bundle anew; it runs what it has until the new one takes its place."""
    from automation.ztp.watching import again
    from labs.cli.chosen import chosen

    record = chosen(lab)
    again(record, node)
    screen.remark(f"{node} of lab {record.name} asks for its bundle anew; `closlab ztp status` shows it")
    return EXIT_FINE


def replace(
    node: NodeName,
    *,
    serial: Annotated[
        str, typer.Option("--serial", metavar="SERIAL", help="Of the new switch.", show_default="made up")
    ] = "",
    within: Annotated[
        float, typer.Option("--within", metavar="SECONDS", parser=seconds, help="How long each step may take.")
    ] = 120,
    lab: LabName = "",
    as_json: AsJson = False,
) -> int:
    """Put a new switch in the place of another, dead or drained first; done when it is a member, and checked."""
    equip()
    from napalm_frr.lab import labs

    from labs.cli.chosen import chosen
    from labs.cli.provisioning import live, replaced_report, show_replaced
    from labs.replacing import planned, replace_switch

    at = labs(os.environ.get("CLOSLAB_STATE"))  # before a rootless lab is joined: whoever has is another user
    wanted = planned(chosen(lab, at=at), node, serial, at=at)
    with live() as (_, show):
        done = replace_switch(wanted, show=show, within=within)
    if as_json:
        screen.document(replaced_report(done))
    else:
        show_replaced(done)
    return EXIT_FINE if done.report.fine else EXIT_CHECK_FAILED
