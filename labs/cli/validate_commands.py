"""The command validate: NAPALM's compliance report with rules out of the plan.

What it works with is imported when it runs, so that `--help` is quick.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec.structs import asdict

from labs.cli import screen
from labs.cli.completing import complete_node
from labs.cli.options import AsJson, LabName
from topologies.errors import EXIT_CHECK_FAILED, EXIT_FINE, Mistake

if TYPE_CHECKING:
    from automation.validation.report import Finding
    from automation.validation.rules import Rule
    from topologies.runtime.model import LabRecord

Rules = Mapping[str, Sequence["Rule"]]
COLUMNS = ("NODE", "RULE", "WHERE", "EXPECTED", "FOUND")
MOST = 40  # findings shown as a table; JSON has all


def validate(
    nodes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NODE...]", help="Routers; all if none is named.", autocompletion=complete_node),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option("--write", metavar="DIR", help="Write the rules as files for NAPALM's own programs, and stop."),
    ] = None,
    lab: LabName = "",
    as_json: AsJson = False,
) -> int:
    """Have NAPALM compare routers with the plan, getter by getter; exit code 1 where one differs."""
    from automation.orchestra import only
    from labs.cli.orchestra import orchestra

    record, nornir = orchestra(lab, threads=True)
    wanted = _wanted(record, nodes or [])
    if write is not None:
        return _write(record, wanted, write)
    found = _found(only(nornir, wanted), wanted)
    _show(record.name, list(wanted), found, as_json=as_json)
    return EXIT_CHECK_FAILED if found else EXIT_FINE


def _wanted(record: "LabRecord", names: Sequence[str]) -> Rules:
    """The rules of these routers, or of all. Raises Mistake for a lab without a plan, and for what is no router."""
    from automation.validation.rules import rules
    from topologies import deploy

    plan = deploy.plan_of(record)
    if plan is None:
        raise Mistake(f"lab {record.name}: it has no plan to validate by; `closlab check` tests what needs none")
    every = rules(plan, record.lab.management())
    for name in names:
        if name not in every:
            raise Mistake(f"lab {record.name}: no router {name!r}; there are {', '.join(sorted(every))}")
    return {name: each for name, each in every.items() if not names or name in names}


def _found(nornir: Any, wanted: Rules) -> "list[Finding]":
    from automation.tasks.validate import validate as task
    from automation.validation.report import unanswered

    done = nornir.run(task, rules=wanted)
    found: list[Finding] = []
    for name in wanted:
        error = done[name][0].exception
        found += [unanswered(name, error)] if error is not None else done[name][0].result
    return found


def _write(record: "LabRecord", wanted: Rules, folder: Path) -> int:
    import yaml

    from topologies.render.writing import write_folder

    files = {f"{name}.yml": yaml.safe_dump(list(each), sort_keys=False) for name, each in wanted.items()}
    try:
        changed = write_folder(files, folder)
    except OSError as error:
        raise Mistake(f"cannot write into {folder}: {error.strerror}") from error
    name = next(iter(files)).removesuffix(".yml")
    screen.remark(f"{len(files)} files in {folder}, {len(changed)} of them new or changed; such as")
    lab = f"\"lab='{record.name}'\""  # NAPALM reads it as Python
    line = f"napalm --vendor frr --user '' --password '' --optional_args {lab} {name} validate"
    screen.remark(f"  {line} {folder / name}.yml")
    return EXIT_FINE


def _show(lab: str, nodes: Sequence[str], found: "Sequence[Finding]", *, as_json: bool) -> None:
    if as_json:
        failing = {each.node for each in found}
        report = [{"name": name, "complies": name not in failing} for name in nodes]
        screen.document({"lab": lab, "nodes": report, "findings": [asdict(each) for each in found]})
        return
    if found:
        rows = [(each.node, each.rule, each.where, each.expected, each.found) for each in found[:MOST]]
        screen.table(COLUMNS, rows, wrapped=3)
        if (rest := len(found) - MOST) > 0:
            screen.result(f"... and {rest} more; --json has all")
    good = len(nodes) - len({each.node for each in found})
    screen.verdict(f"{lab}: {good} of {len(nodes)} routers comply with the plan", good=not found)
