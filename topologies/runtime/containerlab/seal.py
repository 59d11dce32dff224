"""What keeps a lab's packets in: a firewall table of the lab's own, and no default route in its nodes.

The engine's own ways are not enough on a machine that forwards. Its internal networks are closed by iptables rules,
which it may be told not to make, which Docker up to 26 makes for IPv4 only unless asked, and which are not there for a
network that publishes ports; containerlab puts rules before them that accept what a node sends. A drop in an nftables
chain is final, whatever other chains accept, so that table holds the management network closed in all these cases:

- forwarded is only what the engine's published ports let in, and its answers;
- the machine itself gets only answers to what it began, and what finds neighbours (RFC 4861).

What stays within the bridge is not touched, also where the kernel shows bridged packets to the firewall.
"""

import os
import shutil
from pathlib import Path

from topologies import process
from topologies.errors import Fault, Mistake
from topologies.lab import MANAGEMENT
from topologies.runtime.model import LabRecord
from topologies.runtime.netlink import Netlink

RULES = """\
table inet {table} {{
    chain forward {{
        type filter hook forward priority filter
        iifname "{bridge}" oifname "{bridge}" accept
        iifname "{bridge}" ct status dnat ct direction reply accept
        oifname "{bridge}" ct status dnat ct direction original accept
        iifname "{bridge}" drop
        oifname "{bridge}" drop
    }}
    chain input {{
        type filter hook input priority filter
        iifname "{bridge}" ct state {{ established, related }} accept
        iifname "{bridge}" icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
        iifname "{bridge}" drop
    }}
}}
"""
NO_RULES = "add table inet {table}\ndelete table inet {table}\n"  # one transaction, so that it may be gone already
DEFAULT = ("default", "dev", MANAGEMENT)
ARP_IGNORE, NEVER = "/proc/sys/net/ipv4/conf/{bridge}/arp_ignore", "8"


def bridge(lab_id: str) -> str:
    """The interface of the machine that is the management network's end of a lab."""
    return f"clos-{lab_id}"


def table(lab_id: str) -> str:
    """The firewall table of a lab."""
    return f"closlab-{lab_id}"


def refuse_without_firewall() -> None:
    """Raise Mistake where the machine cannot seal a lab."""
    if not shutil.which("nft"):
        raise Mistake("no nft to seal a containerlab lab with; try: apt-get install nftables")


def close(lab_id: str) -> None:
    """Close the bridge of a lab, which need not be there yet."""
    _nft(RULES.format(table=table(lab_id), bridge=bridge(lab_id)))


def hush(lab_id: str) -> None:
    """Have the machine answer no ARP request (RFC 826) on the bridge of a lab, which must be there.

    It else answers for all addresses that it has on any interface. Where nodes choose theirs without asking the engine,
    one of them may be such an address, and whoever looks for that node would find the machine. Raises Fault.
    """
    path = Path(ARP_IGNORE.format(bridge=bridge(lab_id)))
    try:
        path.write_text(NEVER)
    except OSError as error:
        raise Fault(f"cannot write {NEVER} to {path}: {error.strerror}") from error


def remove(lab_id: str) -> None:
    """Remove the firewall table of a lab, if it is there."""
    _nft(NO_RULES.format(table=table(lab_id)))


def _nft(rules: str) -> None:
    process.run(["nft", "--file", "-"], input=rules)


def take_default_routes(record: LabRecord) -> None:
    """Take away the default routes that engines give, some in internal networks too. Nodes that closlab writes do it
    themselves, before their daemons start; a third party's image need not even have `ip`, so the machine's is used.
    A node in the machine's own network (network-mode host) is left alone: its routes are not the lab's.

    Raises Fault where one of them stays.
    """
    ours = os.readlink("/proc/self/ns/net")
    for node in record.nodes:
        if node.init is not None and os.readlink(network := f"/proc/{node.init.pid}/ns/net") != ours:
            for family in ("-4", "-6"):
                # Most nodes lack one of the two: what counts is what is there afterwards.
                process.run(["nsenter", f"--net={network}", "ip", family, "route", "del", *DEFAULT], check=False)
            with Netlink.open(network) as kernel:
                if ways := ways_out(kernel):
                    raise Fault(f"node {node.name}: not sealed, for this route cannot be removed: {', '.join(ways)}")


def ways_out(kernel: Netlink) -> list[str]:
    """The default routes over the management interface that a node still has, by their gateways."""
    management = {link.index for link in kernel.links() if link.name == MANAGEMENT}
    ways = [route for route in kernel.routes() if route.prefix in ("0.0.0.0/0", "::/0")]
    return [
        f"{route.prefix} via {hop.gateway or MANAGEMENT}"
        for route in ways
        for hop in route.hops
        if hop.ifindex in management
    ]
