"""DCQCN in a closed loop: flows that share a queue which marks, against the fixed point of the fluid model."""

import heapq
import random
from dataclasses import dataclass, field

import pytest
from fluid import Red, fixed_point

from labs.traffic.qp.dcqcn.notification import NotificationPoint
from labs.traffic.qp.dcqcn.parameters import Dcqcn
from labs.traffic.qp.dcqcn.reaction import ReactionPoint

LINK = 40e9
WANTED = Dcqcn(line_rate=LINK, hyper_rate=40e6)  # hyper increase as additive: the model has none
RED = Red(kmin=100e3, kmax=2.1e6, pmax=0.1)
SIZE = 4000  # bytes of a packet
MS = 1_000_000
SEND, TELL, HEAR = range(3)
TOLERANCE = 0.05  # of the queue; the cube-root approximation of the same fixed point is 12 to 29 % off


@dataclass
class Bottleneck:
    """Flows, the queue that they share, and who tells them of it; a packet at a time. Feedback takes `delay` ns."""

    of: Dcqcn
    flows: int
    apart: int  # ns between the beginnings of two flows
    delay: int
    chance: random.Random = field(default_factory=lambda: random.Random(5))
    queue: float = 0.0
    served: int = 0  # up to when, ns

    def __post_init__(self) -> None:
        self.senders = [ReactionPoint(self.of, number * self.apart) for number in range(self.flows)]
        self.points = [NotificationPoint(self.of.cnp_interval) for _ in range(self.flows)]
        self.events = [(number * self.apart, SEND, number) for number in range(self.flows)]
        self.sent = [0] * self.flows
        self.seen: list[float] = []  # the queue, as each packet found it

    def run(self, until: int) -> None:
        """Let time pass, and forget what was measured before."""
        self.sent, self.seen = [0] * self.flows, []
        while self.events[0][0] <= until:
            now, what, flow = heapq.heappop(self.events)
            if what == SEND:
                self.send(now, flow)
            elif what == TELL:
                self.points[flow].sent(now)
                heapq.heappush(self.events, (now + self.delay, HEAR, flow))
            else:
                self.senders[flow].notified(now)

    def send(self, now: int, flow: int) -> None:
        """A packet goes into the queue, is marked or not, and its flow's next one is due."""
        self.queue = max(0.0, self.queue - self.of.line_rate * (now - self.served) / 8e9) + SIZE
        self.served = now
        self.sent[flow] += SIZE
        self.seen.append(self.queue)
        self.senders[flow].sent(SIZE, now)
        heapq.heappush(self.events, (self.senders[flow].free_at, SEND, flow))
        if self.chance.random() < RED.probability(self.queue):
            told = self.points[flow].next_moment(now)
            self.points[flow].mark()
            moment = self.points[flow].next_moment(now)
            if told is None and moment is not None:
                heapq.heappush(self.events, (moment, TELL, flow))


@pytest.mark.parametrize(("flows", "kilobytes"), [(2, 20.2), (4, 41.8), (10, 122.6)])
def test_the_fixed_point_is_that_of_the_equations(flows: int, kilobytes: float) -> None:
    """What integrating the fluid model until it rests gives, at 40 Gb/s, for 1 KB packets and the paper's law."""
    law = Red(kmin=5e3, kmax=200e3, pmax=0.01)
    assert fixed_point(flows, 1000, WANTED, law) / 1000 == pytest.approx(kilobytes, abs=0.05)


@pytest.mark.parametrize("dilation", [1, 400])
@pytest.mark.parametrize("flows", [8, 16])
def test_flows_share_a_link_and_the_queue_stays(flows: int, dilation: int) -> None:
    """Flows that begin one after another at full rate come to equal shares, with the queue at the fixed point."""
    loop = Bottleneck(WANTED.dilated(dilation), flows, apart=MS // 2 * dilation, delay=4000 * dilation)
    loop.run(40 * MS * dilation)
    loop.run(120 * MS * dilation)

    share = sum(loop.sent) / flows
    assert sum(loop.sent) * 8 == pytest.approx(LINK * 0.080, rel=0.01)
    assert loop.sent == pytest.approx([share] * flows, rel=0.15)
    assert sum(loop.sent) ** 2 / flows / sum(each**2 for each in loop.sent) > 0.99  # Jain's index
    queue = sum(loop.seen) / len(loop.seen)
    assert queue == pytest.approx(fixed_point(flows, SIZE, WANTED, RED), rel=TOLERANCE)


def test_more_flows_have_a_longer_queue() -> None:
    """Each must be told so much more often; a queue that follows the fixed point by chance would not."""
    queues = [fixed_point(flows, SIZE, WANTED, RED) for flows in (2, 4, 8, 16)]
    assert queues == sorted(queues)
    assert queues[-1] > 3 * queues[0]
