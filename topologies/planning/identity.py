"""What follows from a name alone: MACs and hash seeds. No list position matters, so nothing moves when a list grows."""

from hashlib import sha256

from topologies.model import Endpoint, Node, Role

# Offsets from `underlay.asn_base`. RFC 6996 sets 4200000000-4294967294 aside for private use; its two-byte range has
# only 1,023 numbers, too few where every leaf and every host has its own.
SPINES, LEAVES, HOSTS = 1, 10_000, 10_000_000
LEAVES_PER_POD, HOSTS_PER_POD = 10_000, 100_000
ASN_FIRST, ASN_LAST = 4_200_000_000, 4_294_967_294
ONE_SEED = 1  # the flow hash's, of all switches of a fabric that is polarised on purpose
ASN_SPAN = 20_000_000  # more than the highest offset that 64 pods can reach


def asn_of(node: Node, base: int) -> int:
    """The node's ASN as RFC 7938 wants it: super-spines share one, spines of a pod too, all others have their own."""
    if node.role is Role.SUPERSPINE:
        return base
    if node.role is Role.SPINE:
        return base + SPINES + node.pod
    if node.role is Role.LEAF:
        return base + LEAVES + node.pod * LEAVES_PER_POD + node.index
    return base + HOSTS + node.pod * HOSTS_PER_POD + node.index


def mac_of(end: Endpoint) -> str:
    """A locally administered unicast MAC (IEEE 802, second-lowest bit of the first octet set, lowest clear)."""
    octets = bytearray(sha256(str(end).encode()).digest()[:6])
    octets[0] = octets[0] & 0xFC | 2
    return octets.hex(":")


def hash_seed_of(name: str) -> int:
    """A seed for the kernel's flow hash: 32 bits, never 0, for 0 means the one key that all namespaces share."""
    return 1 + int.from_bytes(sha256(f"hash of {name}".encode()).digest()[:8]) % 0xFFFF_FFFF
