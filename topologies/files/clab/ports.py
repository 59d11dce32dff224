"""Published ports, as Docker writes them: [IP:][HOST:]NODE[/PROTOCOL], where HOST and NODE may be ranges A-B."""

import re
from collections.abc import Iterator

from topologies.errors import Mistake
from topologies.lab import Port

PORT = re.compile(
    r"(?:(?P<ip>\[[0-9A-Fa-f:.]+\]|\d+(?:\.\d+){3}):)?(?:(?P<host>\d+(?:-\d+)?):)?(?P<node>\d+(?:-\d+)?)(?:/(?P<protocol>\w+))?"
)
PROTOCOLS = ("tcp", "udp", "sctp")
SHAPE = "[IP:][HOST:]NODE[/tcp|/udp|/sctp], HOST and NODE a port or a range A-B"


def ports(text: str, place: str) -> Iterator[Port]:
    """The ports that one text publishes; host port 0 lets the machine choose. Raises Mistake for another shape."""
    match = PORT.fullmatch(text)
    protocol = (match["protocol"] or "tcp").lower() if match else ""
    if match is None or protocol not in PROTOCOLS:
        raise Mistake(f"{place}: {text!r} is no published port; allowed: {SHAPE}")
    inner = span(match["node"], place)
    outer = span(match["host"], place) if match["host"] else range(0)
    if outer and len(outer) != len(inner):
        raise Mistake(f"{place}: {text!r} publishes {len(inner)} ports of the node on {len(outer)} of the machine")
    address = (match["ip"] or "127.0.0.1").strip("[]")
    for index, port in enumerate(inner):
        yield Port(port, outer[index] if outer else 0, address, protocol)


def span(text: str, place: str) -> range:
    """The ports of A or A-B."""
    first, _, last = text.partition("-")
    found = range(int(first), int(last or first) + 1)
    if not found or found[0] < 1 or found[-1] > 65535:
        raise Mistake(f"{place}: {text!r} is no port or range of ports; allowed: 1 to 65535")
    return found


def written(port: Port) -> str:
    """A port as containerlab reads it back."""
    if not port.host_port:
        return f"{port.node_port}/{port.protocol}" if port.protocol != "tcp" else str(port.node_port)
    address = f"[{port.host_ip}]" if ":" in port.host_ip else port.host_ip
    return f"{address}:{port.host_port}:{port.node_port}/{port.protocol}"
