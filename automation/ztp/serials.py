"""Which serial number is which node: made up from the lab's and the node's name, or said by an inventory file. Pure."""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Mapping

from topologies.errors import Mistake
from topologies.files import yaml

PREFIX = "CL"
SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def serial_of(lab: str, node: str) -> str:
    """The serial number of a node for which nobody said one; always the same for the same names."""
    return PREFIX + hashlib.blake2b(f"{lab}/{node}".encode(), digest_size=5).hexdigest().upper()


def successor(lab: str, node: str, former: str) -> str:
    """The serial number of the switch that takes another's place, where nobody said one."""
    return serial_of(lab, f"{node}/{former}")


def refuse_nonsense(serial: str, place: str) -> None:
    """Raise Mistake for what is no serial number: it becomes a host name, and words of configurations."""
    if not SERIAL.fullmatch(serial):
        told = "letters, digits, '.', '_' and '-', a letter or digit first, 63 at most"
        raise Mistake(f"{place}: {serial!r} is no serial number: {told}")


def read_inventory(text: str, place: str) -> Mapping[str, str]:
    """An inventory file: YAML, `SERIAL: NODE` on each line. Raises Mistake with the place of what is wrong."""
    return yaml.load(text, place, dict[str, str])


def serials(lab: str, nodes: Collection[str], named: Mapping[str, str], place: str = "inventory") -> Mapping[str, str]:
    """The serial number of every node. `named` is an inventory, serial -> node, from `place`; Mistake for nonsense."""
    for serial in named:
        refuse_nonsense(serial, place)
    if unknown := sorted(set(named.values()) - set(nodes)):
        raise Mistake(f"{place}: no switch {', '.join(unknown)}; there are {', '.join(nodes)}")
    if twice := sorted(node for node, count in Counter(named.values()).items() if count > 1):
        raise Mistake(f"{place}: more than one serial number for {', '.join(twice)}")
    given = {node: serial for serial, node in named.items()}
    return {node: given.get(node) or serial_of(lab, node) for node in nodes}
