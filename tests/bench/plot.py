"""A line chart as SVG: one polyline per series over numeric axes, readable on light and dark pages."""

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, log10

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 48, 56
COLOURS = ("#2563eb", "#ea580c", "#16a34a", "#9333ea", "#dc2626")

Point = tuple[float, float]


def chart(title: str, x_label: str, y_label: str, series: Mapping[str, Sequence[Point]]) -> str:
    """The whole picture. Both axes begin at zero; points are marked and carry their values as tooltips."""
    points = [point for line in series.values() for point in line]
    x_ticks = ticks(max(x for x, _ in points))
    y_ticks = ticks(max(y for _, y in points))
    parts = [*axes(title, x_label, y_label, x_ticks, y_ticks)]
    for number, (name, line) in enumerate(series.items()):
        parts += drawn(name, sorted(line), number, (x_ticks[-1], y_ticks[-1]))
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" '
        f'font-size="12">\n<style>text{{fill:#334155}} .grid{{stroke:#94a3b8;stroke-opacity:.35}} '
        f"@media (prefers-color-scheme: dark){{text{{fill:#cbd5e1}}}}</style>\n{body}\n</svg>\n"
    )


def ticks(most: float) -> list[float]:
    """Round tick values from 0 to at least `most`, four to ten of them."""
    step = 10.0 ** (ceil(log10(most)) - 1)
    for factor in (0.5, 1.0, 2.0):
        if most / (step * factor) <= 8:
            step *= factor
            break
    return [round(step * number, 6) for number in range(ceil(most / step) + 1)]


def place(x: float, y: float, x_most: float, y_most: float) -> Point:
    """Where a value is drawn."""
    return (
        LEFT + (WIDTH - LEFT - RIGHT) * x / x_most,
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / y_most,
    )


def axes(title: str, x_label: str, y_label: str, xs: Sequence[float], ys: Sequence[float]) -> list[str]:
    """Title, grid, tick labels and axis labels."""
    parts = [f'<text x="{LEFT}" y="26" font-size="15" font-weight="600">{escape(title)}</text>']
    for y in ys:
        _, down = place(0, y, xs[-1], ys[-1])
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{down:.1f}" x2="{WIDTH - RIGHT}" y2="{down:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{down + 4:.1f}" text-anchor="end">{y:g}</text>')
    for x in xs:
        across, _ = place(x, 0, xs[-1], ys[-1])
        parts.append(f'<text x="{across:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x:g}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 14}" text-anchor="middle">{escape(x_label)}</text>')
    turned = f'transform="rotate(-90 18 {HEIGHT / 2})"'
    parts.append(f'<text x="18" y="{HEIGHT / 2}" text-anchor="middle" {turned}>{escape(y_label)}</text>')
    return parts


def drawn(name: str, line: Sequence[Point], number: int, most: Point) -> list[str]:
    """One series: its polyline, its marks, and its entry in the legend."""
    colour = COLOURS[number % len(COLOURS)]
    at = [place(x, y, *most) for x, y in line]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>']
    for (x, y), (across, down) in zip(line, at, strict=True):
        mark = f"<title>{escape(name)}: {x:g}, {y:.2f}</title>"
        parts.append(f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3.5" fill="{colour}">{mark}</circle>')
    key = TOP + 8 + 20 * number
    parts.append(f'<rect x="{WIDTH - RIGHT + 16}" y="{key - 9}" width="12" height="12" rx="2" fill="{colour}"/>')
    parts.append(f'<text x="{WIDTH - RIGHT + 34}" y="{key + 1}">{escape(name)}</text>')
    return parts
