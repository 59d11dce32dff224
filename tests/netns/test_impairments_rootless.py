"""Impairments in a lab of an ordinary user, who has no privilege on the machine."""

import os
from pathlib import Path

import pytest
from program import Closlab

from tests.conftest import STRANGER

WORK = Path(__file__).parents[2]
SMALL = WORK / "topologies" / "fabrics" / "small.yml"


@pytest.mark.stranger
@pytest.mark.root_only("can become somebody else")
def test_a_cable_is_impaired_and_healed_without_root(home: Path) -> None:
    """Set, shown, cleared; the machine's own programs, and a relay, work in that user's namespaces."""
    closlab, name = Closlab(home, under=STRANGER), f"impairless{os.getpid()}"
    try:
        up = closlab("up", str(SMALL), "--name", name)
        done = closlab("link", "set", "leaf1:eth1", "--lab", name, "--loss", "1", "--rate", "10", "--delay", "5")
        (cable,) = closlab.answer("link", "show", "leaf1:eth1", "--lab", name)["links"]
        healed = closlab("link", "clear", "leaf1:eth1", "--lab", name)
    finally:
        closlab("down", name)

    assert (up.returncode, done.returncode, healed.returncode) == (0, 0, 0), up.stderr + done.stderr + healed.stderr
    shown = {each["end"]: each["impairment"] for each in cable["ends"]}["leaf1:eth1"]
    assert (shown["loss_percent"], shown["rate_mbps"], shown["delay_ms"]) == (1, 10, 5)
