"""Links of a topology file become links of a lab; what a link says wrongly is named with its place."""

from collections.abc import Mapping
from ipaddress import IPv4Interface, ip_interface
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace

from topologies.errors import Mistake
from topologies.files import complaint
from topologies.files.clab import schema_links
from topologies.files.complaint import nearest
from topologies.files.yaml import Document
from topologies.impairments.model import Impairment, refuse_impossible
from topologies.lab import DEFAULT_MTU, Dummy, End, HostLink, LabLink, Macvlan, MgmtLink, Veth, Vxlan

LONGEST_INTERFACE = 15  # IFNAMSIZ without the final zero byte
OUTSIDE = ("host", "mgmt-net", "macvlan")  # what stands in the place of a node in a brief link
RATE = "closlab-rate-mbps"  # our keys in a link's `vars`
IMPAIRED = "closlab-impaired"
SingleLink: TypeAlias = (
    schema_links.HostLinkSpec
    | schema_links.MgmtLinkSpec
    | schema_links.MacvlanSpec
    | schema_links.VxlanSpec
    | schema_links.DummySpec
)
CableLink: TypeAlias = schema_links.BriefLink | schema_links.VethLink | schema_links.StitchedLink


class LinkReader:
    """Reads the links of one file. `kinds` has the kind of each node of the file."""

    def __init__(self, document: Document, kinds: Mapping[str, str]) -> None:
        self.document = document
        self.kinds = kinds

    def read(self, index: int, spec: schema_links.AnyLink) -> LabLink:
        """The link with that number in the file. Raises Mistake."""
        mtu = spec.mtu or DEFAULT_MTU
        if isinstance(spec, schema_links.BriefLink):
            return self.brief(index, spec, mtu)
        if isinstance(spec, schema_links.VethLink | schema_links.StitchedLink):
            ends = [self.end(self.at(index, "endpoints", n), end) for n, end in enumerate(spec.endpoints)]
            return self.cable(index, (ends[0], ends[1]), spec, mtu)
        return single(self.end(self.at(index, "endpoint"), spec.endpoint), spec, mtu)

    def brief(self, index: int, spec: schema_links.BriefLink, mtu: int) -> LabLink:
        """A link of two texts."""
        parts = [self.split(self.at(index, "endpoints", n), text) for n, text in enumerate(spec.endpoints)]
        outside = [n for n, (node, _) in enumerate(parts) if node in OUTSIDE and node not in self.kinds]
        if len(outside) == 2:
            raise Mistake(f"{self.at(index)}: one end of a link must be a node of the file")
        ends = [
            self.checked(self.at(index, "endpoints", n), node, interface)
            for n, (node, interface) in enumerate(parts)
            if n not in outside
        ]
        if not outside:
            return self.cable(index, (ends[0], ends[1]), spec, mtu)
        where, interface = parts[outside[0]]
        if where == "host":
            return HostLink(end=ends[0], host_interface=interface, mtu=mtu)
        if where == "mgmt-net":
            return MgmtLink(end=ends[0], host_interface=interface, mtu=mtu)
        return Macvlan(end=ends[0], host_interface=interface, mtu=mtu)

    def cable(
        self,
        index: int,
        ends: tuple[End, End],
        spec: CableLink,
        mtu: int,
    ) -> LabLink:
        """A cable between two nodes; one to a node of kind host ends on the machine itself."""
        a, b = (self.addressed(index, n, end, spec) for n, end in enumerate(ends))
        hosts = [end for end in (a, b) if self.kinds[end.node] == "host"]
        if len(hosts) == 2:
            raise Mistake(f"{self.at(index)}: both ends of this link are on the machine itself")
        if hosts:
            host = hosts[0]
            return HostLink(end=b if host is a else a, host_interface=host.interface, host_mac=host.mac, mtu=mtu)
        labels = tuple((key, value or "") for key, value in (spec.labels or {}).items())
        variables = spec.vars or {}
        a, b = (replace(end, impaired=self.impaired(index, end, variables)) for end in (a, b))
        self.refuse_others(index, (a, b), variables)
        return Veth(a=a, b=b, mtu=mtu, rate_mbps=self.rate(index, variables), labels=labels)

    def addressed(self, index: int, n: int, end: End, spec: CableLink) -> End:
        """The end with the addresses that the link's own lists give it."""
        if isinstance(spec, schema_links.StitchedLink):
            return end
        given = list(end.addresses)
        for key, listed in (("ipv4", spec.ipv4 or []), ("ipv6", spec.ipv6 or [])):
            if n < len(listed) and listed[n]:
                given.append(address(listed[n], key, self.at(index, key, n)))
        return End(end.node, end.interface, end.mac, tuple(given))

    def rate(self, index: int, variables: Mapping[str, Any]) -> int | None:
        """The rate that our own key gives a link, in 10^6 bit/s."""
        if RATE not in variables:
            return None
        text = str(variables[RATE])
        if not text.isdecimal() or not int(text):
            raise Mistake(f"{self.at(index, 'vars', RATE)}: {RATE} is a whole number of Mbit/s above 0, not {text!r}")
        return int(text)

    def impaired(self, index: int, end: End, variables: Mapping[str, Any]) -> Impairment | None:
        """What our own key does to packets that leave an end of a link."""
        said = variables.get(IMPAIRED, {})
        if not isinstance(said, dict) or str(end) not in said:
            return None
        try:
            wanted = msgspec.convert(said[str(end)], Impairment, strict=False)
            refuse_impossible(wanted, flag="")
        except msgspec.ValidationError as error:
            wrong = complaint.read(str(error), said[str(end)], Impairment, strict=False)
            place = self.at(index, "vars", IMPAIRED, str(end), *wrong.path)
            raise Mistake(f"{place}: {IMPAIRED}: {end}: {wrong}") from None
        except Mistake as error:
            raise Mistake(f"{self.at(index, 'vars', IMPAIRED, str(end))}: {IMPAIRED}: {end}: {error}") from None
        return wanted

    def refuse_others(self, index: int, ends: tuple[End, End], variables: Mapping[str, Any]) -> None:
        """Raise Mistake where our own key says something of what is no end of the link."""
        said, names = variables.get(IMPAIRED, {}), [str(end) for end in ends]
        if not isinstance(said, dict) or not said.keys() <= set(names):
            place = self.at(index, "vars", IMPAIRED)
            raise Mistake(f"{place}: {IMPAIRED} is a mapping with what leaves {' and '.join(names)}, of one or both")

    def end(self, place: str, spec: schema_links.EndpointSpec) -> End:
        """One end written in full."""
        end = self.checked(place, spec.node, spec.interface)
        given = [(key, text) for key, text in (("ipv4", spec.ipv4), ("ipv6", spec.ipv6)) if text]
        return End(
            end.node,
            end.interface,
            mac(spec.mac, place) if spec.mac else "",
            tuple(address(text, key, place) for key, text in given),
        )

    def split(self, place: str, text: str) -> tuple[str, str]:
        """NODE and INTERFACE of a brief end."""
        node, colon, interface = text.partition(":")
        if not colon or not node or not interface:
            raise Mistake(f"{place}: {text!r} is no end of a link; allowed: NODE:INTERFACE")
        return node, interface

    def checked(self, place: str, node: str, interface: str) -> End:
        """An end of which node and interface can be. Raises Mistake with the nearest node."""
        if node not in self.kinds:
            raise Mistake(
                f"{place}: no node {node!r}{nearest(node, self.kinds)}; the file has {', '.join(self.kinds) or 'none'}"
            )
        check_interface(interface, place)
        return End(node, interface)

    def at(self, index: int, *path: str | int) -> str:
        """Where a part of a link stands in the file."""
        return self.document.at("topology", "links", index, *path)


def variables(link: Veth) -> dict[str, Any]:
    """Our own keys of a cable, as a file has them."""
    impaired = {str(end): end.impaired.written() for end in (link.a, link.b) if end.impaired is not None}
    found: dict[str, Any] = {RATE: link.rate_mbps} if link.rate_mbps else {}
    return found | ({IMPAIRED: impaired} if impaired else {})


def check_interface(name: str, place: str) -> None:
    """Refuse what Linux takes for no name of an interface."""
    if len(name) > LONGEST_INTERFACE:
        raise Mistake(f"{place}: interface name {name!r} has {len(name)} characters; Linux allows {LONGEST_INTERFACE}")
    if not name or "/" in name or any(sign.isspace() for sign in name) or name in {".", ".."}:
        raise Mistake(f"{place}: {name!r} is no name for an interface; allowed: no blanks, no slash")
    if name == "lo":
        raise Mistake(f"{place}: lo is every node's own loopback; a cable ends at another interface, such as eth1")


def single(end: End, spec: SingleLink, mtu: int) -> LabLink:
    """A link with one end at a node."""
    match spec:
        case schema_links.HostLinkSpec():
            return HostLink(end=end, host_interface=spec.host_interface, mtu=mtu)
        case schema_links.MgmtLinkSpec():
            return MgmtLink(end=end, host_interface=spec.host_interface, mtu=mtu)
        case schema_links.MacvlanSpec():
            return Macvlan(end=end, host_interface=spec.host_interface, mode=spec.mode, mtu=mtu)
        case schema_links.VxlanSpec():
            return vxlan(end, spec, mtu)
    return Dummy(end=end, mtu=mtu)


def vxlan(end: End, spec: schema_links.VxlanSpec, mtu: int) -> Vxlan:
    """A VXLAN interface."""
    return Vxlan(
        end=end,
        remote=spec.remote,
        vni=spec.vni,
        dst_port=spec.dst_port,
        src_port=spec.src_port or 0,
        stitch=isinstance(spec, schema_links.VxlanStitchSpec),
        mtu=mtu,
    )


def address(text: str, key: str, place: str) -> str:
    """An interface address in CIDR form, in its shortest spelling. Raises Mistake."""
    try:
        found = ip_interface(text)
    except ValueError:
        raise Mistake(f"{place}: {text!r} is no address of an interface; allowed: ADDRESS/LENGTH") from None
    if "/" not in text:
        raise Mistake(f"{place}: {text!r} has no prefix length; allowed: ADDRESS/LENGTH")
    if isinstance(found, IPv4Interface) != (key == "ipv4"):
        raise Mistake(f"{place}: {text!r} under {key} is of the other family")
    return str(found)


def mac(text: str, place: str) -> str:
    """A MAC address in lower case with colons. Raises Mistake; group addresses are none for an interface."""
    octets = text.replace("-", ":").lower().split(":")
    if len(octets) != 6 or not all(len(octet) == 2 and set(octet) <= set("0123456789abcdef") for octet in octets):
        raise Mistake(f"{place}: {text!r} is no MAC address; allowed: six pairs of hexadecimal digits")
    if int(octets[0], 16) & 1:
        raise Mistake(f"{place}: {text!r} is a group address; an interface needs one with an even first octet")
    return ":".join(octets)
