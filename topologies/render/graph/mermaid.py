"""A lab as a Mermaid flowchart, which forges and editors draw inside Markdown."""

import re

from topologies.render.graph.drawing import Drawing, State

LINES = {State.UNKNOWN: "---", State.UP: "---", State.IMPAIRED: "-.-", State.DOWN: "-. down .-"}
COLOURS = {"superspine": "#8b5cf6", "spine": "#4f6fe8", "leaf": "#12a18a", "host": "#d49a3a"}


def mermaid(drawing: Drawing) -> str:
    """The flowchart as text: tiers from the top down, each in a row of its own."""
    lines = ["---", f"title: {drawing.title}", "---", "flowchart TB"]
    for number, tier in enumerate(drawing.tiers, start=1):
        lines.append(f'  subgraph tier{number}["{tier[0].role}"]')
        lines += [f'    {identity(box.name)}["{"<br/>".join((box.name, *box.facts))}"]:::{box.role}' for box in tier]
        lines.append("  end")
    above = {box.name: row for row, tier in enumerate(drawing.tiers) for box in tier}
    for cable in drawing.cables:
        upper, lower = sorted((cable.a, cable.b), key=lambda name: above[name])
        lines.append(f"  {identity(upper)} {LINES[cable.state]} {identity(lower)}")
    roles = [role for role, _ in drawing.roles]
    lines += [f"  classDef {role} stroke:{COLOURS.get(role, '#64748b')},stroke-width:2px" for role in roles]
    return "\n".join(lines) + "\n"


def identity(name: str) -> str:
    """A name that Mermaid takes as one word; `end` alone would close a subgraph."""
    return "n_" + re.sub(r"[^A-Za-z0-9]", lambda match: f"_{ord(match[0]):x}_", name)
