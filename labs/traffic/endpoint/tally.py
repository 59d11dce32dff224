"""What one end of a connection sent, or heard: packets by what they are."""

from dataclasses import dataclass

from labs.traffic.qp.model import Packet
from labs.traffic.qp.segments import ACKNOWLEDGE
from labs.traffic.roce.fields import Answer
from labs.traffic.roce.opcodes import CNP

_GAP = 0  # the code of such a NAK (labs.traffic.roce.fields.NAK_REASONS)


def tells_gap(packet: Packet) -> bool:
    """Whether a packet refuses one for the gap before it."""
    return packet.aeth is not None and packet.aeth.answer is Answer.NAK and packet.aeth.code == _GAP


@dataclass(slots=True)
class Tally:
    """Packets of data and requests with the bytes of data in them, acknowledges, NAKs of any kind (RNR too), and
    congestion notifications."""

    packets: int = 0
    data: int = 0
    acks: int = 0
    naks: int = 0
    cnps: int = 0

    def add(self, packet: Packet) -> None:
        """One more."""
        if packet.opcode == ACKNOWLEDGE and packet.aeth is not None:
            if packet.aeth.answer is Answer.ACK:
                self.acks += 1
            else:
                self.naks += 1
        elif packet.opcode == CNP.number:
            self.cnps += 1
        else:
            self.packets += 1
            self.data += packet.size

    @property
    def all(self) -> int:
        """Packets of every kind."""
        return self.packets + self.acks + self.naks + self.cnps
