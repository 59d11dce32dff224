"""What is sent, received and forwarded in a second, by several ways. Each run has a lab of its own.

The variant says bytes of data and perhaps a pace, or how many routers there are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from labs.traffic.roce.template import compiled
from tests.bench.cable import Ear, Sent, by_scapy, by_send, by_sender, cable, packet, plain_ear, received, ring_ear
from tests.bench.cases import Case
from tests.bench.line import forwarded, line, percentiles, trips
from tests.bench.machine import taken
from tests.bench.measure import Run
from tests.bench.ours import Bench
from topologies.runtime.door import Door

SECONDS = 1.0  # of sending
SIZES = (1024, 4096)  # bytes of data
PACE = 200_000  # frames a second at which a receiver is to lose nothing
CABLE, LINE = Case(0, 0, "cable"), Case(0, 0, "line")
SCAPY, KERNELS = "Scapy, sendp of a packet", "Linux kernels"
SENDING: Mapping[str, tuple[str, Callable[[Door, int], Sent]]] = {
    SCAPY: ("built anew, all alike", lambda door, size: by_scapy(door, packet(size), SECONDS)),
    "Scapy, sendp of bytes": ("the same", lambda door, size: by_scapy(door, bytes(packet(size)), SECONDS)),
    "AF_PACKET, send()": ("the same", lambda door, size: by_send(door, bytes(packet(size)), SECONDS)),
    "closlab, sendmmsg": ("number and CRC of its own", lambda door, size: _by_us(door, "batches", size)),
    "closlab, packet ring": ("number and CRC of its own", lambda door, size: _by_us(door, "ring", size)),
}
"""What each frame is, and how so many bytes of data are sent again and again."""

RECEIVING: Mapping[str, Ear] = {"AF_PACKET, recv()": plain_ear, "closlab, receive ring": ring_ear}
SENT = {f"send {size}": size for size in SIZES}
HEARD = {f"receive {size}{said}": (size, pace) for size in SIZES for said, pace in ((f" at {PACE}", PACE), ("", 0))}
ROUTERS = {"1 router": 1, "3 routers": 3, "5 routers": 5}


@dataclass(frozen=True, slots=True)
class Sends:
    """One of the ways to send."""

    way: str

    def run(self, bench: Bench, case: Case, variant: str) -> Run:
        """One run; a failed one says why, and leaves nothing."""
        size, send = SENT[variant], SENDING[self.way][1]

        def figures() -> dict[str, float]:
            with cable(f"{bench.prefix}-cable") as ends:
                rate = send(ends[0], size).rate
            return {"rate": round(rate, 1), "bit/s": round(rate * 8 * len(packet(size)))}

        return taken(figures)


@dataclass(frozen=True, slots=True)
class Receives:
    """One of the ways to receive, while another process sends by the packet ring."""

    way: str

    def run(self, bench: Bench, case: Case, variant: str) -> Run:
        """One run; a failed one says why, and leaves nothing."""
        size, pace = HEARD[variant]

        def figures() -> dict[str, float]:
            with cable(f"{bench.prefix}-cable") as ends:
                sent, heard = received(ends, RECEIVING[self.way], compiled(bytes(packet(size))), SECONDS, pace)
            lost = sent.frames - heard.frames
            return {"sent": round(sent.rate, 1), "rate": round(heard.frames / sent.seconds, 1), "lost": lost}

        return taken(figures)


@dataclass(frozen=True, slots=True)
class Forwards:
    """Routers in a line."""

    def run(self, bench: Bench, case: Case, variant: str) -> Run:
        """One run; a failed one says why, and leaves nothing."""
        routers = ROUTERS[variant]

        def figures() -> dict[str, float]:
            with line(f"{bench.prefix}-line", routers) as ends:
                found = {f"trip {name}": each for name, each in percentiles(trips(ends, routers)).items()}
                for size in SIZES:
                    carried = forwarded(ends, routers, size, SECONDS)
                    found |= {f"rate {size}": round(carried.rate, 1), f"lost {size}": round(carried.lost, 6)}
            return found

        return taken(figures)


def _by_us(door: Door, way: str, size: int) -> Sent:
    return by_sender(door, way, compiled(bytes(packet(size))), SECONDS)
