"""A file as containerlab's users write them, deployed as it stands by the containerlab runtime.

spine1   spine2
  |  \\   /  |
leaf1 … leaf4
"""

import os
from pathlib import Path

import pytest
from conformance import quiet

from topologies import deploy
from topologies.runtime.door import open_door
from topologies.runtime.image import frr_image_name
from topologies.waiting import until

FILE = Path(__file__).parents[2] / "topologies" / "fabrics" / "clos-2x4.clab.yml"


def test_a_file_with_its_own_configurations_runs_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its routers learn each other's loopbacks by their own BGP, and though the file says nothing of it, no node has
    a way out."""
    monkeypatch.setenv("CLOSLAB_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("FRR_IMAGE", frr_image_name(os.environ))
    name = f"third-{os.getpid()}"
    before = sorted(FILE.parent.iterdir())
    record = deploy.up(deploy.load(FILE, name=name), "containerlab", say=quiet)
    try:
        leaf = open_door(record, "leaf1")
        until("leaf4's loopback over both spines", lambda: lacking(leaf.run(["ip", "route"]).stdout), within=60)

        for node in record.nodes:
            assert open_door(record, node.name).run(["ip", "route", "show", "default"]).stdout == "", node.name
            assert open_door(record, node.name).run(["ip", "-6", "route", "show", "default"]).stdout == "", node.name
    finally:
        deploy.down(name)

    assert sorted(FILE.parent.iterdir()) == before


def lacking(routes: str) -> str:
    """What a leaf's table lacks of the way to the fourth leaf; "" for nothing."""
    start = routes.find("10.255.1.4")
    both = start >= 0 and all(f"dev {uplink}" in routes[start : start + 250] for uplink in ("eth1", "eth2"))
    return "" if both else routes
