"""A runtime that runs nothing: labs are entries in a dict, and it fails where it is told to. For tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from topologies.errors import Fault
from topologies.runtime.model import Action, LabRecord, Life, NodeRecord, Note, Say

PHASES = ("namespaces", "links", "daemons")
MOVES: dict[Action, Life] = {
    Action.PAUSE: Life.PAUSED,
    Action.RESUME: Life.RUNNING,
    Action.KILL: Life.DEAD,
    Action.START: Life.RUNNING,
    Action.RENEW: Life.RUNNING,
    Action.RESTART: Life.RUNNING,
}


@dataclass(slots=True)
class Fake:
    """Labs by id, in memory. `fails` maps "start", a phase of `up`, or "down" to what is raised there."""

    name: str = "fake"
    labs: dict[str, dict[str, Life]] = field(default_factory=dict)
    fails: dict[str, BaseException] = field(default_factory=dict)

    def up(self, record: LabRecord, *, note: Note, say: Say) -> LabRecord:
        """Pass through the phases; what fails leaves the lab half-made, as a killed `up` would."""
        if "start" in self.fails:
            raise self.fails["start"]
        lab = self.labs[record.id] = {}
        nodes = record.lab.nodes
        record = replace(record, nodes=tuple(NodeRecord(node.name, record.lab.long_name(node.name)) for node in nodes))
        note(record)
        for phase in PHASES:
            say(phase, 0, len(nodes))
            if phase in self.fails:
                raise self.fails[phase]
            lab.update({node.name: Life.RUNNING for node in nodes})
            say(phase, len(nodes), len(nodes))
        return replace(record, phases=dict.fromkeys(PHASES, 0.0))

    def down(self, record: LabRecord) -> None:
        """Forget the lab, if it was ever there."""
        if "down" in self.fails:
            raise self.fails["down"]
        self.labs.pop(record.id, None)

    def look(self, record: LabRecord) -> Mapping[str, Life]:
        """How each node stands; all are dead where the lab is gone."""
        lab = self.labs.get(record.id, {})
        return {node.name: lab.get(node.name, Life.DEAD) for node in record.lab.nodes}

    def act(self, record: LabRecord, node: str, action: Action, *, note: Note) -> LabRecord:
        """Move one node to the life that the action leads to."""
        if record.id not in self.labs:
            raise Fault(f"lab {record.name!r} does not run")
        self.labs[record.id][node] = MOVES[action]
        note(record)
        return record
