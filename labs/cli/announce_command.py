"""`closlab announce`: look after a service on a host, until stopped. What it works with is imported when it runs."""

from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from labs.cli import Stopped, screen
from labs.cli.options import AsJson, LabName, NodeName
from topologies.errors import EXIT_FINE, Mistake

if TYPE_CHECKING:
    from automation.announce import Move
    from topologies.workloads.model import Check

Seconds = Annotated[float, typer.Option(metavar="SECONDS", help="Between two checks.")]
Port = Annotated[str, typer.Option("--tcp", metavar="PORT", help="It is well while this port takes connections.")]
Url = Annotated[
    str, typer.Option("--http", metavar="PORT/PATH", help="It is well while this is answered, as 80/health.")
]


def announce(
    node: NodeName,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="A single address of the fabric's service pools.")],
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[-- COMMAND...]", help="It is well while this ends with 0.")
    ] = None,
    tcp: Port = "",
    http: Url = "",
    interval: Seconds = 1.0,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="For one check.")] = 1.0,
    rise: Annotated[int, typer.Option(help="So many passed checks in a row announce it.")] = 2,
    fall: Annotated[int, typer.Option(help="So many failed checks in a row withdraw it.")] = 3,
    community: Annotated[list[str] | None, typer.Option(metavar="A:B", help="Announce it with this community.")] = None,
    own: Annotated[str, typer.Option(metavar="ADDRESS", help="With --peer: that of the host itself.")] = "",
    peer: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="Of another host that announces it: gets connections unknown here."),
    ] = None,
    here: Annotated[bool, typer.Option("--here", help="NODE is the one that closlab itself runs in.")] = False,
    lab: LabName = "",
    as_json: AsJson = False,
) -> int:
    """Announce a service address from a host while the service there is well; ends, and withdraws it, when stopped."""
    from automation.announce import Announcement, announce, announce_from
    from automation.health import Timing
    from labs.cli.chosen import chosen
    from topologies.runtime.inside import Inside

    timing = Timing(interval, timeout, rise, fall)
    if bool(own) != bool(peer):
        raise Mistake("--own and --peer go together: connections are handed over from one address to others")
    check, communities = check_of(tcp, http, command or []), tuple(community or ())
    wanted = Announcement(node, address, check, timing, communities, own, tuple(peer or ()))
    moves: list[Move] = []

    def tell(move: "Move") -> None:
        moves.append(move)
        screen.remark(f"{address} at {node}: {move.state}" + (f" ({move.why})" if move.why else ""))

    try:
        if here:
            announce_from(Inside(node), wanted, stop=Event(), tell=tell)
        else:
            announce(chosen(lab), wanted, stop=Event(), tell=tell)
    except Stopped:  # which is how it ends
        screen.remark(f"{address} at {node}: ended")
    if as_json:
        told = [{"at": round(move.at, 3), "state": str(move.state), "why": move.why} for move in moves]
        screen.document({"node": node, "address": address, "moves": told})
    return EXIT_FINE


def check_of(tcp: str, http: str, command: list[str]) -> "Check":
    """The one check that is asked for. Raises Mistake for none, or several, or what is none."""
    from topologies.workloads.model import Command, Http, Tcp

    if sum(map(bool, (tcp, http, command))) != 1:
        raise Mistake("say how the service is checked, in one way: --tcp PORT, --http PORT/PATH or -- COMMAND")
    if command:
        return Command(tuple(command))
    number, _, path = (tcp or http).partition("/")
    if not number.isdecimal() or not 0 < int(number) < 1 << 16 or (tcp and path):
        raise Mistake(
            f"{tcp or http!r}: it must begin with a port from 1 to 65535" if http else f"--tcp {tcp!r}: no port"
        )
    return Tcp(int(number)) if tcp else Http(int(number), f"/{path}")
