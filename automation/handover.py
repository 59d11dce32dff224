"""Connections that outlive a change of ways: packets of one that a host does not know go on to the others that serve.

An anycast address is one for many hosts, and a TCP connection is one host's. When a host or a switch comes or goes,
routers choose anew among equal ways, and packets of connections that stand arrive at another host, which would reset
them. So every host that announces the address has rules (nftables, before routing): a packet of no connection that is
known here, and that opens none, goes on to the next host, by that one's own address; the host that knows it takes it,
and answers the client directly. Load balancers call it a second chance (GitHub's GLB, 2018).

    client --- 10.32.0.80 --->  B does not know it  --- A's own address, DSCP 3 --->  A knows it
       ^------------------------------- from 10.32.0.80 -----------------------------------'

The DSCP field tells handed packets from others, and how many hosts may still be asked, so none goes round for ever: it
is one of the sixteen for local use (RFC 2474, pool 2), which nothing else in a lab has. A program must listen at the
wildcard address: a socket that is bound to the service's own is not told from a connection.
"""

from collections.abc import Sequence
from ipaddress import ip_address

from topologies.errors import Mistake
from topologies.runtime.door import Door

MOST = 16  # values of DSCP for local use, xxxx11


def table_of(address: str) -> str:
    """The name of the rules of an address: its family and that of its table."""
    return f"{'ip6' if ':' in address else 'ip'} closlab_{address.replace(':', '_')}"


def dscp(left: int) -> int:
    """How a handed packet is marked that so many more hosts may be asked about."""
    return left << 2 | 0b11


def rules(address: str, own: str, peers: Sequence[str]) -> str:
    """The rules of a host with its `own` address, for nft; `peers` are those of the others, the next one first.

    Raises Mistake for addresses of two families, and for too many hosts. Pure.
    """
    version = ip_address(address).version
    if other := next((each for each in (own, *peers) if ip_address(each).version != version), ""):
        raise Mistake(f"connections to {address} are handed over by IPv{version}, and {other} is of the other family")
    if len(peers) >= MOST:
        raise Mistake(f"{len(peers) + 1} hosts hand over to each other; {MOST} at most can")
    ip, table = ("ip" if version == 4 else "ip6"), table_of(address)
    opens_none = f"{ip} daddr {address} tcp flags & (syn | ack) != syn"
    rounds = range(len(peers))  # by how many hosts are left
    handed = [f"{ip} daddr {own} {ip} dscp {dscp(left)} {ip} daddr set {address} goto handed{left}" for left in rounds]
    return "\n".join(
        (
            f"table {table}",
            f"delete table {table}",
            f"table {table} {{",
            *(f"chain on{left} {{ {ip} dscp set {dscp(left)} {ip} daddr set {peers[0]}; }}" for left in rounds),
            *(_unless_known(f"handed{left}", f"goto on{left - 1}" if left else "accept") for left in rounds),
            _unless_known("arrived", f"goto on{len(peers) - 1}"),
            "chain arriving {",
            "type filter hook prerouting priority raw; policy accept;",
            *handed,
            f"{opens_none} goto arrived",
            "}",
            "}",
            "",
        )
    )


def _unless_known(chain: str, otherwise: str) -> str:
    """A chain that takes a packet of a connection that is known here; a socket that only listens knows none."""
    return f"chain {chain} {{ socket wildcard 1 {otherwise}; socket transparent 0 accept; {otherwise}; }}"


def hand_over(door: Door, address: str, own: str, peers: Sequence[str]) -> None:
    """Have a node hand over; whoever holds the address takes the rules away with it (lease.sh)."""
    door.run(["nft", "-f", "-"], input=rules(address, own, peers))
    with door.netlink() as kernel:
        names = [link.name for link in kernel.links() if link.name != "lo"]
    # What goes on leaves by the interface that it came in by, of which IPv4 would tell the sender by redirects.
    wanted = {"net/ipv6/conf/all/forwarding": "1"} if ":" in address else {}
    if not wanted:
        wanted = {f"net/ipv4/conf/{name}/forwarding": "1" for name in names}
        wanted |= {f"net/ipv4/conf/{name}/send_redirects": "0" for name in (*names, "all")}
    words = [word for name, value in wanted.items() for word in (value, f"/proc/sys/{name}")]
    door.run(["sh", "-c", 'while [ $# -gt 0 ]; do echo "$1" >"$2" || exit; shift 2; done', "sh", *words])
