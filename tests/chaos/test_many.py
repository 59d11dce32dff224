"""Many labs on one machine: what each keeps open, and that none meets another."""

import os
from collections.abc import Iterator
from pathlib import Path

from program import MANY, Closlab

LABS = int(os.environ.get("CLOSLAB_LABS", "12"))
HELD = 4  # files that one idle process of a lab may have open: its three standard ones, and one to spare
TWO = f"name: {MANY}\ntopology:\n  nodes:\n    n1: {{kind: linux}}\n    n2: {{kind: linux}}\n  links:\n"


def test_labs_side_by_side_hold_few_files_open(closlab: Closlab) -> None:
    """Nothing stays behind of the program, and the idle processes of a lab keep next to nothing open."""
    closlab.file("two.clab.yml", f'{TWO}  - endpoints: ["n1:eth1", "n2:eth1"]\n')
    names = [f"{MANY}{number}x" for number in range(LABS)]

    both = [closlab.start("up", "two.clab.yml", "--name", name, "--no-check") for name in names]
    codes = {each.communicate(timeout=200) and each.returncode for each in both}
    labs = closlab.answer("ls")["labs"]
    held = [len(os.listdir(f"/proc/{pid}/fd")) for name in names for pid in pids(closlab, name)]
    down = closlab("down", "--all")

    assert codes == {0}
    assert {(lab["status"], lab["running"]) for lab in labs} == {("running", 2)}
    assert len(labs) == LABS
    assert len(held) == 3 * LABS  # of the lab and of each of its two nodes the first process
    assert max(held) <= HELD
    assert down.returncode == 0
    assert [closlab.traces(name) for name in names] == [""] * LABS


def pids(closlab: Closlab, name: str) -> Iterator[int]:
    """The processes of a lab."""
    for each in closlab.traces(name).split(", "):
        if each.startswith("process ") and Path("/proc", each.split()[1]).exists():
            yield int(each.split()[1])
