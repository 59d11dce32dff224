"""Commands that look and write files: check, render, graph, schema, doctor, version; and the door to `closlab clab`.

What they work with is imported when they run, so that `--help` is quick.
"""

import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from labs.cli import screen
from labs.cli.completing import complete_format, complete_lab, complete_schema
from labs.cli.options import AsJson, LabName, OneLab, TopologyFile, seconds
from topologies.errors import EXIT_CHECK_FAILED, EXIT_FINE, Mistake
from topologies.version import VERSION


def check(
    name: OneLab = "",
    mesh: Annotated[bool, typer.Option("--mesh/--no-mesh", help="Send probes between all loopbacks and hosts.")] = True,
    within: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", parser=seconds, help="How long it may take until nothing differs, as after a change."
        ),
    ] = 0,
    lab: LabName = "",
    as_json: AsJson = False,
) -> int:
    """Compare a running lab with its plan; exit code 1 where it differs."""
    from labs.bringup import settle, verdict
    from labs.cli.chosen import chosen
    from labs.cli.ending import show_check
    from topologies import deploy

    record = chosen(name, lab)
    plan = deploy.plan_of(record)
    if within > 0:
        settle(record, plan, within)
    report = verdict(record, plan, mesh=mesh)
    show_check(record, report, as_json=as_json)
    return EXIT_CHECK_FAILED if report.differences else EXIT_FINE


def render(
    file: TopologyFile,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="The folder to write into.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="Call the lab so instead of as its file says.")] = "",
) -> int:
    """Write all that follows from a fabric file: configurations, containerlab file, inventories, plan."""
    from topologies import deploy
    from topologies.render.folder import render as rendered
    from topologies.render.writing import write_folder
    from topologies.runtime.image import frr_image_name

    source = deploy.load(file, name=name)
    if source.fabric is None or source.plan is None:
        raise Mistake(f"{file}: only a fabric file can be rendered; this is a containerlab file")
    files = rendered(source.fabric, source.plan, source.lab, image=frr_image_name(os.environ, source.fabric.image))
    try:
        changed = write_folder(files, out)
    except OSError as error:
        raise Mistake(f"cannot write into {out}: {error.strerror}") from error
    screen.remark(f"{len(files)} files in {out}, {len(changed)} of them new or changed")
    return EXIT_FINE


def graph(
    what: Annotated[
        str, typer.Argument(metavar="[FILE|NAME]", help="A file, or a lab.", autocompletion=complete_lab)
    ] = "",
    form: Annotated[
        str,
        typer.Option("--format", metavar="FORMAT", help="svg, mermaid or dot.", autocompletion=complete_format),
    ] = "svg",
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Instead of stdout.")] = None,
    lab: LabName = "",
) -> int:
    """Draw a fabric by its tiers; a running lab's with the state of its nodes and cables."""
    from labs.cli.chosen import chosen
    from labs.pictures import picture, running
    from topologies import deploy
    from topologies.runtime import store

    if what and what not in store.here().names():
        drawn = picture(deploy.load(Path(what)).lab, form)
    else:
        record = chosen(what, lab)
        drawn = picture(record.lab, form, running(record))
    if out is None:
        screen.result(drawn.rstrip("\n"))
        return EXIT_FINE
    try:
        out.write_text(drawn)
    except OSError as error:
        raise Mistake(f"cannot write {out}: {error.strerror}") from error
    return EXIT_FINE


def schema(
    what: Annotated[
        str, typer.Argument(metavar="[fabric|scenario]", help="Files of which kind.", autocompletion=complete_schema)
    ] = "fabric",
) -> int:
    """Print the JSON Schema of fabric files or of scenarios, for editors."""
    import msgspec

    if what not in SCHEMAS:
        raise Mistake(f"no schema of {what!r}; there are {', '.join(SCHEMAS)}")
    screen.result(msgspec.json.format(msgspec.json.encode(SCHEMAS[what]()), indent=2).decode())
    return EXIT_FINE


def _fabric_schema() -> dict[str, Any]:
    from topologies.files.fabric import json_schema

    return json_schema()


def _scenario_schema() -> dict[str, Any]:
    from labs.chaos.scenario import json_schema

    return json_schema()


SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {"fabric": _fabric_schema, "scenario": _scenario_schema}


def doctor(as_json: AsJson = False) -> int:
    """Say what this machine can do, and what would cure what it cannot."""
    from msgspec.structs import asdict

    from topologies.runtime import probe

    found = probe.all()
    if as_json:
        screen.document({"capabilities": [{**asdict(each), "present": each.present} for each in found]})
        return EXIT_FINE
    rows = [[each.name, "yes" if each.present else "no", each.purpose, each.detail or each.lack] for each in found]
    screen.table(("WHAT", "THERE", "WHAT FOR", "DETAIL"), rows, wrapped=2)
    cures = [f"  {each.name}: {each.cure}" for each in found if not each.present and each.cure]
    if cures:
        screen.result("\nWhat would help:")
        screen.result("\n".join(cures))
    return EXIT_FINE


def version(as_json: AsJson = False) -> int:
    """Print closlab's version."""
    from topologies.runtime import store

    own, python = VERSION, platform.python_version()
    if as_json:
        screen.document(
            {"closlab": own, "python": python, "kernel": platform.release(), "state": str(store.here().root)}
        )
    else:
        screen.result(f"closlab {own} (Python {python}, Linux {platform.release()})")
    return EXIT_FINE


def clab(context: typer.Context) -> int:
    """Answer as the containerlab program does: deploy, destroy, inspect, exec, tools netem, graph."""
    from labs.clab import run

    return run(context.args)
