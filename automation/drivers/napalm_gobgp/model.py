"""What a GoBGP speaker is asked and tells, in no version's own words. Values; times in seconds since the epoch."""

from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from topologies.plan import IPV4, IPV6

ESTABLISHED = "Established"
STATES = ("Unknown", "Idle", "Connect", "Active", "OpenSent", "OpenConfirm", ESTABLISHED)


class Speaker(Struct, frozen=True):
    """The daemon itself. `api` is the version of its API."""

    asn: int
    router_id: str
    port: int
    multipath: bool
    api: str


class Counts(Struct, frozen=True):
    """Messages of one direction."""

    total: int = 0
    updates: int = 0


class Family(Struct, frozen=True):
    """One address family of a session, and how many prefixes it carries."""

    name: str
    received: int = 0
    accepted: int = 0
    advertised: int = 0
    limit: int = 0
    warned_at: int = 0  # per cent of the limit


class Neighbor(Struct, frozen=True):
    """One configured session as it stands."""

    address: str
    peer_asn: int
    local_asn: int
    state: str
    description: str = ""
    group: str = ""
    peer_id: str = ""  # the peer's router id, "" until it said so
    enabled: bool = True
    up_since: float = 0
    flaps: int = 0
    queued: int = 0
    received: Counts = Counts()
    sent: Counts = Counts()
    families: tuple[Family, ...] = ()
    hold: int = 0
    keepalive: int = 0
    wanted_hold: int = 0
    wanted_keepalive: int = 0
    local_address: str = ""
    local_port: int = 0
    remote_port: int = 0
    multihop_ttl: int = 0
    passive: bool = False
    remove_private: bool = False
    imports: tuple[str, ...] = ()  # policies
    exports: tuple[str, ...] = ()
    reflector_client: bool = False
    cluster: str = ""
    password: str = ""
    four_byte_asn: bool = True

    @property
    def up(self) -> bool:
        """Whether routes can flow."""
        return self.state == ESTABLISHED


class Path(Struct, frozen=True):
    """One path to a prefix. `neighbor` is "" for one that a program announced here."""

    prefix: str
    next_hop: str
    as_path: tuple[int, ...] = ()
    communities: tuple[str, ...] = ()
    local_pref: int | None = None
    med: int | None = None
    best: bool = False
    neighbor: str = ""
    neighbor_id: str = ""
    age: float = 0  # since when it is there

    @property
    def family(self) -> str:
        """ipv4 or ipv6."""
        return IPV6 if ":" in self.prefix else IPV4


class Change(StrEnum):
    """What may happen to a session or to a best path."""

    PEER_UP = "peer-up"
    PEER_DOWN = "peer-down"
    BEST = "best-path"
    WITHDRAWN = "withdrawn"


class PeerEvent(Struct, frozen=True):
    """A session came up or went down; those that are up when the watch begins are told first."""

    change: Change
    neighbor: Neighbor


class PathEvent(Struct, frozen=True):
    """A prefix has another best path, or none any more."""

    change: Change
    path: Path


Event: TypeAlias = PeerEvent | PathEvent
