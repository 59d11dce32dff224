"""The router and the fabric that a task of Nornir moves: claimed, so that two moves in one lab never cross."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from napalm.base import NetworkDriver
from napalm_frr.lab import labs
from nornir.core.task import Task

from automation.draining.fabric import Fabric, Facts
from automation.draining.transaction import faults
from topologies.deploy import plan_of
from topologies.errors import Mistake
from topologies.runtime.door import enter

WITHIN = 60.0  # seconds that each step may take
CONNECTION = "napalm"


@contextmanager
def moving(task: Task, verb: str) -> Iterator[tuple[NetworkDriver, Fabric, Facts]]:
    """The task's router, the fabric around it and what that shows, for as long as nobody else may work on the lab.

    Raises Mistake where the host is in no lab or no switch, its lab has no plan, or somebody is at work on it; Fault
    where the router does not answer.
    """
    name = lab_of(task)
    at = labs(os.environ.get("CLOSLAB_STATE"))
    with at.claim(name, f"{verb} {task.host.name}"):
        record = at.read(name)
        plan = plan_of(record)
        if plan is None:
            raise Mistake(
                f"lab {name}: it has no plan, so nobody knows who needs {task.host.name}; {verb} is for fabrics"
            )
        enter(record)
        fabric = Fabric(record, plan, task.host.hostname or task.host.name)
        fabric.refuse_others()
        facts = fabric.look()
        with faults():
            driver = task.host.get_connection(CONNECTION, task.nornir.config)
        yield driver, fabric, facts


def lab_of(task: Task) -> str:
    """The lab that a host's connection options name. Raises Mistake where they name none."""
    extras = task.host.get_connection_parameters(CONNECTION).extras or {}
    if name := extras.get("optional_args", {}).get("lab"):
        return str(name)
    raise Mistake(f"{task.host.name}: its connection option {CONNECTION} names no lab (extras.optional_args.lab)")
