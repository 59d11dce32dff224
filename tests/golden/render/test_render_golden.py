"""Golden tests: what is rendered of a fabric, file by file.

Each folder beside this file has a fabric file and what must come of it; of nodes, the first of each role is kept.
`CLOSLAB_GOLDEN=write pytest tests/golden/render` writes the folders anew; read the diff before you commit it.
"""

import os
from pathlib import Path

import pytest

from topologies.files.fabric import parse_fabric
from topologies.model import Fabric, Role
from topologies.planning import plan
from topologies.render.assemble import lab
from topologies.render.folder import render
from topologies.render.graph.dot import dot
from topologies.render.graph.drawing import drawing
from topologies.render.graph.mermaid import mermaid

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/fabric.yml"))
WHOLE = "unnumbered"  # the one case that keeps every kind of file; the others keep configurations and the picture


def rendered(case: Path) -> dict[str, str]:
    """Everything that is rendered of a case, and which of it the case keeps."""
    fabric = parse_fabric((case / "fabric.yml").read_text(), "fabric.yml")
    planned = plan(fabric)
    made = lab(fabric, planned)
    files = render(fabric, planned, made, image="frr:test")
    files |= {f"{fabric.name}.mmd": mermaid(drawing(made)), f"{fabric.name}.dot": dot(drawing(made))}
    return {path: text for path, text in files.items() if kept(path, fabric, whole=case.name == WHOLE)}


def kept(path: str, fabric: Fabric, *, whole: bool) -> bool:
    """Of nodes, the first of each role; of all else, everything in the whole case and the picture in the others."""
    firsts = {next((node.name for node in fabric.nodes if node.role is role), "") for role in Role}
    if path.startswith("nodes/"):
        return path.split("/")[1] in firsts and (whole or path.endswith((".conf", ".batch", "gobgpd.yml")))
    return whole or path.endswith(".svg")


def test_there_are_cases() -> None:
    """A glob that finds nothing must not pass."""
    assert len(CASES) >= 5


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fabric_renders_as_recorded(case: Path) -> None:
    """Every kept file is as recorded, none is missing and none is left over."""
    now = rendered(case)
    if os.environ.get("CLOSLAB_GOLDEN") == "write":
        rewrite(case, now)

    recorded = {str(path.relative_to(case)): path.read_text() for path in case.rglob("*") if path.is_file()}
    del recorded["fabric.yml"]
    assert sorted(now) == sorted(recorded)
    assert now == recorded


def rewrite(case: Path, files: dict[str, str]) -> None:
    """Record what is rendered now in place of what was."""
    for path in [path for path in case.rglob("*") if path.is_file() and path.name != "fabric.yml"]:
        path.unlink()
    for name, text in files.items():
        (case / name).parent.mkdir(parents=True, exist_ok=True)
        (case / name).write_text(text)
