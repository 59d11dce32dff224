"""The lab of an ordinary user is probed and watched as root's is."""

import os
import sys
from pathlib import Path

import pytest

from tests.conftest import STRANGER
from topologies import process

WORK = Path(__file__).parents[2]
OBSERVE = """
import sys
from pathlib import Path
from probed import RATE, fabric, pass_time
from labs.chaos.model import Kind
from topologies.runtime.model import Action

with fabric(Path(sys.argv[1]), "u", hosts=1) as lab:
    with (quiet := lab.observed()) as now:
        began = now.now
        pass_time(1.0)
        lasted = now.now - began
    with (observed := lab.observed()):
        lab.live.act("spine1", Action.KILL)
        pass_time(0.5)
        lab.live.act("spine1", Action.START)
        lab.settle()
    print("quiet:", quiet.lost, quiet.seen.events, quiet.missed, quiet.sent >= RATE * lasted)
    print("down:", sorted(each.node for each in observed.events(Kind.BGP_DOWN) if each.subject == "spine1"))
    print("up:", sorted({each.subject for each in observed.events(Kind.BGP_UP, node="spine1")}))
    print("open:", [each for each in observed.outages() if each.ended is None], observed.missed)
"""
SEEN = """\
quiet: 0 () [] True
down: ['leaf1', 'leaf2']
up: ['leaf1', 'leaf2']
open: [] []
"""


@pytest.mark.stranger
@pytest.mark.root_only("can become somebody else")
def test_a_lab_of_an_ordinary_user_is_observed(home: Path) -> None:
    """Quiet, and while a spine dies and boots again: no probe lost without reason, and every event told."""
    env = {"PATH": os.environ["PATH"], "CLOSLAB_STATE": str(home / "state")}
    env["PYTHONPATH"] = f"{WORK}:{WORK / 'automation' / 'drivers'}:{WORK / 'tests'}"

    argv = [*STRANGER, sys.executable, "-B", "-c", OBSERVE, str(home)]
    done = process.run(argv, env=env, cwd=Path("/"), check=False, timeout=100)

    assert done.stdout == SEEN, done.stderr
