"""LLDP neighbours as lldpd sees them, in NAPALM's shapes. Pure.

Of lldpcli's two kinds of JSON this is the one whose shape does not depend on how many neighbours there are.
"""

import msgspec
from napalm.base import models

from napalm_frr.wire import decode

SHOW = ("lldpcli", "-f", "json0", "show", "neighbors", "details")
CAPABILITIES = {"wlan": "wlan-access-point", "tel": "telephone", "docsis": "docsis-cable-device"}


class _Text(msgspec.Struct, frozen=True):
    value: str = ""


class _Capability(msgspec.Struct, frozen=True):
    type: str
    enabled: bool = False

    @property
    def name(self) -> str:
        """In NAPALM's words."""
        return CAPABILITIES.get(self.type.lower(), self.type.lower())


class _Chassis(msgspec.Struct, frozen=True):
    id: tuple[_Text, ...] = ()
    name: tuple[_Text, ...] = ()
    descr: tuple[_Text, ...] = ()
    capability: tuple[_Capability, ...] = ()


class _Port(msgspec.Struct, frozen=True):
    id: tuple[_Text, ...] = ()
    descr: tuple[_Text, ...] = ()


class _Seen(msgspec.Struct, frozen=True):
    name: str
    chassis: tuple[_Chassis, ...] = ()
    port: tuple[_Port, ...] = ()


class _Interfaces(msgspec.Struct, frozen=True):
    interface: tuple[_Seen, ...] = ()


class _Answer(msgspec.Struct, frozen=True):
    lldp: tuple[_Interfaces, ...] = ()


def neighbors(text: str) -> dict[str, list[models.LLDPNeighborDict]]:
    """As NAPALM's get_lldp_neighbors."""
    return {
        interface: [{"hostname": each["remote_system_name"], "port": each["remote_port"]} for each in found]
        for interface, found in details(text).items()
    }


def details(text: str, interface: str = "") -> models.LLDPNeighborsDetailDict:
    """As NAPALM's get_lldp_neighbors_detail, of one interface or of all."""
    found: models.LLDPNeighborsDetailDict = {}
    for seen in (each for answer in decode(text, _Answer).lldp for each in answer.interface):
        if interface in ("", seen.name):
            found.setdefault(seen.name, []).append(_detail(seen))
    return found


def _detail(seen: _Seen) -> models.LLDPNeighborDetailDict:
    chassis = seen.chassis[0] if seen.chassis else _Chassis()
    port = seen.port[0] if seen.port else _Port()
    return {
        "parent_interface": "",
        "remote_port": _first(port.id),
        "remote_port_description": _first(port.descr),
        "remote_chassis_id": _first(chassis.id),
        "remote_system_name": _first(chassis.name),
        "remote_system_description": _first(chassis.descr),
        "remote_system_capab": [each.name for each in chassis.capability],
        "remote_system_enable_capab": [each.name for each in chassis.capability if each.enabled],
    }


def _first(texts: tuple[_Text, ...]) -> str:
    return texts[0].value if texts else ""
