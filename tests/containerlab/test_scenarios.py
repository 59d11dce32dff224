"""Scenarios on the real containerlab: the same files, faults, probes and expectations as natively.

The whole library passes here too (`closlab run NAME --runtime containerlab`); these stand for its mechanisms: a
container that is stopped and started with a new network, impairments, daemons' logs, queue pairs on the wire.
"""

import os
from pathlib import Path

import pytest
from program import Closlab

from topologies.runtime.containerlab import engine

SCENARIOS = ("spine-dies", "one-way-link", "late-cable", "bgpd-killed", "spine-dies-under-all-reduce")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_passes(scenario: str, tmp_path: Path) -> None:
    """And no container is left."""
    name = f"{scenario}-{os.getpid()}"

    done = Closlab(tmp_path)("run", scenario, "--runtime", "containerlab", "--name", name)

    assert done.returncode == 0, done.stdout + done.stderr
    assert engine.containers(name) == ()
