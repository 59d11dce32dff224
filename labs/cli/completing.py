"""Names for the shell's completion. Whatever reads records is imported only when the shell asks."""


def complete_lab(incomplete: str) -> list[str]:
    """Lab names."""
    from topologies.runtime.store import here

    return [name for name in here().names() if name.startswith(incomplete)]


def complete_node(incomplete: str) -> list[str]:
    """Node names of all labs."""
    from topologies.runtime.store import Unreadable, here

    labs = [entry.lab for entry in here().every() if not isinstance(entry, Unreadable)]
    return sorted({node.name for lab in labs for node in lab.nodes if node.name.startswith(incomplete)})


def complete_end(incomplete: str) -> list[str]:
    """Ends of cables of all labs, as NODE:IF."""
    from topologies.files.clab.check import ends
    from topologies.runtime.store import Unreadable, here

    labs = [entry.lab for entry in here().every() if not isinstance(entry, Unreadable)]
    found = {f"{end.node}:{end.interface}" for lab in labs for link in lab.links for end in ends(link)}
    return sorted(end for end in found if end.startswith(incomplete))


def complete_task(incomplete: str) -> list[str]:
    """Names of workloads of all labs."""
    from topologies.runtime.store import Unreadable, here

    labs = [entry.lab for entry in here().every() if not isinstance(entry, Unreadable)]
    return sorted(
        {task.name for lab in labs for node in lab.nodes for task in node.tasks if task.name.startswith(incomplete)}
    )


def complete_format(incomplete: str) -> list[str]:
    """Names of the ways to draw."""
    from labs.pictures import FORMATS

    return [name for name in FORMATS if name.startswith(incomplete)]


def complete_mode(incomplete: str) -> list[str]:
    """Modes of load balancing."""
    from topologies.balancing.model import Mode

    return [mode for mode in Mode if mode.startswith(incomplete)]


def complete_runtime(incomplete: str) -> list[str]:
    """Names of runtimes."""
    from topologies.deploy import RUNTIMES

    return [name for name in RUNTIMES if name.startswith(incomplete)]


def complete_schema(incomplete: str) -> list[str]:
    """Kinds of files that there is a schema of."""
    return [name for name in ("fabric", "scenario") if name.startswith(incomplete)]


def complete_scenario(incomplete: str) -> list[str]:
    """Scenarios that come with closlab."""
    from labs.chaos.library import library

    return [path.stem for path in library() if path.stem.startswith(incomplete)]


def complete_workload(incomplete: str) -> list[str]:
    """Names of what a job does."""
    from labs.traffic.collectives import COLLECTIVES

    return [name for name in COLLECTIVES if name.startswith(incomplete)]


def complete_spread(incomplete: str) -> list[str]:
    """Names of the ways in which flows are spread."""
    from labs.traffic.flows.spreading import Spread

    return [name for name in Spread if name.startswith(incomplete)]
