"""What happens to a lab on containerlab when the process that brings it up is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conformance import FABRIC, machine_names

from topologies import deploy, process
from topologies.runtime import store
from topologies.runtime.containerlab import engine
from topologies.waiting import until

ROOT = Path(__file__).parents[2]
UP = """
import sys
from pathlib import Path
from topologies import deploy, process
deploy.up(deploy.load(Path(sys.argv[1]), name=sys.argv[2]), "containerlab", say=lambda phase, done, of: None)
"""
MOMENTS: dict[str, Callable[[str, str], bool]] = {
    "as soon as its network is there": lambda name, lab_id: engine.network_exists(engine.network_name(lab_id)),
    "when the first container is there": lambda name, lab_id: len(engine.containers(name)) > 0,
    "when all containers are there": lambda name, lab_id: len(engine.containers(name)) == 10,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_down_leaves_nothing_of_a_killed_deployment(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed by SIGKILL at any moment, `up` leaves a record from which `down` removes all that was made."""
    monkeypatch.setenv("CLOSLAB_STATE", str(tmp_path / "state"))
    name = f"killed-{os.getpid()}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    killed = subprocess.Popen([sys.executable, "-c", UP, str(FABRIC), name], env=environment, start_new_session=True)
    until("a record", lambda: "" if store.here().exists(name) else "none", within=20)
    lab_id = store.here().read(name).id
    until(moment, lambda: "" if MOMENTS[moment](name, lab_id) else "not yet", within=60)

    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert deploy.down(name)

    assert engine.containers(name) == ()
    assert not engine.network_exists(engine.network_name(lab_id))
    assert lab_id not in process.run(["nft", "list", "tables"]).stdout
    assert [each for each in machine_names() if name in each] == []
    assert not (tmp_path / "state" / name).exists()
