"""What an end of a connection counts."""

from labs.traffic.endpoint.tally import Tally
from labs.traffic.qp.dcqcn.notification import notification
from labs.traffic.qp.model import Packet
from labs.traffic.qp.segments import ACKNOWLEDGE
from labs.traffic.roce.fields import Aeth, Answer

WRITE_ONLY = 0x0A


def test_packets_count_by_what_they_are() -> None:
    """Data with its bytes, acknowledges, NAKs of both kinds, notifications; all of them together."""
    tally = Tally()
    for answer in (Answer.ACK, Answer.NAK, Answer.RNR):
        tally.add(Packet(ACKNOWLEDGE, 7, 0, aeth=Aeth(answer, 0, 0)))
    tally.add(notification(7))
    tally.add(Packet(WRITE_ONLY, 7, 1, size=1000))
    tally.add(Packet(WRITE_ONLY, 7, 2, size=24))

    assert tally == Tally(packets=2, data=1024, acks=1, naks=2, cnps=1)
    assert tally.all == 6
