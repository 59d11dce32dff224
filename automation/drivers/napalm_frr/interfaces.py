"""Interfaces: their state and addresses as zebra shows them, their counters as the kernel does. Pure."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec
from napalm.base import models

from napalm_frr.wire import UNKNOWN, decode, epoch

SHOW = "show interface vrf all json"
SPEEDLESS = (0, 0xFFFFFFFF)  # Mbit/s, where an interface has no speed
DEFAULT_VRF = "default"


class _Address(msgspec.Struct, frozen=True):
    address: str


class Interface(msgspec.Struct, frozen=True, rename="camel"):
    """One interface. Times are local to the router, "" where it never happened."""

    administrative_status: str = ""
    operational_status: str = ""
    description: str = ""
    mtu: int = 0
    speed: int = 0
    hardware_address: str = ""
    vrf_name: str = DEFAULT_VRF
    last_link_up: str = ""
    last_link_down: str = ""
    ip_addresses: tuple[_Address, ...] = ()


Interfaces: TypeAlias = Mapping[str, Interface]


class _Counted(msgspec.Struct):
    bytes: int
    errors: int
    dropped: int


class _Both(msgspec.Struct):
    rx: _Counted
    tx: _Counted


class _Link(msgspec.Struct):
    ifname: str
    stats64: _Both


def parse(text: str) -> Interfaces:
    """The answer to SHOW."""
    return decode(text, dict[str, Interface])


def states(interfaces: Interfaces, zone: str) -> dict[str, models.InterfaceDict]:
    """As NAPALM's get_interfaces; `zone` is the router's offset from UTC, such as +0100."""
    return {name: _state(each, zone) for name, each in interfaces.items()}


def _state(seen: Interface, zone: str) -> models.InterfaceDict:
    return {
        "is_up": seen.operational_status == "up",
        "is_enabled": seen.administrative_status == "up",
        "description": seen.description,
        "last_flapped": epoch(max(seen.last_link_up, seen.last_link_down), zone),
        "mtu": seen.mtu,
        "speed": float(UNKNOWN if seen.speed in SPEEDLESS else seen.speed),
        "mac_address": seen.hardware_address.upper(),
    }


def addresses(interfaces: Interfaces) -> dict[str, models.InterfacesIPDict]:
    """As NAPALM's get_interfaces_ip: interfaces that have addresses, link-local ones included."""
    return {name: _addresses(each.ip_addresses) for name, each in interfaces.items() if each.ip_addresses}


def _addresses(having: Iterable[_Address]) -> models.InterfacesIPDict:
    found: models.InterfacesIPDict = {}
    for each in having:
        address, _, length = each.address.partition("/")
        entry: models.InterfacesIPDictEntry = {"prefix_length": int(length)}
        if ":" in address:
            found.setdefault("ipv6", {})[address] = entry
        else:
            found.setdefault("ipv4", {})[address] = entry
    return found


def counters(text: str) -> dict[str, models.InterfaceCounterDict]:
    """As NAPALM's get_interfaces_counters, from `ip -j -s link`. Linux does not count packets by kind of address."""
    return {link.ifname: _counters(link.stats64) for link in decode(text, list[_Link])}


def _counters(seen: _Both) -> models.InterfaceCounterDict:
    return {
        "tx_errors": seen.tx.errors,
        "rx_errors": seen.rx.errors,
        "tx_discards": seen.tx.dropped,
        "rx_discards": seen.rx.dropped,
        "tx_octets": seen.tx.bytes,
        "rx_octets": seen.rx.bytes,
        "tx_unicast_packets": UNKNOWN,
        "rx_unicast_packets": UNKNOWN,
        "tx_multicast_packets": UNKNOWN,
        "rx_multicast_packets": UNKNOWN,
        "tx_broadcast_packets": UNKNOWN,
        "rx_broadcast_packets": UNKNOWN,
    }


def instances(
    interfaces: Interfaces, vrfs: str, distinguishers: Mapping[str, str]
) -> dict[str, models.NetworkInstanceDict]:
    """As NAPALM's get_network_instances, from the answer to `show vrf` and the route distinguishers by VRF."""
    named = [line.split()[1] for line in vrfs.splitlines() if line.startswith("vrf ")]
    members = {name: [at for at, each in interfaces.items() if each.vrf_name == name] for name in (DEFAULT_VRF, *named)}
    return {name: _instance(name, having, distinguishers.get(name, "")) for name, having in members.items()}


def _instance(name: str, having: Iterable[str], distinguisher: str) -> models.NetworkInstanceDict:
    return {
        "name": name,
        "type": "DEFAULT_INSTANCE" if name == DEFAULT_VRF else "L3VRF",
        "state": {"route_distinguisher": distinguisher},
        "interfaces": {"interface": {each: {} for each in having}},
    }
