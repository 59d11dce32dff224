"""What a lab's file wants of its running network beyond nodes and cables: modes of load balancing.

Refused before anything of the lab is made where the machine cannot; made once its nodes run, alike on all runtimes.
"""

from topologies.balancing.model import Balance
from topologies.lab import Lab
from topologies.runtime.model import LabRecord


def refuse_impossible(lab: Lab) -> None:
    """Raise Mistake with what of a lab this machine cannot make."""
    place = lab.file or f"lab {lab.name}"
    if wanted := _balances(lab):
        from topologies.balancing import switches

        switches.refuse_impossible(wanted.values(), place=f"{place}: ")


def make(record: LabRecord) -> None:
    """Have a lab that just came up be as its file says. This process joins it, where it is a rootless one."""
    if wanted := _balances(record.lab):
        from topologies.balancing import switches
        from topologies.runtime.door import enter

        enter(record)
        switches.make(record, wanted)


def _balances(lab: Lab) -> dict[str, Balance]:
    return {node.name: node.balance for node in lab.nodes if node.balance != Balance()}
