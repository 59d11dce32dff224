"""`link set` and `link clear`: impair what leaves one end of a cable."""

from typing import TYPE_CHECKING, Annotated

import typer

from labs.cli import screen
from labs.cli.options import AsJson, LabName, LinkEnd
from topologies.errors import EXIT_FINE, Mistake

if TYPE_CHECKING:
    from topologies.impairments.model import Impairment

Both = Annotated[bool, typer.Option("--both", help="Both directions of the cable.")]
Percent = Annotated[float, typer.Option(help="Percent of packets.", show_default=False)]
Milliseconds = Annotated[float, typer.Option(help="Milliseconds.", show_default=False)]


def link_set(
    end: LinkEnd,
    rate: Annotated[float, typer.Option(help="Mbit/s.", show_default=False)] = 0,
    delay: Milliseconds = 0,
    jitter: Milliseconds = 0,
    loss: Percent = 0,
    corruption: Percent = 0,
    duplicate: Percent = 0,
    reorder: Percent = 0,
    ecn: Annotated[
        str, typer.Option(metavar="kmin=…,kmax=…,pmax=…", help="Mark by backlog: bytes, bytes, percent.")
    ] = "",
    queue: Annotated[
        list[str] | None,
        typer.Option(metavar="DSCP=…", help="A queue by DSCP: its share in percent, or `first`; may be repeated."),
    ] = None,
    both: Both = False,
    lab: LabName = "",
    as_json: AsJson = False,
) -> int:
    """Impair what leaves one end of a cable, in place of what was set before."""
    from topologies.impairments import model
    from topologies.impairments.model import Impairment, refuse_impossible

    law, queues = model.marking(ecn) if ecn else None, tuple(model.queue(each) for each in queue or ())
    wanted = Impairment(rate, delay, jitter, loss, corruption, duplicate, reorder, law, queues)
    if wanted == Impairment():
        raise Mistake("nothing to set; such as --loss 1, or `closlab link clear` to end what is set")
    refuse_impossible(wanted)
    return _impair(end, wanted, both=both, lab=lab, as_json=as_json)


def link_clear(end: LinkEnd, both: Both = False, lab: LabName = "", as_json: AsJson = False) -> int:
    """End the impairments of one end of a cable; the rate that its file gives it stays."""
    from topologies.impairments.model import Impairment

    return _impair(end, Impairment(), both=both, lab=lab, as_json=as_json)


def _impair(end: str, wanted: "Impairment", *, both: bool, lab: str, as_json: bool) -> int:
    from labs.cli.chosen import chosen, end_of
    from labs.impairing import far_end, impair

    end_of(end)
    record = chosen(lab)
    ends = [end, far_end(record, end)] if both else [end]
    seen = impair(record, ends, wanted)
    if as_json:
        rows = [{"end": each, "impairment": found.report()} for each, found in zip(ends, seen, strict=True)]
        screen.document({"ends": rows})
        return EXIT_FINE
    for each, found in zip(ends, seen, strict=True):
        text = found.text()
        screen.remark(f"{each} sends with {text}" if text else f"{each} is not impaired")
    return EXIT_FINE
