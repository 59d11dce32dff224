"""What the kernel and its programs show of neighbours, bridges and users, in NAPALM's shapes. Pure."""

from collections.abc import Mapping

import msgspec
from napalm.base import models

from napalm_frr.interfaces import Interfaces
from napalm_frr.wire import UNKNOWN, decode

UNTAGGED = 0  # NAPALM wants a number where a bridge has no VLANs
STATIC = ("permanent", "static", "noarp")
FULL, LITTLE = 15, 1  # levels of access
VTY_GROUP = "frrvty"  # its members may configure FRR
NO_SHELLS = ("nologin", "false", "sync")


class _Neighbour(msgspec.Struct, frozen=True):
    dst: str
    dev: str
    lladdr: str = ""
    state: tuple[str, ...] = ()
    confirmed: int = UNKNOWN  # seconds


class _Entry(msgspec.Struct, frozen=True):
    mac: str
    ifname: str
    vlan: int = UNTAGGED
    master: str = ""
    state: str = ""


class _Member(msgspec.Struct, frozen=True):
    vlan: int


class _Port(msgspec.Struct, frozen=True):
    ifname: str = ""
    vlans: tuple[_Member, ...] = ()


def arp_table(text: str, interfaces: Interfaces, vrf: str) -> list[models.ARPTableDict]:
    """As NAPALM's get_arp_table, from `ip -j -s -4 neigh`: those with a MAC address, of one VRF or ("") of all."""
    return [
        {"interface": each.dev, "mac": each.lladdr.upper(), "ip": each.dst, "age": _age(each)}
        for each in decode(text, list[_Neighbour])
        if each.lladdr and (not vrf or (each.dev in interfaces and interfaces[each.dev].vrf_name == vrf))
    ]


def neighbors_table(text: str) -> list[models.IPV6NeighborDict]:
    """As NAPALM's get_ipv6_neighbors_table, from `ip -j -s -6 neigh`."""
    return [
        {
            "interface": each.dev,
            "mac": each.lladdr.upper(),
            "ip": each.dst,
            "age": _age(each),
            "state": " ".join(each.state),
        }
        for each in decode(text, list[_Neighbour])
    ]


def _age(seen: _Neighbour) -> float:
    """Seconds since the neighbour was last known to be there; unknown for an entry that somebody set."""
    return float(UNKNOWN if "PERMANENT" in seen.state else seen.confirmed)


def mac_address_table(text: str) -> list[models.MACAdressTable]:
    """As NAPALM's get_mac_address_table, from `bridge -j -s fdb show`: the entries of bridges."""
    return [
        {
            "mac": each.mac.upper(),
            "interface": each.ifname,
            "vlan": each.vlan,
            "static": each.state in STATIC,
            "active": True,
            "moves": UNKNOWN,
            "last_move": float(UNKNOWN),
        }
        for each in decode(text, list[_Entry])
        if each.master
    ]


def vlans(text: str) -> dict[int, models.VlanDict]:
    """As NAPALM's get_vlans, from `bridge -j vlan show`. Linux gives VLANs no names."""
    found: dict[int, models.VlanDict] = {}
    for port in decode(text, list[_Port]):
        for member in port.vlans:
            found.setdefault(member.vlan, {"name": "", "interfaces": []})["interfaces"].append(port.ifname)
    return dict(sorted(found.items()))


def homes(passwd: str) -> dict[str, str]:
    """The home of each user that has a shell, out of /etc/passwd."""
    lines = [line.split(":") for line in passwd.splitlines() if line.count(":") == 6]
    return {user: home for user, _, _, _, _, home, shell in lines if not shell.endswith(NO_SHELLS)}


def users(passwd: str, group: str, keys: str) -> dict[str, models.UsersDict]:
    """As NAPALM's get_users: who can log in. `group` is the line of VTY_GROUP, `keys` are `grep -H` on their keys.

    Password hashes stay where they are.
    """
    members = group.strip().rpartition(":")[2].split(",")
    of_file = _by_file(keys)
    return {
        user: {
            "level": FULL if user == "root" or user in members else LITTLE,
            "password": "",
            "sshkeys": of_file.get(keys_file(home), []),
        }
        for user, home in homes(passwd).items()
    }


def keys_file(home: str) -> str:
    """Where the SSH keys are that let a user in."""
    return f"{home.rstrip('/')}/.ssh/authorized_keys"


def _by_file(grepped: str) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in grepped.splitlines():
        path, _, text = line.partition(":")
        found.setdefault(path, []).append(text)
    return found
