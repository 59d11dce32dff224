"""What FRR's daemons still have to do, as they tell it. Pure; the shapes of FRR 8.4 to 10.3 (tests/golden/facts).

A route comes into bgpd's queue, then into its table under a new version of it; each update group then has that version
to send, at once or when a timer lets it: the one that gathers the first routes of new sessions ("Coalesce Time"), or
the minimum advertisement interval, which leaves it an advertise list. Most of this is in text only: the JSON of update
groups came with FRR 10 and does not tell of the timer.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from telemetry.frr import FAMILIES, decoded
from telemetry.model import ESTABLISHED

GROUP = re.compile(
    r"Coalesce Time: \d+(?P<gathers>\(Running\))?.*?Version: (?P<version>\d+).*?"
    r"Packet queue length: (?P<packets>\d+).*?Advertise list: (?P<list>not empty|empty)",
    re.DOTALL,
)
QUEUE = re.compile(r"^\s*(?:P\s+)?(\d+)(?:\s+\d+){7}\s+(\S.*)$", re.MULTILINE)
DEPTH = re.compile(r"^Route update queue depth:\s*(\d+)", re.MULTILINE)


class Connection(NamedTuple):
    """The TCP connection of a session, as one of its ends names it."""

    address: str
    port: int
    far_address: str
    far_port: int

    @property
    def reversed(self) -> "Connection":
        """The same connection as its other end names it."""
        return Connection(self.far_address, self.far_port, self.address, self.port)


class Updates(NamedTuple):
    """How many updates one end of a session has sent and taken, and whether it counted from the session's begin."""

    neighbor: str
    sent: int
    taken: int
    from_begin: bool


class _Messages(msgspec.Struct, rename="camel"):
    updates_sent: int = 0
    updates_recv: int = 0
    depth_inq: int = 0
    depth_outq: int = 0


class _Neighbor(msgspec.Struct, rename="camel"):
    bgp_state: str = ""
    host_local: str = ""
    port_local: int = 0
    host_foreign: str = ""
    port_foreign: int = 0
    connections_dropped: int = 0
    message_stats: _Messages = msgspec.field(default_factory=_Messages)


class _Summary(msgspec.Struct, rename="camel"):
    table_version: int = 0


def parse_updates(text: str) -> tuple[dict[Connection, Updates], tuple[str, ...]]:
    """The updates of each Established session in the answer to `show bgp neighbors json`, and what waits in queues."""
    seen: dict[Connection, Updates] = {}
    work = []
    for name, each in decoded(text, dict[str, _Neighbor | bool | int | str | None]).items():
        if not isinstance(each, _Neighbor) or each.bgp_state != ESTABLISHED:
            continue
        count = each.message_stats
        connection = Connection(each.host_local, each.port_local, each.host_foreign, each.port_foreign)
        seen[connection] = Updates(name, count.updates_sent, count.updates_recv, each.connections_dropped == 0)
        if waiting := count.depth_inq + count.depth_outq:
            work.append(f"{waiting} messages with {name} in its queues")
    return seen, tuple(work)


def parse_versions(text: str) -> dict[str, int]:
    """The version of each family's table in the answer to `show bgp summary json`."""
    found = decoded(text, dict[str, msgspec.Raw])
    return {
        ours: msgspec.json.decode(found[theirs], type=_Summary).table_version
        for theirs, ours in FAMILIES.items()
        if theirs in found
    }


def unsent(text: str, version: int) -> Iterator[str]:
    """What update groups have yet to send of a table of that version (`show bgp FAMILY unicast update-groups`)."""
    for group in GROUP.finditer(text):
        behind = int(group["version"]) < version
        if group["gathers"] or behind or int(group["packets"]) or group["list"] != "empty":
            yield "routes to announce"


def queued(text: str) -> Iterator[str]:
    """What is in the queues of a daemon, out of `show work-queues`."""
    for count, name in QUEUE.findall(text):
        if int(count):
            yield f"{count} items in its {name.removesuffix(' (null)')} queue"


def uninstalled(text: str) -> Iterator[str]:
    """What zebra has yet to tell the kernel, out of `show zebra dplane`."""
    depth = DEPTH.search(text)
    if depth and int(depth[1]):
        yield f"{depth[1]} routes for the kernel"
