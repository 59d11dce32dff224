"""What must be done before what when a lab comes up: containerlab's stages of every node, and who waits for whom.

    create -> create-links -> configure -> exec -> healthy -> exit

`exec` is no stage that one can wait for: as with containerlab, a node's exec lines run once it is configured, and
whoever waits for that is released before them. `healthy` and `exit` are there only for nodes with reason to go so far.
"""

from msgspec import Struct

from topologies.lab import Lab, LabNode, Veth
from topologies.model import TIERS

CREATE, LINKS, CONFIGURE, EXEC, HEALTHY, EXIT = "create", "create-links", "configure", "exec", "healthy", "exit"
ALL = (CREATE, LINKS, CONFIGURE, EXEC, HEALTHY, EXIT)
BUSY = (CREATE, CONFIGURE, EXEC)  # stages that take the machine's time; in the others a node mostly waits


class Step(Struct, frozen=True):
    """One stage of one node."""

    node: str
    stage: str


def steps(lab: Lab) -> dict[Step, set[Step]]:
    """Every step of a lab with those that must be done before it begins; bridges and the machine take no steps."""
    nodes = {node.name: node for node in lab.nodes if node.has_processes}
    awaited = {Step(wait.node, wait.until) for node in nodes.values() for wait in node.waits}
    found: dict[Step, set[Step]] = {}
    for node in nodes.values():
        before: Step | None = None
        for stage in ALL:
            step = Step(node.name, stage)
            if stage in (HEALTHY, EXIT) and not _goes_to(node, step, awaited):
                continue
            found[step] = {before} if before else set()
            before = step
        shared = node.network_mode.removeprefix("container:")
        if shared in nodes and shared != node.network_mode:
            found[Step(node.name, CREATE)].add(Step(shared, CREATE))
    for node in nodes.values():
        for wait in node.waits:
            if wait.node in nodes:
                found.setdefault(Step(node.name, wait.stage), set()).add(Step(wait.node, wait.until))
    for caller, called in callers(lab):
        found[Step(caller, CREATE)].add(Step(called, CREATE))
    return found


def callers(lab: Lab) -> list[tuple[str, str]]:
    """Who opens BGP sessions to whom: each node to those of lower tiers that it is cabled to.

    The lower one must be there first, for FRR tries a refused connection again only after a second. A file that orders
    its nodes has its way.
    """
    if any(node.waits for node in lab.nodes):
        return []
    tier = {node.name: TIERS.index(node.role) for node in lab.nodes if node.role and node.daemons}
    found = []
    for link in lab.links:
        if isinstance(link, Veth) and link.a.node in tier and link.b.node in tier:
            low, high = sorted((link.a.node, link.b.node), key=tier.__getitem__)
            found += [(high, low)] if tier[low] < tier[high] else []
    return found


def _goes_to(node: LabNode, step: Step, awaited: set[Step]) -> bool:
    """Whether a node goes as far as a stage that not every node goes to."""
    own = any(wait.stage == step.stage for wait in node.waits)
    own = own or any(each.stage == step.stage for each in node.stage_execs)
    return own or step in awaited or (step.stage == HEALTHY and node.healthcheck is not None)


def late(lab: Lab) -> frozenset[str]:
    """The nodes whose links must not be up from the beginning, because something else comes before them."""
    waits = {node.name for node in lab.nodes if any(wait.stage in (CREATE, LINKS) for wait in node.waits)}
    return frozenset(waits | {node.name for node in lab.nodes if node.startup_delay})


def talks(node: LabNode, stage: str) -> bool:
    """Whether a node's first process has anything to do in a stage."""
    if any(each.stage == stage for each in node.stage_execs):
        return True
    return {CREATE: True, EXEC: bool(node.exec), HEALTHY: node.healthcheck is not None, EXIT: True}.get(stage, False)


def commands(node: LabNode, stage: str, phase: str) -> tuple[str, ...]:
    """The commands of a node that belong to the beginning (on-enter) or the end (on-exit) of a stage."""
    return tuple(each.command for each in node.stage_execs if (each.stage, each.phase) == (stage, phase))
