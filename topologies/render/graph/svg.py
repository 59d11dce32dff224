"""A lab as one SVG file that stands alone: no script, no font to fetch, readable on light and on dark ground."""

import math
from html import escape
from pathlib import Path

from topologies.render.graph.drawing import Drawing, State
from topologies.render.graph.layout import FOOTER, MARGIN, Drawn, Layout, Panel, Placed, Size, layout

STYLE = Path(__file__).with_name("style.css")
MANY = 300  # cables; from here on they are drawn paler
KNOWN = ("superspine", "spine", "leaf", "host")
STATES = {State.UP: "link up", State.IMPAIRED: "session down", State.DOWN: "link down"}


def svg(drawing: Drawing) -> str:
    """The picture as text."""
    places = layout(drawing)
    width, height = number(places.width), number(places.height)
    density = "cables many" if len(drawing.cables) > MANY else "cables"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img" aria-label="{escape(drawing.title)}: {escape(summary(drawing))}">',
        f"<style>\n{STYLE.read_text()}</style>",
        f'<rect class="ground" width="{width}" height="{height}" rx="14"/>',
        text(MARGIN, 36, "title", drawing.title),
        text(MARGIN, 56, "summary", summary(drawing)),
        *(ground(panel) for panel in places.panels),
        f'<g class="{density}" style="stroke-width:{thickness(drawing)}">',
        *(line(drawn) for drawn in in_order(places.cables)),
        "</g>",
        *(node(place) for place in places.boxes),
        *legend(drawing, places),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def summary(drawing: Drawing) -> str:
    """One line that says what is there, and how it stands when that is known."""
    counts = [counted(count, role) for role, count in drawing.roles]
    counts.append(counted(len(drawing.cables), "link"))
    known = [cable.state for cable in drawing.cables if cable.state is not State.UNKNOWN]
    if known:
        counts.append(f"{known.count(State.UP)} of {len(known)} links up")
    return " · ".join(counts)


def counted(count: int, noun: str) -> str:
    """A number with its noun in the right form."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {'leaves' if noun == 'leaf' else noun + 's'}"


def thickness(drawing: Drawing) -> str:
    """The width of a cable in pixels: thinner as they become many."""
    return number(max(0.5, min(1.6, 12 / math.sqrt(max(1, len(drawing.cables))))))


def in_order(cables: tuple[Drawn, ...]) -> list[Drawn]:
    """Cables with those in trouble last, so that nothing is drawn over them."""
    return sorted(
        cables, key=lambda drawn: (State.UNKNOWN, State.UP, State.IMPAIRED, State.DOWN).index(drawn.cable.state)
    )


def line(drawn: Drawn) -> str:
    """One cable as a curve that leaves and enters upright; cables within a tier hang below it."""
    if drawn.beside:
        sag = min(46.0, 14 + abs(drawn.x2 - drawn.x1) * 0.12)
        bend = f"C{number(drawn.x1)} {number(drawn.y1 + sag)} {number(drawn.x2)} {number(drawn.y2 + sag)}"
    else:
        bow = (drawn.y2 - drawn.y1) * 0.28
        bend = f"C{number(drawn.x1)} {number(drawn.y1 + bow)} {number(drawn.x2)} {number(drawn.y2 - bow)}"
    cable = drawn.cable
    words = f"{cable.a}:{cable.a_interface} - {cable.b}:{cable.b_interface}"
    if cable.state is not State.UNKNOWN:
        words += f", {STATES[cable.state]}"
    path = f"M{number(drawn.x1)} {number(drawn.y1)}{bend} {number(drawn.x2)} {number(drawn.y2)}"
    return f'<path class="{cable.state}" d="{path}"><title>{escape(words)}</title></path>'


def node(place: Placed) -> str:
    """One box with its name, facts, state and tooltip."""
    box = place.box
    left = place.x - place.width / 2
    told = " · ".join((box.name, box.role, *box.facts, *((box.state,) if box.state is not State.UNKNOWN else ())))
    parts = [
        f'<g class="node {role_class(box.role)} {box.state}"><title>{escape(told)}</title>',
        rectangle("", x=left, y=place.y, width=place.width, height=place.height, radius=corner(place)),
        *words(place),
    ]
    if box.state is not State.UNKNOWN:
        right = place.x + place.width / 2
        spot = (right - 9, place.y + 9) if place.size is not Size.UPRIGHT else (place.x, place.y + 6)
        radius = 3.5 if place.size is not Size.UPRIGHT else min(2.5, place.width / 5)
        parts.append(f'<circle class="lamp" cx="{number(spot[0])}" cy="{number(spot[1])}" r="{number(radius)}"/>')
    return "".join(parts) + "</g>"


def corner(place: Placed) -> float:
    """The radius of a box's corners."""
    return 8.0 if place.size is not Size.UPRIGHT else min(5.0, place.width / 3)


def rectangle(style: str, *, x: float, y: float, width: float, height: float, radius: float) -> str:
    """One rounded rectangle, with a class where it needs one of its own."""
    named = f' class="{style}"' if style else ""
    where = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" rx="{number(radius)}"'
    return f"<rect{named} {where}/>"


def words(place: Placed) -> list[str]:
    """What is written in a box."""
    name = place.box.name
    if place.size is Size.UPRIGHT:
        size = min(11.0, place.width * 0.62, (place.height - 14) / (max(len(name), 1) * 0.58))
        x, y = number(place.x), number(place.y + place.height - 6)
        turn = f'transform="rotate(-90 {x} {y})" style="font-size:{number(size)}px"'
        return [f'<text class="name upright" x="{x}" y="{y}" dy="0.35em" {turn}>{escape(name)}</text>']
    size = min(14.0, (place.width - 12) / (max(len(name), 1) * 0.6))
    facts = place.box.facts[:2] if place.size is Size.FULL else ()
    first = place.y + place.height / 2 + 5 - 7.5 * len(facts)
    small = min([11.0, *((place.width - 10) / (max(len(fact), 1) * 0.58) for fact in facts)])
    return [
        text(place.x, first, "name", name, size),
        *(text(place.x, first + 15 * (i + 1), "fact", fact, small) for i, fact in enumerate(facts)),
    ]


def text(x: float, y: float, style: str, words: str, size: float | None = None) -> str:
    """One line of text."""
    sized = f' style="font-size:{number(size)}px"' if size is not None else ""
    return f'<text class="{style}" x="{number(x)}" y="{number(y)}"{sized}>{escape(words)}</text>'


def ground(panel: Panel) -> str:
    """The panel of a pod with its name."""
    back = rectangle("pod", x=panel.x, y=panel.y, width=panel.width, height=panel.height, radius=12)
    return back + text(panel.x + 10, panel.y + 16, "pod-name", panel.name)


def legend(drawing: Drawing, places: Layout) -> list[str]:
    """What the colours mean: the roles that are there, and the states of cables that are."""
    y = places.height - FOOTER / 2
    x = MARGIN
    parts = []
    for role, _ in drawing.roles:
        key = rectangle("", x=x, y=y - 6, width=16, height=12, radius=3)
        parts.append(f'<g class="node key {role_class(role)}">{key}{text(x + 22, y + 4, "legend", role)}</g>')
        x += 40 + 7.0 * len(role)
    shown = {cable.state for cable in drawing.cables}
    for state in (state for state in STATES if state in shown):
        key = f'<path class="{state}" d="M{number(x)} {number(y)}h20"/>'
        parts.append(f'<g class="cables key">{key}</g>{text(x + 26, y + 4, "legend", STATES[state])}')
        x += 44 + 7.0 * len(STATES[state])
    return parts


def role_class(role: str) -> str:
    """The style class of a role; roles that we do not know share one."""
    return role if role in KNOWN else "other"


def number(value: float) -> str:
    """A number with at most one digit after the point, and none that says nothing."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
