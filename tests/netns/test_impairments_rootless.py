"""Impairments in a lab of an ordinary user, who has no privilege on the machine."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from program import Closlab

WORK = Path(__file__).parents[2]
SMALL = WORK / "topologies" / "fabrics" / "small.yml"
NOBODY = 65534
USER = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


@pytest.fixture
def home() -> Iterator[Path]:
    """The home of somebody without privileges; pytest's own folders are closed to others."""
    with TemporaryDirectory() as folder:
        os.chown(folder, NOBODY, NOBODY)
        yield Path(folder)


@pytest.mark.stranger
@pytest.mark.root_only("can become somebody else")
def test_a_cable_is_impaired_and_healed_without_root(home: Path) -> None:
    """Set, shown, cleared; the machine's own programs work in that user's namespaces."""
    closlab, name = Closlab(home, under=USER), f"impairless{os.getpid()}"
    try:
        up = closlab("up", str(SMALL), "--name", name)
        done = closlab("link", "set", "leaf1:eth1", "--lab", name, "--loss", "1", "--rate", "10")
        (cable,) = closlab.answer("link", "show", "leaf1:eth1", "--lab", name)["links"]
        healed = closlab("link", "clear", "leaf1:eth1", "--lab", name)
    finally:
        closlab("down", name)

    assert (up.returncode, done.returncode, healed.returncode) == (0, 0, 0), up.stderr + done.stderr + healed.stderr
    shown = {each["end"]: each["impairment"] for each in cable["ends"]}["leaf1:eth1"]
    assert (shown["loss_percent"], shown["rate_mbps"]) == (1, 10)
