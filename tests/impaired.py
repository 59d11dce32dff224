"""What is seen of impaired ends, and whether chance may have it so."""

import math

from labs.cables import cables
from labs.impairing import with_impairments
from topologies.impairments.model import Seen
from topologies.runtime.model import LabRecord

FIVE_SIGMA = 5  # a normal bound: 6e-7 two-sided, with 1,000 expected events


def now(record: LabRecord, end: str) -> Seen:
    """What the kernel shows of an end."""
    (cable,) = with_impairments(record, [each for each in cables(record) if each.touches(end)])
    seen = cable.a_impaired if cable.a == end else cable.b_impaired
    assert seen is not None
    return seen


def within_bounds(events: int, share: float, count: int) -> bool:
    """Whether so many of `count` are no surprise."""
    return abs(events - count * share) <= FIVE_SIGMA * math.sqrt(count * share * (1 - share))
