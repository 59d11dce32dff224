"""A lab as a Graphviz file."""

from topologies.render.graph.drawing import Cable, Drawing, State

COLOURS = {"superspine": "#8b5cf6", "spine": "#4f6fe8", "leaf": "#12a18a", "host": "#d49a3a"}
LOOKS = {
    State.UNKNOWN: 'color="#9aa7ba"',
    State.UP: 'color="#22a06b"',
    State.IMPAIRED: 'color="#d97706", penwidth=2',
    State.DOWN: 'color="#dc2626", style=dashed, penwidth=2',
}


def dot(drawing: Drawing) -> str:
    """The undirected graph as text; each tier keeps one rank."""
    lines = [
        f"graph {quoted(drawing.title)} {{",
        "  graph [rankdir=TB, ranksep=1.4, nodesep=0.3, splines=line];",
        '  node [shape=box, style="rounded", fontname="sans-serif"];',
    ]
    for tier in drawing.tiers:
        lines.append("  { rank=same;")
        for box in tier:
            label = quoted("\\n".join(escaped(line) for line in (box.name, *box.facts)), ready=True)
            colour = COLOURS.get(box.role, "#64748b")
            lines.append(f'    {quoted(box.name)} [label={label}, color="{colour}"];')
        lines.append("  }")
    row = {box.name: number for number, tier in enumerate(drawing.tiers) for box in tier}
    lines += [f"  {edge(cable, row)};" for cable in drawing.cables]
    return "\n".join([*lines, "}"]) + "\n"


def edge(cable: Cable, row: dict[str, int]) -> str:
    """One cable, its higher end first, so that Graphviz keeps the tiers in order."""
    ends = sorted(((cable.a, cable.a_interface), (cable.b, cable.b_interface)), key=lambda end: row[end[0]])
    (upper, tail), (lower, head) = ends
    labels = f"taillabel={quoted(tail)}, headlabel={quoted(head)}, fontsize=8"
    return f"{quoted(upper)} -- {quoted(lower)} [{labels}, {LOOKS[cable.state]}]"


def escaped(text: str) -> str:
    """A text with what means something to Graphviz made harmless."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def quoted(text: str, *, ready: bool = False) -> str:
    """A text as a Graphviz string; `ready` when it is escaped already."""
    return f'"{text if ready else escaped(text)}"'
