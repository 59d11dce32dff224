"""How long the data plane is out after a fault, as `closlab run` measures it. The variant says which fault, `up` is the
longest outage of any flow in seconds; 0 where no probe was lost."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tests.bench.cases import Case
from tests.bench.machine import command, settled
from tests.bench.measure import Run
from tests.bench.ours import CLOSLAB, Bench
from topologies.errors import ClosError

RATE = 5000  # probes a second
STEPS: Mapping[str, tuple[bool, Mapping[str, str]]] = {
    "link down": (False, {"fault": "link-down", "link": "leaf1-spine1", "lasts": "2s"}),
    "link down, BFD": (True, {"fault": "link-down", "link": "leaf1-spine1", "lasts": "2s"}),
    "one way": (False, {"fault": "one-way", "link": "leaf1-spine1", "lasts": "12s"}),
    "one way, BFD": (True, {"fault": "one-way", "link": "leaf1-spine1", "lasts": "12s"}),
    "spine dies": (False, {"fault": "switch-dead", "node": "spine1", "lasts": "2s"}),
    "bgpd killed": (False, {"fault": "daemon-killed", "node": "spine1", "lasts": "2s"}),
    "spine drained": (False, {"fault": "drained", "node": "spine1", "lasts": "2s"}),
}
"""Each fault, and whether BFD watches the sessions."""


@dataclass(frozen=True, slots=True)
class Outages:
    """A fabric of the case's size that is broken once."""

    def run(self, bench: Bench, case: Case, variant: str) -> Run:
        """One run on a lab of its own; a failed one says why, and leaves nothing."""
        file = bench.folder / f"{bench.prefix}-outage.yml"
        file.write_text(yaml.safe_dump(scenario(case, variant, f"{bench.prefix}-outage")))
        busy = settled()
        try:
            done, watch = command([*CLOSLAB, "run", str(file), "--json"], bench.environment)
        except ClosError as error:
            return Run(failed=str(error)[-1000:])
        (found,) = json.loads(done.stdout)["runs"]
        lost = {"lost": float(found["probes"]["lost"]), "interval": found["probes"]["fidelity"]["interval"]}
        return Run(up=round(longest(found), 4), phases=lost, cpu=round(watch.cpu, 2), busy=busy)


def scenario(case: Case, variant: str, name: str) -> dict[str, Any]:
    """The scenario of a variant. Pure."""
    bfd, step = STEPS[variant]
    return {
        "scenario": name,
        "about": variant,
        "fabric": {
            "design": "leaf-spine",
            "spines": case.spines,
            "leaves": case.leaves,
            "hosts_per_leaf": 1,
            "underlay": {"numbering": "numbered", "bfd": bfd},
        },
        "probes": {"rate": RATE},
        "steps": [{**step, "at": "500ms"}],
        "expect": ["max(outage) >= 0s"],
    }


def longest(found: Mapping[str, Any]) -> float:
    """The longest outage of a run, in seconds. Pure."""
    outages = found["probes"]["outages"]
    return max(
        ((found["ended"] if each["ended"] is None else each["ended"]) - each["begun"] for each in outages), default=0.0
    )
