"""Which lines exclude each other: a slot holds one value, and a new line there takes the place of the former. Pure.

A line that no pattern knows is a slot of its own: it stands beside all others.
"""

import re
from functools import lru_cache

from napalm_frr.normal import LISTED
from napalm_frr.tree import Path

_TOP = (
    r"(hostname|domainname|password|enable password|router-id|ip router-id|ipv6 router-id)\b",
    r"(log (?:syslog|file|stdout|facility|timestamp precision))\b",
    r"(bgp route-map delay-timer|bgp update-delay|zebra route-map delay-timer)\b",
    r"((?:ip|ipv6) protocol \S+) route-map ",
    r"((?:ip|ipv6) prefix-list \S+ description) ",
    r"(router bgp)(?= \d+(?:\.\d+)?$)",
    r"(router bgp) \S+( vrf \S+)$",
    r"(route-map \S+) (?:permit|deny)( \d+)",
)
_BLOCKS = (
    r"(description|bandwidth|multicast|call|on-match)\b",
    r"((?:ip|ipv6) (?:ospf6?|pim|igmp) \S+|ipv6 nd (?:ra-interval|ra-lifetime|reachable-time|mtu|router-preference))\b",
    r"(detect-multiplier|receive-interval|transmit-interval|echo transmit-interval|echo receive-interval|profile)\b",
    r"(minimum-ttl)\b",
    r"(set (?:as-path (?:prepend|exclude)|(?:ip|ipv6) next-hop(?: \S+(?= ))?|\S+))\b",
    r"(match (?:(?:ip|ipv6) (?:address|next-hop|route-source)(?: prefix-l\S+)?|\S+))\b",
)
_BGP = (
    r"(bgp (?:router-id|cluster-id|default local-preference|graceful-restart \S+|confederation identifier|bestpath med"
    r"|listen limit|maxmed \S+|update-delay|default subgroup-pkt-queue-max))\b",
    r"(coalesce-time|timers bgp|update-delay|write-quanta|read-quanta|distance bgp|table-map|maximum-paths ibgp)\b",
    r"(maximum-paths)(?= \d)",
    r"(neighbor \S+ (?:description|update-source|ebgp-multihop|password|advertisement-interval|local-as|ttl-security"
    r"|timers connect|maximum-prefix|maximum-prefix-out|weight|allowas-in|default-originate|unsuppress-map|port"
    r"|bfd profile|remote-as|send-community|addpath-tx-\S+))\b",
    r"(neighbor \S+ timers)(?= \d)",
    r"(neighbor \S+ bfd)(?= \d)",
    r"(neighbor \S+ peer-group)(?= )",
    r"(neighbor \S+ (?:route-map|prefix-list|filter-list|distribute-list|advertise-map)) \S+( in| out)\b",
    r"((?:network|aggregate-address|redistribute) \S+)",
    r"(bgp listen range \S+)",
    r"(rd vpn export|label vpn export|rt vpn \S+|route-map vpn \S+|import vrf route-map)\b",
)
_AT_TOP = tuple(map(re.compile, _TOP))
_IN_BGP = tuple(map(re.compile, _BGP))
_IN_BLOCK = tuple(map(re.compile, _BLOCKS))


@lru_cache(maxsize=1 << 15)
def slot(path: Path) -> Path:
    """The slot of a line, within its block."""
    return (*path[:-1], _slot(path))


def _slot(path: Path) -> str:
    line = path[-1]
    if len(path) == 1 and (entry := LISTED.fullmatch(line)) and entry[2]:
        return f"{entry[1]} seq {entry[2]}"
    patterns = _AT_TOP if len(path) == 1 else _IN_BGP if path[0].startswith("router bgp") else _IN_BLOCK
    hit = next((found for each in patterns if (found := each.match(line))), None)
    return line if hit is None else "".join(hit.groups())
