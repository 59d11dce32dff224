"""What a switch needs beside its routing daemons: a name, addresses, kernel settings, permanent neighbours. Pure.

FRR could set the addresses too, but a lab's own routers have them from the system, and what runs must be the same
however it came there.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass

from automation.ztp.trouble import Trouble

FRRS_OWN = "169.254.0.1"


@dataclass(frozen=True, slots=True)
class System:
    """Pairs of (interface, CIDR), of (setting, value), and triples of (interface, address, MAC)."""

    hostname: str
    addresses: tuple[tuple[str, str], ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()
    neighbours: tuple[tuple[str, str, str], ...] = ()


def write(system: System) -> str:
    """The text of a system, for a bundle."""
    return json.dumps(asdict(system))


def read(text: str) -> System:
    """A system out of a bundle; Trouble where it is none."""
    try:
        data = json.loads(text)
        rows = {name: tuple(tuple(map(str, row)) for row in data[name]) for name in ("addresses", "sysctls")}
        neighbours = tuple((str(i), str(a), str(m)) for i, a, m in data["neighbours"])
        pairs = {name: tuple((a, b) for a, b in found) for name, found in rows.items()}
        return System(str(data["hostname"]), neighbours=neighbours, **pairs)
    except (ValueError, TypeError, KeyError) as error:
        raise Trouble(f"the bundle's system cannot be read: {error!r}") from error


def commands(
    wanted: System, there: Collection[tuple[str, str]], permanent: Collection[tuple[str, str]]
) -> Iterator[str]:
    """Lines for `ip -batch` that lead from the addresses and permanent neighbours there are to the wanted ones."""
    for interface, address in sorted(set(there) - set(wanted.addresses)):
        yield f"address del {address} dev {interface}"
    for interface, address in wanted.addresses:
        if (interface, address) not in there:
            yield f"address add {address} dev {interface}"
    kept = {(interface, address) for interface, address, _ in wanted.neighbours}
    for interface, address in sorted(set(permanent) - kept):
        yield f"neighbour del {address} dev {interface}"
    for interface, address, mac in wanted.neighbours:
        yield f"neighbour replace {address} lladdr {mac} dev {interface} nud permanent"


def addresses(answer: str, management: str) -> set[tuple[str, str]]:
    """The addresses that are a fabric's business, out of `ip -j address`: neither link-local nor loopback ones."""
    found = set()
    for link in json.loads(answer or "[]"):
        for each in link.get("addr_info", ()):
            if link["ifname"] != management and each.get("scope") == "global":
                found.add((link["ifname"], f"{each['local']}/{each['prefixlen']}"))
    return found


def permanents(answer: str, management: str) -> set[tuple[str, str]]:
    """The permanent neighbours out of `ip -j neighbour`, without those that are FRR's own.

    Those stand for IPv6 next hops of IPv4 routes (RFC 8950): where they go, all that is routed there is lost.
    """
    found = [each for each in json.loads(answer or "[]") if "PERMANENT" in each.get("state", ())]
    return {
        (each["dev"], each["dst"])
        for each in found
        if each["dev"] != management and each["dst"] != FRRS_OWN and each.get("protocol") != "zebra"
    }


def settings(system: System) -> Mapping[str, str]:
    """The kernel settings as paths below /proc/sys; Trouble for one that is not the network's."""
    for name, _ in system.sysctls:
        if not name.startswith("net.") or "/" in name:
            raise Trouble(f"the bundle sets {name}, which is no setting of a network")
    return {name.replace(".", "/"): value for name, value in system.sysctls}
