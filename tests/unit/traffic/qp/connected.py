"""Two queue pairs that know each other, and what a test asks of them."""

from collections.abc import Iterable

from labs.traffic.qp.fake import Fate, Line, Wire
from labs.traffic.qp.model import Completion, Operation, Packet, Receive, Region, Request, Settings, Status, Work
from labs.traffic.qp.pair import QueuePair
from labs.traffic.qp.segments import ACKNOWLEDGE
from labs.traffic.roce.fields import Aeth, Answer

LEFT, RIGHT = 0x11, 0x22
LEFT_PSN, RIGHT_PSN = 0xFFFFF0, 0x7FFFFA  # the one wraps soon, the other's half does
MTU = 256
DELAY = 1000  # ns one way
REGION = Region(rkey=7, address=0x1000, size=1 << 40)
SMALL = Settings(mtu=MTU, window=8, ack_every=4, timeout=4, rnr_timer=1)  # 65.536 us; 10 us


def pairs(settings: Settings = SMALL, receives: int = 0) -> tuple[QueuePair, QueuePair]:
    """Both ends, each with so many receives of 1 MiB, numbered from 100."""
    left = QueuePair(LEFT, RIGHT, settings, psn=LEFT_PSN, peer_psn=RIGHT_PSN, regions=[REGION])
    right = QueuePair(RIGHT, LEFT, settings, psn=RIGHT_PSN, peer_psn=LEFT_PSN, regions=[REGION])
    for pair in (left, right):
        for number in range(receives):
            pair.post_receive(Receive(100 + number, 1 << 20))
    return left, right


def line(left: QueuePair, right: QueuePair, there: Iterable[Fate] = (), back: Iterable[Fate] = ()) -> Line:
    """Both ends on wires that do this to their first packets."""
    return Line(left, right, Wire(DELAY, there), Wire(DELAY, back))


def send(number: int, length: int, immediate: int | None = None) -> Request:
    """A SEND."""
    return Request(number, Operation.SEND, length, immediate=immediate)


def write(number: int, length: int, immediate: int | None = None) -> Request:
    """A WRITE to where the peer allows it."""
    return Request(number, Operation.WRITE, length, REGION.address, REGION.rkey, immediate)


def read(number: int, length: int) -> Request:
    """A READ of what the peer allows."""
    return Request(number, Operation.READ, length, REGION.address, REGION.rkey)


def done(request: Request, status: Status = Status.SUCCESS) -> Completion:
    """The completion of a request."""
    return Completion(request.id, Work(request.operation), status, request.length if status is Status.SUCCESS else 0)


def ack(psn: int, msn: int = 0, code: int = 31, answer: Answer = Answer.ACK) -> Packet:
    """An acknowledge to the left end."""
    return Packet(ACKNOWLEDGE, LEFT, psn & 0xFFFFFF, aeth=Aeth(answer, code, msn))


def nak(psn: int, code: int = 0) -> Packet:
    """A NAK to the left end; 0 is the sequence error."""
    return ack(psn, code=code, answer=Answer.NAK)


def rnr(psn: int, code: int) -> Packet:
    """An RNR NAK to the left end, with the code of how long to wait."""
    return ack(psn, code=code, answer=Answer.RNR)


def poll(pair: QueuePair, now: int = 0, most: int = 1000) -> list[Packet]:
    """What one end has to send, all of it sent."""
    packets = pair.poll(now, most)
    pair.sent(len(packets), now)
    return packets
