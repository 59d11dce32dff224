"""All that `closlab render` writes: one fabric in the words of every tool that may want it."""

from topologies.files.clab.write import write
from topologies.lab import Lab
from topologies.model import Fabric
from topologies.plan import Plan
from topologies.render.graph.drawing import drawing
from topologies.render.graph.svg import svg
from topologies.render.inventory import ansible, nornir, prometheus
from topologies.render.kubernetes import manifest
from topologies.render.oracle import oracle
from topologies.render.writing import write_folder
from topologies.runtime.image import PUBLIC_FRR_IMAGE

__all__ = ["render", "write_folder"]


def render(fabric: Fabric, plan: Plan, lab: Lab, *, image: str = PUBLIC_FRR_IMAGE) -> dict[str, str]:
    """Every file by its path in the folder. `image` is for nodes of a fabric that names none."""
    written = write(lab, image=fabric.image or image, folder="nodes")
    name = fabric.name
    return {
        f"{name}.clab.yml": written.text,
        **written.files,
        f"{name}.clabernetes.yml": manifest(name, written.text, written.files),
        f"{name}.svg": svg(drawing(lab)),
        "plan.json": oracle(plan),
        "ansible/inventory.yml": ansible(fabric, plan, lab),
        **{f"nornir/{file}": text for file, text in nornir(fabric, plan, lab).items()},
        "prometheus/targets.json": prometheus(fabric, plan, lab),
    }
