"""What looks wrong in a file that brings its own configurations: addresses set twice, AS numbers that do not fit.

None of it is certain, for tenants may overlap and anycast repeats addresses on purpose; so it is advice, never refused.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_interface
from itertools import groupby

from topologies.lab import Lab, LabNode
from topologies.model import Role

CONFIGS = ("/frr.conf", "/bgpd.conf", "/zebra.conf")  # files of a node that may have its ASN and addresses
ROUTER = re.compile(r"^router bgp (\d+)\s*$", re.MULTILINE)
INTERFACE = re.compile(r"^interface (\S+).*\n((?:[ !].*\n?)*)", re.MULTILINE)
ADDRESS = re.compile(r"^\s+ip(?:v6)? address (\S+)", re.MULTILINE)
NEIGHBOR = re.compile(r"^\s+neighbor ([0-9A-Fa-f:.]+) remote-as (\d+)\s*$", re.MULTILINE)


def advise(lab: Lab, configs: Mapping[str, str]) -> tuple[str, ...]:
    """Advice on a lab; `configs` has the text of FRR's configuration of nodes that bring one."""
    asns = {name: int(match[1]) for name, text in configs.items() if (match := ROUTER.search(text))}
    owners: dict[str, list[str]] = {}
    for node in lab.nodes:
        for interface, address in dict.fromkeys((*set_addresses(node), *configured(configs.get(node.name, "")))):
            owners.setdefault(address, []).append(f"{node.name}:{interface}")
    return (*twice(owners), *alike(lab, asns), *strangers(configs, asns, owners))


def set_addresses(node: LabNode) -> Iterator[tuple[str, str]]:
    """The addresses that a node's commands set: (interface, address), from `ip address add ADDRESS dev INTERFACE`."""
    for command in node.exec:
        words = [word for word in shlex.split(command) if word not in {"-4", "-6"}]
        is_add = words[:1] == ["ip"] and words[1:2] != [] and "address".startswith(words[1]) and words[2:3] == ["add"]
        if is_add and "dev" in words[4:-1]:
            try:
                yield words[words.index("dev") + 1], str(ip_interface(words[3]).ip)
            except ValueError:
                continue  # what `ip` takes and this does not know; the node will tell


def configured(text: str) -> Iterator[tuple[str, str]]:
    """The addresses that a configuration of FRR sets: (interface, address)."""
    for interface, block in INTERFACE.findall(text):
        for address in ADDRESS.findall(block):
            try:
                yield interface, str(ip_interface(address).ip)
            except ValueError:
                continue  # FRR will tell


def twice(owners: Mapping[str, list[str]]) -> Iterator[str]:
    """Addresses that several nodes set."""
    for address, places in owners.items():
        if len(places) > 1:
            yield f"address {address} is set on {' and '.join(places)}"


def alike(lab: Lab, asns: Mapping[str, int]) -> Iterator[str]:
    """Leaves with one AS number: each drops the other's routes, taking them for a loop (RFC 4271 section 9.1.2)."""
    leaves = sorted((asns[node.name], node.name) for node in lab.nodes if node.role is Role.LEAF and node.name in asns)
    for asn, members in groupby(leaves, key=lambda leaf: leaf[0]):
        names = [name for _, name in members]
        if len(names) > 1:
            yield f"AS {asn} is that of {' and '.join(names)}: they drop each other's routes"


def strangers(configs: Mapping[str, str], asns: Mapping[str, int], owners: Mapping[str, list[str]]) -> Iterator[str]:
    """Neighbours that have another AS number than the configuration expects: such a session never comes up."""
    for name, text in configs.items():
        for address, expected in NEIGHBOR.findall(text):
            for place in owners.get(bare(address), ()):
                peer = place.partition(":")[0]
                if peer in asns and asns[peer] != int(expected):
                    yield f"{name} expects AS {expected} at {address}, but {peer} is AS {asns[peer]}"


def bare(address: str) -> str:
    """An address in its shortest spelling; what is none, as it is."""
    try:
        return str(ip_address(address))
    except ValueError:
        return address
