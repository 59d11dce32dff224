"""Every key that a link of a containerlab topology file may have, and what all mappings of the file have in common."""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

Texts: TypeAlias = dict[str, str | None]
Mtu: TypeAlias = Annotated[int, Meta(ge=68, le=65535)]  # of IPv4 (RFC 791), which the kernel holds interfaces to
UdpPort: TypeAlias = Annotated[int, Meta(ge=1, le=65535)]


class Spec(Struct, frozen=True, forbid_unknown_fields=True, rename="kebab", omit_defaults=True, kw_only=True):
    """One mapping of the file: keys in kebab-case, unknown ones refused."""


class EndpointSpec(Spec, frozen=True, kw_only=True):
    """One end of a link, written in full."""

    node: str
    interface: str
    mac: str | None = None
    ipv4: str | None = None
    ipv6: str | None = None
    vars: dict[str, Any] | None = None


class LinkSpec(Spec, frozen=True, kw_only=True, tag_field="type"):
    """What all links may have."""

    mtu: Mtu | None = None
    vars: dict[str, Any] | None = None
    labels: Texts | None = None


class BriefLink(LinkSpec, frozen=True, kw_only=True, tag="brief"):
    """A cable as two texts NODE:INTERFACE; host, mgmt-net and macvlan stand for what is outside of the nodes."""

    endpoints: tuple[str, str]
    ipv4: list[str] | None = None
    ipv6: list[str] | None = None


class VethLink(LinkSpec, frozen=True, kw_only=True, tag="veth"):
    """A cable between two nodes, written in full."""

    endpoints: tuple[EndpointSpec, EndpointSpec]
    ipv4: list[str] | None = None
    ipv6: list[str] | None = None


class StitchedLink(LinkSpec, frozen=True, kw_only=True, tag="veth-stitch"):
    """A cable between two nodes that containerlab leads through a namespace of its own."""

    endpoints: tuple[EndpointSpec, EndpointSpec]


class HostLinkSpec(LinkSpec, frozen=True, kw_only=True, tag="host"):
    """A cable to an interface of the machine itself."""

    host_interface: str
    endpoint: EndpointSpec


class MgmtLinkSpec(LinkSpec, frozen=True, kw_only=True, tag="mgmt-net"):
    """A cable to the management bridge."""

    host_interface: str
    endpoint: EndpointSpec


class MacvlanSpec(LinkSpec, frozen=True, kw_only=True, tag="macvlan"):
    """A macvlan on an interface of the machine itself."""

    host_interface: str
    endpoint: EndpointSpec
    mode: Literal["private", "vepa", "bridge", "passthru", "source"] = "bridge"


class DummySpec(LinkSpec, frozen=True, kw_only=True, tag="dummy"):
    """An interface that leads nowhere."""

    endpoint: EndpointSpec


class VxlanSpec(LinkSpec, frozen=True, kw_only=True, tag="vxlan"):
    """A VXLAN interface of a node."""

    endpoint: EndpointSpec
    remote: str
    vni: Annotated[int, Meta(ge=1, le=16777215)]
    dst_port: UdpPort
    src_port: UdpPort | None = None
    parent_interface: str | None = None


class VxlanStitchSpec(VxlanSpec, frozen=True, kw_only=True, tag="vxlan-stitch"):
    """A VXLAN interface of the machine, joined to a node by a cable."""


AnyLink: TypeAlias = (
    BriefLink
    | VethLink
    | StitchedLink
    | HostLinkSpec
    | MgmtLinkSpec
    | MacvlanSpec
    | DummySpec
    | VxlanSpec
    | VxlanStitchSpec
)
