"""A classic BPF program that lets RoCE through and nothing else: UDP to port 4791, and Ethernet type 0x8915. Pure.

The kernel takes the outer VLAN tag off before the filter sees a frame, so one more tag is all that is looked behind.
IPv4 fragments but the first have no UDP header, and are left out.
"""

import struct
from collections.abc import Sequence

PORT, ROCE, IPV4, IPV6, UDP = 4791, 0x8915, 0x0800, 0x86DD, 17
TAGS = (0x8100, 0x88A8)
_HALF, _BYTE, _HALF_AT, _IHL, _EQUAL, _ANY, _RETURN = 0x28, 0x30, 0x48, 0xB1, 0x15, 0x45, 0x06
_FRAGMENT = 0x1FFF
_EVERYTHING = 0xFFFFFFFF

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


def program() -> bytes:
    """The instructions as the kernel reads them: struct sock_filter after struct sock_filter."""
    return b"".join(struct.pack("HBBI", *each) for each in instructions())


def instructions() -> Sequence[Instruction]:
    """Frames as they are, and frames with one tag."""
    behind = _network(18)
    plain = _network(14)
    head: list[Instruction] = [(_HALF, 0, 0, 12), (_EQUAL, 1, 0, TAGS[0]), (_EQUAL, 0, len(behind), TAGS[1])]
    return [*head, *behind, *plain]


def _network(at: int) -> list[Instruction]:
    """Instructions that judge a frame whose network header begins there."""
    return [
        (_HALF, 0, 0, at - 2),
        (_EQUAL, 13, 0, ROCE),
        (_EQUAL, 0, 7, IPV4),
        (_BYTE, 0, 0, at + 9),
        (_EQUAL, 0, 11, UDP),
        (_HALF, 0, 0, at + 6),
        (_ANY, 9, 0, _FRAGMENT),
        (_IHL, 0, 0, at),
        (_HALF_AT, 0, 0, at + 2),
        (_EQUAL, 5, 6, PORT),
        (_EQUAL, 0, 5, IPV6),
        (_BYTE, 0, 0, at + 6),
        (_EQUAL, 0, 3, UDP),
        (_HALF, 0, 0, at + 42),
        (_EQUAL, 0, 1, PORT),
        (_RETURN, 0, 0, _EVERYTHING),
        (_RETURN, 0, 0, 0),
    ]
