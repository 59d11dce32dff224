"""`closlab balance`: how switches choose among paths of equal cost."""

from typing import TYPE_CHECKING, Annotated

import typer

from labs.cli import screen
from labs.cli.completing import complete_mode, complete_node
from labs.cli.options import AsJson, LabName
from topologies.errors import EXIT_FINE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from topologies.runtime.model import LabRecord


def balance(
    mode: Annotated[
        str,
        typer.Argument(
            metavar="[MODE]",
            help="kernel, five-tuple, destination-qp, flowlet, spray or polarised; without one, show what is set.",
            autocompletion=complete_mode,
        ),
    ] = "",
    gap: Annotated[
        int | None,
        typer.Option(metavar="US", help="With flowlet: the pause after which a flow may move. [default: 500]"),
    ] = None,
    node: Annotated[
        list[str] | None,
        typer.Option(metavar="NODE", help="This switch only; may be repeated.", autocompletion=complete_node),
    ] = None,
    lab: LabName = "",
    as_json: AsJson = False,
) -> int:
    """Set or show how switches choose among paths of equal cost (docs/balancing.md)."""
    from labs.cli.chosen import chosen
    from topologies.balancing import model, switches
    from topologies.errors import Mistake

    if not mode and gap is not None:
        raise Mistake("--gap belongs to a mode: closlab balance flowlet --gap 500")
    wanted = model.balance(mode, gap) if mode else None
    record = chosen(lab)
    names = tuple(dict.fromkeys(node or switches.switches(record)))
    switches.refuse_others(record, names)
    if wanted is not None:
        switches.make(record, dict.fromkeys(names, wanted))
    _show(record, names, as_json=as_json)
    return EXIT_FINE


def _show(record: "LabRecord", names: "Sequence[str]", *, as_json: bool) -> None:
    """What the kernels of these switches have; all are asked, for seeds are compared."""
    from topologies.balancing.reading import modes, summary
    from topologies.balancing.switches import look, switches

    found = modes(look(record, switches(record)))
    if as_json:
        rows = [{"node": name, "ports": found.get(name)} for name in names]
        screen.document({"lab": record.name, "switches": rows})
        return
    screen.table(("SWITCH", "BALANCE"), [[name, summary(found[name]) if name in found else "off"] for name in names])
