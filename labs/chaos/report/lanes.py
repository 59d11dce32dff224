"""The timeline of a run as lanes of an SVG: faults, loss, routes, sessions. Pure; positions in pixels."""

import math
from collections import Counter
from collections.abc import Iterator

from msgspec import Struct

from labs.chaos.model import Kind, Recording
from labs.requests.model import ANSWERED

WIDTH, LEFT = 960.0, 110.0  # of the whole picture, and of the names of lanes
BAR, GAP, LANE = 20.0, 6.0, 64.0  # heights of a fault's bar, between bars, and of a lane of figures
NARROWEST = 2.0  # pixels of a column
REQUESTS = 0.1  # seconds of a column of requests, at least
TICKS = 8  # labels of the time axis, about
STEPS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
MARKS = {Kind.BGP_DOWN: "▼", Kind.BGP_UP: "▲", Kind.BFD_DOWN: "▽", Kind.BFD_UP: "△"}
_CHANGES = (Kind.ROUTE_ADDED, Kind.ROUTE_REPLACED, Kind.ROUTE_REMOVED)


class Scale(Struct, frozen=True):
    """Seconds to pixels."""

    begun: float
    ended: float

    def __call__(self, at: float) -> float:
        """Where a time lies."""
        share = (at - self.begun) / (self.ended - self.begun)
        return round(LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - 10), 1)

    @property
    def ticks(self) -> Iterator[float]:
        """Round times to label."""
        span = self.ended - self.begun
        step = next((each for each in STEPS if span / each <= TICKS), STEPS[-1])
        first = int(self.begun / step) - 1
        for number in range(first, first + int(span / step) + 3):
            if self.begun <= number * step <= self.ended:
                yield round(number * step, 3)


class Bar(Struct, frozen=True):
    """Something that lasted: from where to where, its name, and words for it."""

    x: float
    width: float
    name: str
    title: str


class Column(Struct, frozen=True):
    """A figure in a short time, as a column of that height below the lane's own."""

    x: float
    width: float
    height: float
    title: str


class Mark(Struct, frozen=True):
    """A moment: a sign, and words for it."""

    x: float
    sign: str
    title: str


def scale_of(recording: Recording) -> Scale:
    """From the first probe to the end."""
    begun = min((each.begun for each in recording.probes.bins), default=0.0)
    return Scale(min(begun, 0.0), max(recording.ended, 0.001))


def faults(recording: Recording, scale: Scale) -> list[Bar]:
    """Every episode as a bar."""
    found = []
    for each in recording.episodes:
        ended = recording.ended if each.healed is None else each.healed
        x = scale(each.injected)
        words = f"{each.name}: {each.fault}, {each.where}, {each.injected:.3f} s to {ended:.3f} s"
        found.append(Bar(x, max(scale(ended) - x, 2.0), each.name, words))
    return found


def loss(recording: Recording, scale: Scale) -> list[Column]:
    """The share of probes lost, where any were; a full column is all of them."""
    width = _column_width(recording, scale)
    sent, lost = Counter[int](), Counter[int]()
    for each in recording.probes.bins:
        sent[int(each.begun // width)] += each.sent
        lost[int(each.begun // width)] += each.lost
    return [
        _column(
            at * width, lost[at] / sent[at], f"{lost[at] / sent[at]:.1%} lost ({lost[at]} of {sent[at]})", width, scale
        )
        for at in sorted(sent)
        if lost[at]
    ]


def routes(recording: Recording, scale: Scale) -> list[Column]:
    """How many routes changed in each short time; a full column is the most that did at once."""
    width = _column_width(recording, scale)
    counts = Counter(int(each.at // width) for each in recording.events if each.kind in _CHANGES)
    most = max(counts.values(), default=1)
    return [
        _column(at * width, count / most, f"{count} changes of routes", width, scale)
        for at, count in sorted(counts.items())
    ]


def goodput(recording: Recording, scale: Scale) -> list[Column]:
    """What all workloads had acknowledged; a full column is the most of any time."""
    width = max(_column_width(recording, scale), max((each.width for each in recording.traffic), default=0.0))
    counts = Counter[int]()
    for log in recording.traffic:
        for each in log.moved:
            counts[int(each.begun // width)] += each.count
    most = max(counts.values(), default=1)
    return [
        _column(at * width, count / most, f"{count * 8 / width / 1e6:.3g} Mbit/s", width, scale)
        for at, count in sorted(counts.items())
    ]


def unanswered(recording: Recording, scale: Scale) -> list[Column]:
    """The share of requests that were not answered, by when they were due, where any were; a full column is all."""
    width = max(_column_width(recording, scale), REQUESTS)
    due, lost = Counter[int](), Counter[int]()
    for log in recording.requests:
        for each in log.outcomes:
            due[int(each.at // width)] += 1
            lost[int(each.at // width)] += each.fate != ANSWERED
    return [
        _column(at * width, lost[at] / due[at], f"{lost[at]} of {due[at]} requests were not answered", width, scale)
        for at in sorted(due)
        if lost[at]
    ]


def sessions(recording: Recording, scale: Scale) -> list[Mark]:
    """Sessions that went down or came up."""
    return [
        Mark(
            scale(each.at),
            MARKS[each.kind],
            f"{each.at:.3f} s: {each.node}: {each.kind.replace('_', ' ')}, {each.subject}",
        )
        for each in recording.events
        if each.kind in MARKS
    ]


def _column_width(recording: Recording, scale: Scale) -> float:
    """Seconds of a column: a bin, or as many as make it wide enough to be seen."""
    width = recording.probes.width
    pixels = (WIDTH - LEFT - 10) * width / (scale.ended - scale.begun)
    return width * max(math.ceil(NARROWEST / pixels), 1)


def _column(at: float, share: float, words: str, width: float, scale: Scale) -> Column:
    thick = round(max(scale(scale.begun + width) - scale(scale.begun), 1.0), 1)
    return Column(scale(at), thick, round(max(share * (LANE - 8), 1.0), 1), f"{at:.2f} s: {words}")
