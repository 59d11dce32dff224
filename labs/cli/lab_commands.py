"""Commands on whole labs: up, down, ls, show.

What they work with is imported when they run, so that `--help` is quick.
"""

import os
from pathlib import Path
from typing import Annotated

import typer

from labs.cli import screen
from labs.cli.completing import complete_lab
from labs.cli.options import AsJson, LabName, OneLab, RuntimeName, TopologyFile, seconds
from topologies.errors import EXIT_CHECK_FAILED, EXIT_FAULT, EXIT_FINE, ClosError


def up(
    file: TopologyFile,
    *,
    runtime: RuntimeName = "netns",
    name: Annotated[str, typer.Option(metavar="NAME", help="Call the lab so instead of as its file says.")] = "",
    check: Annotated[bool, typer.Option("--check/--no-check", help="Wait for convergence and check it.")] = True,
    within: Annotated[
        float, typer.Option(metavar="SECONDS", parser=seconds, help="How long convergence may take.")
    ] = 120,
    allow_host: Annotated[
        bool, typer.Option("--allow-host", help="Let the lab reach into this machine (CLOSLAB_ALLOW_HOST=1).")
    ] = False,
    ztp: Annotated[
        bool, typer.Option("--ztp", help="Boot the switches with nothing on them, and have them provision themselves.")
    ] = False,
    inventory: Annotated[
        Path | None, typer.Option("--inventory", metavar="FILE", help="With --ztp: YAML, `SERIAL: NODE` on each line.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Bring a lab up; done when it has converged and was checked."""
    from labs.bringup import bring_up
    from labs.cli.ending import show_ending
    from topologies import deploy

    source = deploy.load(file, runtime=runtime, name=name)
    allowed = allow_host or deploy.allows_host(os.environ)
    for warning in source.lab.warnings:
        screen.remark(f"warning: {warning}")
    if ztp or inventory is not None:
        from labs.cli.ztp_commands import up_from_nothing

        return up_from_nothing(source, runtime, inventory, ztp=ztp, check=check, within=within, as_json=as_json)
    with screen.progress() as say:
        done = bring_up(source, runtime, say=say, allow_host=allowed, check=check, within=within)
    for warning in done.record.lab.warnings:
        if warning not in source.lab.warnings:
            screen.remark(f"warning: {warning}")
    show_ending(done, as_json=as_json)
    return EXIT_FINE if done.fine else EXIT_CHECK_FAILED


def down(
    what: Annotated[
        str, typer.Argument(metavar="[NAME|FILE]", help="A lab, or its file.", autocompletion=complete_lab)
    ] = "",
    all_labs: Annotated[bool, typer.Option("--all", help="All labs of this user.")] = False,
) -> int:
    """Take a lab down, whatever became of it; fine when it is not there any more."""
    from labs.cli.chosen import by_name_or_file, choose
    from topologies import deploy
    from topologies.runtime import store

    if all_labs:
        return _down_all()
    at = store.here()
    name = by_name_or_file(what, at) if what else (choose(at.names()) if at.names() else None)
    if name is not None and deploy.down(name, at=at):
        screen.remark(f"lab {name} is down")
    elif what:
        screen.remark(f"{what} is not up, nothing to do; there is {', '.join(at.names()) or 'no lab'}")
    else:
        screen.remark("no lab is up, nothing to do")
    return EXIT_FINE


def _down_all() -> int:
    """Every lab, also after one of them could not be taken down."""
    from topologies import deploy
    from topologies.runtime import store

    at, code = store.here(), EXIT_FINE
    for name in at.names():
        try:
            deploy.down(name, at=at)
            screen.remark(f"lab {name} is down")
        except (ClosError, OSError) as error:
            screen.remark(f"lab {name}: {error}")
            code = EXIT_FAULT
    return code


def ls(as_json: AsJson = False) -> int:
    """List the labs of this user."""
    from labs.cli.listing import labs, rows

    fine, broken = labs()
    if as_json:
        screen.document({"labs": fine, "unreadable": broken})
    elif fine or broken:
        screen.table(("LAB", "STATUS", "NODES", "LINKS", "RUNTIME", "UP FOR", "FILE"), rows(fine, broken))
    else:
        screen.remark("no lab is up; `closlab up FILE` brings one up")
    return EXIT_FINE


def show(
    name: OneLab = "",
    lab: LabName = "",
    as_json: AsJson = False,
) -> int:
    """Show a lab's nodes and cables."""
    from labs.cli.chosen import chosen
    from labs.cli.listing import headline, node_table, whole

    record = chosen(name, lab)
    report = whole(record)
    if as_json:
        screen.document(report)
    else:
        screen.result(f"{headline(report)}\n")
        screen.table(*node_table(report))
    return EXIT_FINE
