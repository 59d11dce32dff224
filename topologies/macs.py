"""MAC addresses of interfaces that nobody gave one, under the prefix that containerlab uses. Pure."""

import hashlib


def mac_of(lab: str, node: str, interface: str) -> str:
    """The MAC address of an interface; the same lab gets the same ones."""
    return "aa:c1:ab:" + hashlib.blake2b(f"{lab}/{node}/{interface}".encode(), digest_size=3).digest().hex(":")
