"""Where everything goes: each tier spread evenly over one width, so that equal pods line up under each other.

Boxes shrink in three steps as a tier fills up: name and facts, name alone, name written upwards.
"""

from collections import Counter
from enum import Enum

from msgspec import Struct

from topologies.render.graph.drawing import Box, Cable, Drawing

MARGIN = 28.0
HEADER = 74.0
FOOTER = 52.0
NARROWEST, WIDEST = 720.0, 1680.0
PITCH = 150.0  # of the widest tier, where there is room
TIGHTEST = 15.0  # pixels from one box to the next; beyond that the picture grows wider


class Size(Enum):
    """How much a box shows."""

    FULL = "full"
    NAME = "name"
    UPRIGHT = "upright"


HEIGHTS = {Size.FULL: 58.0, Size.NAME: 34.0, Size.UPRIGHT: 76.0}


class Placed(Struct, frozen=True):
    """A box with its place: centre in x, top edge in y."""

    box: Box
    size: Size
    x: float
    y: float
    width: float
    height: float


class Drawn(Struct, frozen=True):
    """A cable with its ends: from the lower edge of the higher box to the upper edge of the lower one."""

    cable: Cable
    x1: float
    y1: float
    x2: float
    y2: float
    beside: bool  # both boxes are in one tier


class Panel(Struct, frozen=True):
    """The ground behind the boxes of one pod."""

    name: str
    x: float
    y: float
    width: float
    height: float


class Layout(Struct, frozen=True):
    """A picture with all places settled."""

    width: float
    height: float
    boxes: tuple[Placed, ...]
    cables: tuple[Drawn, ...]
    panels: tuple[Panel, ...]


def layout(drawing: Drawing) -> Layout:
    """Settle every place of a drawing."""
    most = max((len(tier) for tier in drawing.tiers), default=1)
    inner = max(NARROWEST - 2 * MARGIN, min(most * PITCH, WIDEST - 2 * MARGIN), most * TIGHTEST)
    placed: list[Placed] = []
    y = bottom = HEADER
    for tier in drawing.tiers:
        row = place_row(tier, inner, y)
        placed += row
        bottom = y + row[0].height
        y = bottom + gap_below({place.box.name for place in placed}, drawing.cables, inner)
    return Layout(
        inner + 2 * MARGIN, bottom + FOOTER, tuple(placed), cables_between(placed, drawing.cables), panels(placed)
    )


def gap_below(above: set[str], cables: tuple[Cable, ...], inner: float) -> float:
    """The room under the tiers so far: a mesh needs height to be told apart, hosts hanging from their leaves do not."""
    crossing = [cable for cable in cables if (cable.a in above) != (cable.b in above)]
    uplinks = Counter(cable.b if cable.a in above else cable.a for cable in crossing)
    mesh = max(uplinks.values(), default=0) > 1
    return max(110.0, min(inner * 0.14, 300.0)) if mesh else 60.0


def place_row(tier: tuple[Box, ...], inner: float, y: float) -> list[Placed]:
    """One tier, each box in the middle of its share of the width."""
    pitch = inner / len(tier)
    size = Size.FULL if pitch >= 92 else Size.NAME if pitch >= 48 else Size.UPRIGHT
    widest = {Size.FULL: 136.0, Size.NAME: 104.0, Size.UPRIGHT: 22.0}[size]
    width = min(widest, pitch * 0.88)
    return [
        Placed(box, size, round(MARGIN + (i + 0.5) * pitch, 1), round(y, 1), round(width, 1), HEIGHTS[size])
        for i, box in enumerate(tier)
    ]


def cables_between(placed: list[Placed], cables: tuple[Cable, ...]) -> tuple[Drawn, ...]:
    """Every cable with both ends. The ends at one edge of a box stand side by side in the order of their far ends, so
    that cables of one box do not cross."""
    places = {place.box.name: place for place in placed}
    pairs = [sorted((places[c.a], places[c.b]), key=lambda place: (place.y, place.x)) for c in cables]
    spots: dict[tuple[int, int], float] = {}
    edges: dict[tuple[str, bool], list[tuple[float, int, int]]] = {}
    for index, (upper, lower) in enumerate(pairs):
        beside = upper.y == lower.y
        edges.setdefault((upper.box.name, True), []).append((lower.x, index, 0))
        edges.setdefault((lower.box.name, beside), []).append((upper.x, index, 1))
    for (name, _), ends in edges.items():
        place = places[name]
        for order, (_, index, end) in enumerate(sorted(ends)):
            spots[index, end] = place.x + place.width * 0.78 * ((order + 0.5) / len(ends) - 0.5)
    return tuple(
        drawn(cable, upper, lower, spots[index, 0], spots[index, 1])
        for index, (cable, (upper, lower)) in enumerate(zip(cables, pairs, strict=True))
    )


def drawn(cable: Cable, upper: Placed, lower: Placed, x1: float, x2: float) -> Drawn:
    """One cable between the given spots of its boxes."""
    beside = upper.y == lower.y
    return Drawn(cable, x1, upper.y + upper.height, x2, lower.y + (lower.height if beside else 0), beside)


def panels(placed: list[Placed]) -> tuple[Panel, ...]:
    """A panel for each pod, where there is more than one."""
    pods = dict.fromkeys(place.box.pod for place in placed if place.box.pod)
    if len(pods) < 2:
        return ()
    return tuple(panel(pod, [place for place in placed if place.box.pod == pod]) for pod in pods)


def panel(pod: str, members: list[Placed]) -> Panel:
    """The ground of one pod: its boxes with some air around."""
    left = min(place.x - place.width / 2 for place in members) - 7
    right = max(place.x + place.width / 2 for place in members) + 7
    top = min(place.y for place in members) - 26
    bottom = max(place.y + place.height for place in members) + 12
    return Panel(f"pod {pod}", round(left, 1), round(top, 1), round(right - left, 1), round(bottom - top, 1))
