"""GoBGP on hosts: it announces what programs tell it over its API, and takes no routes.

Debian's is of version 3; 4 reads the same file. The API is gRPC on a unix socket in the node.
"""

from pathlib import Path
from typing import Any

from topologies.lab import Daemon, File
from topologies.render.policy import Filter, Peer, Router
from topologies.render.text import yaml

PROGRAM = Path("/usr/bin/gobgpd")
CONFIG = Path("/etc/gobgp/gobgpd.yml")
API = Path("/run/gobgpd.sock")
HOLD, KEEPALIVE, RETRY = 9, 3, 1  # seconds: as FRR's in a data center; after a reset GoBGP else waits for thirty


class GoBgp:
    """GoBGP as Debian ships it, 3.10 and later."""

    name = "gobgp"

    def files(self, router: Router) -> tuple[File, ...]:
        """One configuration; a program is not in it, and so nothing is announced at the start."""
        return (File(str(CONFIG), yaml(configuration(router))),)

    def daemons(self, router: Router) -> tuple[Daemon, ...]:
        """One daemon on one processor, without the web server in which it else shows how it works."""
        words = ("-t", "yaml", "-f", str(CONFIG), "--api-hosts", f"unix://{self.vty('gobgpd')}")
        return (
            Daemon("gobgpd", (str(PROGRAM), *words, "--pprof-disable", "-p", "--cpus=1"), ready=self.vty("gobgpd")),
        )

    def vty(self, daemon: str) -> str:
        """Path of the API's socket in the node."""
        return str(API)


def configuration(router: Router) -> dict[str, Any]:
    """All that gobgpd reads. Its policies are for the whole daemon, for only a route server has some for each peer.

    What programs announce passes the import policy too.
    """
    used = tuple(each for each in router.filters if each.permits)
    names = [policy(each) for each in used]
    policies = {
        "import-policy-list": names,
        "default-import-policy": "reject-route",
        "export-policy-list": names,
        "default-export-policy": "reject-route",
    }
    return {
        "global": {
            "config": {"as": router.asn, "router-id": router.router_id},
            "apply-policy": {"config": policies},
        },
        "defined-sets": {"prefix-sets": [prefix_set(each) for each in used]},
        "policy-definitions": [{"name": policy(each), "statements": [statement(each)]} for each in used],
        "neighbors": [neighbor(peer) for peer in router.peers],
    }


def policy(permitted: Filter) -> str:
    """A filter's name here: sets of both families share one set of names."""
    return f"{permitted.name}-{permitted.family}"


def prefix_set(permitted: Filter) -> dict[str, Any]:
    """The prefixes that a filter lets through."""
    prefixes = [
        {
            "ip-prefix": each.prefix,
            **({"masklength-range": f"{each.shortest}..{each.longest}"} if each.shortest else {}),
        }
        for each in permitted.permits
    ]
    return {"prefix-set-name": policy(permitted), "prefix-list": prefixes}


def statement(permitted: Filter) -> dict[str, Any]:
    """Accept what is in the filter's set."""
    return {
        "name": policy(permitted),
        "conditions": {"match-prefix-set": {"prefix-set": policy(permitted), "match-set-options": "any"}},
        "actions": {"route-disposition": "accept-route"},
    }


def neighbor(peer: Peer) -> dict[str, Any]:
    """One session: its families, and who calls."""
    timers = {
        "hold-time": HOLD,
        "keepalive-interval": KEEPALIVE,
        "connect-retry": RETRY,
        "idle-hold-time-after-reset": RETRY,
    }
    return {
        "config": {"neighbor-address": peer.neighbor, "peer-as": peer.asn, "description": peer.name},
        "transport": {"config": {"passive-mode": peer.group.passive}},
        "timers": {"config": timers},
        "afi-safis": [{"config": {"afi-safi-name": f"{family}-unicast"}} for family in peer.group.families],
    }
