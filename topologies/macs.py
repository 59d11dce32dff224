"""MAC addresses of interfaces that nobody gave one, under the prefix that containerlab uses; and what a MAC address
becomes in IPv6. Pure."""

import hashlib
from ipaddress import IPv6Address


def mac_of(lab: str, node: str, interface: str) -> str:
    """The MAC address of an interface; the same lab gets the same ones."""
    return "aa:c1:ab:" + hashlib.blake2b(f"{lab}/{node}/{interface}".encode(), digest_size=3).digest().hex(":")


def link_local(mac: str) -> str:
    """The IPv6 link-local address that the kernel makes of a MAC address (RFC 4291, appendix A)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    return str(IPv6Address(bytes([0xFE, 0x80, *bytes(6), octets[0] ^ 2]) + octets[1:3] + b"\xff\xfe" + octets[3:]))
