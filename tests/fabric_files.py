"""Fabric files of all designs, small ones, that hypothesis makes up."""

import yaml
from hypothesis import strategies as st

from topologies.files.fabric import parse_fabric
from topologies.model import Fabric
from topologies.plan import Plan
from topologies.planning import plan

UNDERLAYS = st.fixed_dictionaries(
    {
        "numbering": st.sampled_from(["numbered", "unnumbered"]),
        "hosts": st.sampled_from(["static", "bgp"]),
        "bfd": st.booleans(),
        "ipv6": st.booleans(),
        "services": st.booleans(),
    }
).map(lambda part: {**part, "services": part["services"] and part["hosts"] == "static"})
FEW = st.integers(1, 3)


@st.composite
def hosted(draw: st.DrawFn, leaves: str) -> dict[str, int]:
    """Leaves in whole groups, and the hosts under them."""
    nics = draw(st.integers(1, 2))
    return {"nics": nics, "hosts_per_leaf": draw(st.integers(0, 2)), leaves: nics * draw(FEW)}


@st.composite
def files(draw: st.DrawFn) -> dict[str, object]:
    """Fabric files of all designs, small."""
    design = draw(st.sampled_from(["leaf-spine", "three-tier", "rail"]))
    head = {"name": "x", "design": design, "underlay": draw(UNDERLAYS)}
    if design == "leaf-spine":
        return {**head, "spines": draw(FEW), **draw(hosted("leaves"))}
    if design == "rail":
        return {**head, **{key: draw(FEW) for key in ("pods", "rails", "hosts_per_pod", "spines")}}
    sizes = {key: draw(FEW) for key in ("pods", "spines_per_pod", "superspines_per_plane")}
    return {**head, **sizes, **draw(hosted("leaves_per_pod"))}


def made(file: dict[str, object]) -> tuple[Fabric, Plan]:
    """The fabric and the plan of a file."""
    fabric = parse_fabric(yaml.safe_dump(file), "x.yml")
    return fabric, plan(fabric)
