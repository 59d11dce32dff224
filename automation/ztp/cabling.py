"""Is each cable where the plan has it? What a switch hears by LLDP, compared with what it should hear. Pure.

Who is at the far end is told by the chassis id, which is a serial number (a host's is its name): names change when a
switch is provisioned, serials do not.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from automation.ztp.trouble import Trouble


@dataclass(frozen=True, slots=True)
class Far:
    """The far end of a cable as LLDP tells it."""

    chassis: str
    port: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """What a port must lead to. A port whose far end need not be `heard` must still be right where it is."""

    port: str
    node: str
    serial: str
    far_port: str
    heard: bool = True

    def met_by(self, far: Far) -> bool:
        """Whether that is the far end."""
        return far.chassis == self.serial and far.port == self.far_port


@dataclass(frozen=True, slots=True)
class Cabling:
    """All planned ports of one node, and the nodes of all serials, to name whoever is at the wrong end."""

    node: str
    ports: tuple[Planned, ...]
    nodes: Mapping[str, str]

    def named(self, far: Far) -> str:
        """A far end as people call it: by its node, or by what it says of itself where no node has that serial."""
        return f"{self.nodes.get(far.chassis, far.chassis)}:{far.port}"


def with_serials(cabling: Cabling, serials: Mapping[str, str]) -> Cabling:
    """The same where every node that has a serial number is known by it."""
    ports = tuple(replace(port, serial=serials.get(port.node, port.node)) for port in cabling.ports)
    return replace(cabling, ports=ports, nodes={serial: node for node, serial in serials.items()})


def write(cabling: Cabling) -> str:
    """The text of a cabling, for a bundle."""
    return json.dumps(asdict(cabling), sort_keys=True)


def read(text: str) -> Cabling:
    """A cabling out of a bundle; Trouble where it is none."""
    try:
        data = json.loads(text)
        ports = tuple(Planned(**port) for port in data["ports"])
        return Cabling(str(data["node"]), ports, {str(s): str(n) for s, n in data["nodes"].items()})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Trouble(f"the bundle's cabling cannot be read: {error!r}") from error


def wrong(cabling: Cabling, heard: Mapping[str, Sequence[Far]], *, surely: bool = False) -> list[str]:
    """The ports that lead elsewhere, in words: both ends, what was expected and what was found.

    A port that hears several is left out unless that stays so, which makes it `surely`: a cable has one far end, and
    what the former one said is kept for some seconds.
    """
    found = []
    for planned in cabling.ports:
        ends = heard.get(planned.port, ())
        others = [far for far in ends if not planned.met_by(far)]
        if others and (surely or len(ends) == 1):
            there = ", ".join(cabling.named(far) for far in others)
            expected = f"{planned.node}:{planned.far_port}"
            found.append(f"{cabling.node}:{planned.port} should lead to {expected}, and leads to {there}")
    return found


def unclear(cabling: Cabling, heard: Mapping[str, Sequence[Far]]) -> list[str]:
    """The ports from whose far end nothing was heard and should have been, and those that hear several."""
    found = []
    for planned in cabling.ports:
        ends, expected = heard.get(planned.port, ()), f"({planned.node}:{planned.far_port} is expected)"
        if len(ends) > 1:
            found.append(f"{cabling.node}:{planned.port} hears {' and '.join(map(cabling.named, ends))} {expected}")
        elif planned.heard and not ends:
            found.append(f"{cabling.node}:{planned.port} hears nobody {expected}")
    return found


def neighbours(answer: str) -> dict[str, tuple[Far, ...]]:
    """What `lldpcli -f json0 show neighbors` tells, by port; Trouble where that is no such answer."""
    try:
        entries = [each for part in json.loads(answer)["lldp"] for each in part.get("interface", ())]
        found: dict[str, tuple[Far, ...]] = {}
        for entry in entries:
            chassis, port = entry["chassis"][0], entry["port"][0]
            far = Far(_value(chassis["id"]), _value(port["id"]), _value(chassis.get("name", ())))
            found[entry["name"]] = (*found.get(entry["name"], ()), far)
        return found
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise Trouble(f"lldpd's answer cannot be read: {error!r}") from error


def _value(texts: Iterable[Any]) -> str:
    return next((str(text["value"]) for text in texts), "")
