"""Asking neighbours over unnumbered cables to say who they are, rather than waiting until they do.

A session over IPv6 link-local addresses begins with a router advertisement, which FRR sends every ten seconds, and at
once to whoever solicits one (RFC 4861, section 6.3.7). A neighbour that was there before us has no other reason to.
"""

import socket
from collections.abc import Iterable

SOLICITATION = bytes([133, 0, 0, 0, 0, 0, 0, 0])  # the kernel fills in the checksum
ALL_ROUTERS = "ff02::2"
HOPS = 255  # what comes with fewer has passed a router, and is not believed


def solicit(ports: Iterable[str]) -> None:
    """Solicit advertisements on these ports; a port that cannot send now, or is none, is passed over."""
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, HOPS)
        for port in ports:
            try:
                sock.sendto(SOLICITATION, (ALL_ROUTERS, 0, 0, socket.if_nametoindex(port)))
            except OSError:  # a session's neighbour is an address, or the port is down: the check names the session
                continue
