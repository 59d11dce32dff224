"""`closlab traffic decode`: a capture of RDMA traffic, explained."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labs.cli import complain, screen
from labs.cli.options import AsJson
from topologies.errors import EXIT_CHECK_FAILED, EXIT_FINE

if TYPE_CHECKING:
    from labs.cli.traffic_reports import Decoded

SHOWN = 1000  # packets, unless asked otherwise


def decode(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A capture, pcap or pcapng.")],
    limit: Annotated[int, typer.Option(metavar="N", min=0, help="Show the first N packets; 0: flows only.")] = SHOWN,
    as_json: AsJson = False,
) -> int:
    """Explain a capture of RoCE traffic: each packet, and each flow with its gaps, marks and refusals.

    Ends with 1 where the file is cut or damaged; what is whole before that is explained all the same.
    """
    from labs.cli.traffic_reports import decoded, document
    from labs.traffic.capture.files import frames

    found = decoded(frames(file), limit)
    if as_json:
        screen.document(document(str(file), found))
    else:
        _show(str(file), found)
    if found.damage is not None:
        complain(f"{file}: {found.damage}")
        return EXIT_CHECK_FAILED
    return EXIT_FINE


def _show(file: str, found: "Decoded") -> None:
    from labs.cli.traffic_reports import COLUMNS, FLOWS, closing, flow_row, packet_row

    if found.shown:
        screen.table(COLUMNS, [packet_row(each) for each in found.shown], wrapped=1)
        screen.result("")
    if found.flows:
        screen.table(FLOWS, [flow_row(each) for each in found.flows])
    screen.result(closing(file, found))
