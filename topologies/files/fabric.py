"""The fabric file: strict YAML that becomes a `Fabric`, and its JSON Schema for editors.

A key that is not known, a size out of range or a pool too small is a Mistake with its line and column.
"""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from topologies import designs
from topologies.balancing.model import LEAST_GAP, MOST_GAP, Balance, Mode, balance
from topologies.errors import Mistake
from topologies.files.complaint import nearest
from topologies.files.workloads import Word, WorkloadPart, placed_at, workloads
from topologies.files.yaml import Document, parse
from topologies.impairments.model import Impairment, refuse_impossible
from topologies.model import SERVICES4, SERVICES6, Attachment, Endpoint, Fabric, Numbering, Pools, Role, Underlay
from topologies.planning.identity import ASN_FIRST, ASN_LAST, ASN_SPAN
from topologies.planning.pools import HOSTS_PER_BLOCK, PODS, complaints

Prefix = TypeVar("Prefix", IPv4Network, IPv6Network)
Name = Annotated[
    str,
    Meta(pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=40, description="Lower-case letters, digits, dashes."),
]
Few = Annotated[int, Meta(ge=1, le=64)]
Leaves = Annotated[int, Meta(ge=1, le=1000)]
Pods = Annotated[int, Meta(ge=1, le=PODS - 1)]
PerLeaf = Annotated[int, Meta(ge=0, le=HOSTS_PER_BLOCK)]
Nics = Annotated[int, Meta(ge=1, le=16)]
Mtu = Annotated[int, Meta(ge=1280, le=65535, description="Bytes; IPv6 needs 1280 (RFC 8200).")]
Rate = Annotated[int, Meta(ge=1, description="10^6 bit/s.")]
Asn = Annotated[int, Meta(ge=ASN_FIRST, le=ASN_LAST - ASN_SPAN, description="Private, four bytes (RFC 6996).")]
Gap = Annotated[int, Meta(ge=LEAST_GAP, le=MOST_GAP, description="Microseconds; with `balance: flowlet` only.")]
Ecmp = Annotated[int, Meta(ge=1, le=256)]


class PoolsPart(Struct, forbid_unknown_fields=True, frozen=True):
    """Where addresses come from; each is a prefix."""

    loopbacks4: str = "10.0.0.0/12"
    loopbacks6: str = "fdc1:5:1ab::/64"
    links4: str = "10.16.0.0/12"
    links6: str = "fdc1:5:1ab:1::/64"
    hosts4: str = "10.64.0.0/10"
    hosts6: str = "fdc1:5:1ab:8000::/49"
    services4: str = str(SERVICES4)
    services6: str = str(SERVICES6)


class UnderlayPart(Struct, forbid_unknown_fields=True, frozen=True):
    """How the fabric routes."""

    numbering: Numbering = Numbering.UNNUMBERED
    ipv4: bool = True
    ipv6: bool = True
    bfd: bool = False
    ecmp: Ecmp = 64
    hosts: Attachment = Attachment.STATIC
    services: Annotated[bool, Meta(description="Hosts run GoBGP, by which programs announce service addresses.")] = (
        False
    )
    asn_base: Asn = ASN_FIRST
    balance: Mode = Mode.KERNEL
    flowlet_gap_us: Gap | None = None
    pools: PoolsPart = PoolsPart()


class LinksPart(Struct, forbid_unknown_fields=True, frozen=True):
    """What cables are like; those to hosts are like the others unless said otherwise. Impaired is what leaves either
    end; of single ends, NODE:IF, what `ends` says instead."""

    mtu: Mtu = 9500
    rate_mbps: Rate | None = None
    host_mtu: Mtu | None = None
    host_rate_mbps: Rate | None = None
    impaired: Impairment = Impairment()
    host_impaired: Impairment | None = None
    ends: dict[str, Impairment] = {}


class FabricFile(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, tag_field="design"):
    """What every design has."""

    name: Name
    underlay: UnderlayPart = UnderlayPart()
    links: LinksPart = LinksPart()
    image: str = ""
    workloads: dict[Word, WorkloadPart] = {}


class LeafSpine(FabricFile, tag="leaf-spine", frozen=True, kw_only=True):
    """Every leaf to every spine. Hosts with several NICs stand under groups of as many leaves."""

    spines: Few
    leaves: Leaves
    hosts_per_leaf: PerLeaf = 0
    nics: Nics = 1


class ThreeTier(FabricFile, tag="three-tier", frozen=True, kw_only=True):
    """Pods under super-spines; the k-th spine of each pod belongs to plane k."""

    pods: Pods
    spines_per_pod: Few
    leaves_per_pod: Leaves
    superspines_per_plane: Few
    hosts_per_leaf: PerLeaf = 0
    nics: Nics = 1


class Rail(FabricFile, tag="rail", frozen=True, kw_only=True):
    """Rail-optimised: NIC k of each host of a pod goes to the pod's leaf of rail k, so it has a NIC per rail."""

    pods: Pods
    rails: Nics
    hosts_per_pod: PerLeaf
    spines: Few


AnyDesign: TypeAlias = LeafSpine | ThreeTier | Rail
DESIGNS: dict[str, type[AnyDesign]] = {"leaf-spine": LeafSpine, "three-tier": ThreeTier, "rail": Rail}


def parse_fabric(text: str, place: str) -> Fabric:
    """Make a Fabric of the text of a fabric file; `place` is the file's name for messages."""
    document = parse(text, place)
    wanted = document.decode(_kind(document))
    if not (wanted.underlay.ipv4 or wanted.underlay.ipv6):
        raise Mistake(f"{document.at('underlay')}: $.underlay: ipv4 and ipv6 are both off; one of them must be on")
    if wanted.underlay.services and wanted.underlay.hosts is not Attachment.STATIC:
        raise Mistake(
            f"{document.at('underlay', 'services')}: $.underlay.services: hosts that announce service addresses take "
            f"no routes, so they need `hosts: static`; it is {wanted.underlay.hosts.value!r}"
        )
    if not isinstance(wanted, Rail):
        _check_groups(document, wanted)
    wiring = _wired(wanted)
    design = str(wanted.__struct_config__.tag)
    underlay = _underlay(document, wanted.underlay)
    impaired = _impairments(document, wanted.links, wiring)
    wanted_workloads = workloads(document, wanted.workloads, underlay)
    fabric = Fabric(wanted.name, design, wiring.nodes, wiring.links, underlay, wanted.image, impaired, wanted_workloads)
    for complaint in complaints(fabric):
        at = document.at("underlay", "pools", complaint.pool)
        raise Mistake(f"{at}: $.underlay.pools.{complaint.pool}: {complaint.text}")
    return fabric


def placed(complaint: str, text: str, place: str) -> str:
    """What planning found wrong, with its place in the fabric file; it names the key first, such as underlay.ecmp."""
    document, (key, _, why) = parse(text, place), complaint.partition(": ")
    known = key.startswith(("underlay.", "workloads."))
    return placed_at(document, why, tuple(key.split("."))) if known else f"{place}: {complaint}"


def json_schema() -> dict[str, Any]:
    """The JSON Schema of fabric files, for editors."""
    return msgspec.json.schema(AnyDesign)


def _kind(document: Document) -> type[AnyDesign]:
    """The design that the file names, found first so that messages list the keys of this design only."""
    value = document.value
    if not isinstance(value, dict):
        raise Mistake(f"{document.at()}: a fabric file is a mapping; it begins with `name:` and `design:`")
    design = value.get("design")
    if design is None:
        raise Mistake(f"{document.at()}: $: the key 'design' is missing; there are {', '.join(DESIGNS)}")
    if not isinstance(design, str) or design not in DESIGNS:
        raise Mistake(f"{document.at('design')}: $.design: no design {design!r}; there are {', '.join(DESIGNS)}")
    return DESIGNS[design]


def _check_groups(document: Document, wanted: LeafSpine | ThreeTier) -> None:
    """Hosts with several NICs need whole groups of leaves, and ports enough on each."""
    key = "leaves" if isinstance(wanted, LeafSpine) else "leaves_per_pod"
    leaves: int = getattr(wanted, key)
    if wanted.hosts_per_leaf and leaves % wanted.nics:
        raise Mistake(
            f"{document.at('nics')}: $.nics: hosts with {wanted.nics} NICs stand under groups of {wanted.nics} leaves, "
            f"and {key} is {leaves}; it must be a multiple of {wanted.nics}"
        )
    if (ports := wanted.hosts_per_leaf * wanted.nics) > HOSTS_PER_BLOCK:
        raise Mistake(
            f"{document.at('hosts_per_leaf')}: $.hosts_per_leaf: {wanted.hosts_per_leaf} hosts with {wanted.nics} NICs "
            f"take {ports} ports of a leaf; there are {HOSTS_PER_BLOCK}"
        )


def _wired(wanted: AnyDesign) -> designs.Wiring:
    """Lay the cables of a design."""
    cables = _cables(wanted.links)
    match wanted:
        case LeafSpine():
            return designs.leaf_spine(
                spines=wanted.spines,
                leaves=wanted.leaves,
                hosts_per_leaf=wanted.hosts_per_leaf,
                nics=wanted.nics,
                cables=cables,
            )
        case ThreeTier():
            return designs.three_tier(
                pods=wanted.pods,
                spines_per_pod=wanted.spines_per_pod,
                leaves_per_pod=wanted.leaves_per_pod,
                superspines_per_plane=wanted.superspines_per_plane,
                hosts_per_leaf=wanted.hosts_per_leaf,
                nics=wanted.nics,
                cables=cables,
            )
        case Rail():
            return designs.rail(
                pods=wanted.pods,
                rails=wanted.rails,
                hosts_per_pod=wanted.hosts_per_pod,
                spines=wanted.spines,
                cables=cables,
            )


def _cables(links: LinksPart) -> designs.Cables:
    return designs.Cables(
        links.mtu,
        links.rate_mbps,
        links.mtu if links.host_mtu is None else links.host_mtu,
        links.rate_mbps if links.host_rate_mbps is None else links.host_rate_mbps,
    )


def _impairments(
    document: Document, part: LinksPart, wiring: designs.Wiring
) -> tuple[tuple[Endpoint, Impairment], ...]:
    """What is done to packets that leave each end, where something is. Raises Mistake with the key that cannot be."""
    hosts = {node.name for node in wiring.nodes if node.role is Role.HOST}
    to_hosts = part.impaired if part.host_impaired is None else part.host_impaired
    found = {end: to_hosts if link.a.node in hosts else part.impaired for link in wiring.links for end in link.ends}
    by_name = {str(end): end for end in found}
    for name in part.ends:
        if name not in by_name:
            at = document.at_key("links", "ends", name)
            raise Mistake(f"{at}: $.links.ends: no cable ends at {name!r}{nearest(name, by_name)}")
    said = {("impaired",): part.impaired, ("host_impaired",): to_hosts}
    for path, wanted in (said | {("ends", name): each for name, each in part.ends.items()}).items():
        try:
            refuse_impossible(wanted, flag="")
        except Mistake as error:
            raise Mistake(f"{document.at('links', *path)}: $.links.{'.'.join(path)}: {error}") from None
    found |= {by_name[name]: each for name, each in part.ends.items()}
    return tuple((end, wanted) for end, wanted in found.items() if wanted != Impairment())


def _underlay(document: Document, part: UnderlayPart) -> Underlay:
    pools = _pools(document, part.pools)
    return Underlay(
        numbering=part.numbering,
        ipv4=part.ipv4,
        ipv6=part.ipv6,
        bfd=part.bfd,
        ecmp=part.ecmp,
        hosts=part.hosts,
        asn_base=part.asn_base,
        pools=pools,
        services=part.services,
        balance=_balance(document, part),
    )


def _balance(document: Document, part: UnderlayPart) -> Balance:
    try:
        return balance(part.balance, part.flowlet_gap_us)
    except Mistake as error:
        raise Mistake(f"{document.at('underlay', 'flowlet_gap_us')}: $.underlay.flowlet_gap_us: {error}") from None


def _pools(document: Document, part: PoolsPart) -> Pools:
    """The pools as prefixes; Mistake where one is none of its family."""

    def prefix(kind: type[Prefix], key: str) -> Prefix:
        try:
            return kind(getattr(part, key))
        except ValueError as error:
            raise Mistake(
                f"{document.at('underlay', 'pools', key)}: $.underlay.pools.{key}: not an IPv{key[-1]} prefix: "
                f"{error}; such as {getattr(PoolsPart(), key)}"
            ) from None

    return Pools(
        loopbacks4=prefix(IPv4Network, "loopbacks4"),
        loopbacks6=prefix(IPv6Network, "loopbacks6"),
        links4=prefix(IPv4Network, "links4"),
        links6=prefix(IPv6Network, "links6"),
        hosts4=prefix(IPv4Network, "hosts4"),
        hosts6=prefix(IPv6Network, "hosts6"),
        services4=prefix(IPv4Network, "services4"),
        services6=prefix(IPv6Network, "services6"),
    )
