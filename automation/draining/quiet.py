"""When a router is idle: it has forwarded nothing for a while. Pure.

Its interfaces' counters never rest: keepalives, BFD and neighbour discovery go on, and a threshold above that noise
would hide a slow flow. Linux counts the datagrams that it forwards for others apart; those are looked at.
"""

from msgspec import Struct

IDLE_DATAGRAMS = 0  # forwarded within the window, at most
IDLE_WINDOW = 1.0  # seconds
SHOW = ("cat", "/proc/net/snmp", "/proc/net/snmp6")


class Quiet(Struct, frozen=True):
    """How much had been forwarded, and since when no more than that and what is allowed was. Times are in seconds."""

    forwarded: int
    since: float

    def seen(self, forwarded: int, now: float) -> "Quiet":
        """After another look."""
        return self if forwarded - self.forwarded <= IDLE_DATAGRAMS else Quiet(forwarded, now)

    def idle(self, now: float) -> bool:
        """Whether nothing has passed for the whole window."""
        return now - self.since >= IDLE_WINDOW


def forwarded(shown: str) -> int:
    """The datagrams that a kernel has forwarded, IPv4 and IPv6 together; raises ValueError where it does not say."""
    lines = [line.split() for line in shown.splitlines()]
    heads = [line for line in lines if line[:1] == ["Ip:"]]
    if len(heads) != 2:
        raise ValueError(f"no counters of IPv4 in {shown[:80]!r}")
    names, numbers = heads
    four = int(numbers[names.index("ForwDatagrams")])
    six = sum(int(line[1]) for line in lines if line[:1] == ["Ip6OutForwDatagrams"])
    return four + six
