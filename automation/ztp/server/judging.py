"""Who may have a bundle? Pure.

A serial number is what a switch says of itself, and anybody could say it. So a bundle holds no secrets; what is found
out here is what goes wrong without malice: a switch that nobody ordered, a serial that two switches have, a place that
is taken.
"""

from collections.abc import Collection, Mapping

from automation.ztp.server.model import Approval, Caller, Known, Verdict

WATCHED_FOR = 60  # seconds that whoever watches may say nothing, and is still taken to be there
UNWATCHED = "by its own checks: nobody watched who could have it compared by NAPALM"


def judge(
    caller: Caller, known: Collection[Known], inventory: Mapping[str, str], approvals: Mapping[str, Approval]
) -> Verdict:
    """The node that a switch is, by what somebody approved, else by the inventory; `known` has all switches seen."""
    if not caller.serial or not caller.mac:
        return Verdict(why="a switch says its serial number and its MAC address (SERIAL-NUMBER, BASE-MAC-ADDRESS)")
    approval = approvals.get(caller.serial)
    node = approval.node if approval else inventory.get(caller.serial, "")
    if not node:
        return Verdict(why=f"serial {caller.serial} is in no inventory: `closlab ztp approve {caller.serial} NODE`")
    if approval and approval.mac:
        others = {approval.mac} - {caller.mac}
    else:
        others = {each.mac for each in known if each.serial == caller.serial} - {caller.mac}
    if others:
        return Verdict(why=_twice(caller, others, node))
    if holder := _holder(caller, node, inventory, approvals):
        return Verdict(why=f"{node} is serial {holder}, which somebody approved in place of {caller.serial}")
    return Verdict(node=node)


def holders(inventory: Mapping[str, str], approvals: Mapping[str, Approval]) -> Mapping[str, str]:
    """The serial number that each node has now: what was approved counts before the inventory."""
    meant = {node: serial for serial, node in inventory.items() if serial not in approvals}
    return meant | {each.node: each.serial for each in approvals.values()}


def absent(known: Collection[Known], waits: Collection[str]) -> tuple[str, ...]:
    """The nodes not to be waited for: those whose switch is in one of these states. `known` ends with the latest."""
    latest = {each.node: each.state for each in known if each.node}
    return tuple(sorted(node for node, state in latest.items() if state in waits))


def kept(ruling: str | None, watched: float | None, now: float) -> tuple[bool | None, str]:
    """Whether a change may be kept, None while that is open, and why. `ruling` is what whoever watches said of it, ""
    for nothing against it; `watched` is when somebody did so last, in seconds since the epoch.

    Where nobody watches, the switch's own checks have to do: it must not wait for a person who may never come.
    """
    if ruling is not None:
        return not ruling, ruling
    if watched is not None and now - watched < WATCHED_FOR:
        return None, ""
    return True, UNWATCHED


def _twice(caller: Caller, others: Collection[str], node: str) -> str:
    macs = " and ".join(sorted({caller.mac, *others}))
    cure = f"`closlab ztp approve {caller.serial} {node} --mac MAC` says which of them it is"
    return f"serial {caller.serial} is two switches, with the MAC addresses {macs}: {cure}"


def _holder(caller: Caller, node: str, inventory: Mapping[str, str], approvals: Mapping[str, Approval]) -> str:
    """Another serial that somebody approved for this node, "" where there is none."""
    if caller.serial in approvals:
        return ""
    return next((each.serial for each in approvals.values() if each.node == node), "")
