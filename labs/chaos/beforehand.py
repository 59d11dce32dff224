"""What of a scenario cannot be, found before anything is up: faults that mean nothing on this fabric, or get in each
other's way, and what this machine cannot make."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_network

from msgspec.structs import replace

from labs.chaos.entangling import refuse_entangled
from labs.chaos.faults.impairing import asked
from labs.chaos.faults.model import (
    AnyFault,
    BlackHole,
    ClockJump,
    DaemonHung,
    DaemonKilled,
    DaemonReconfigured,
    Drained,
    DuplicateAddress,
    LeakedPrefix,
    ManagementCut,
    MtuMismatch,
    PowerCut,
    SlowReceiver,
    SwitchDead,
    WorkloadHung,
    WorkloadKilled,
    WorkloadStopped,
    WrongAsn,
    WrongPolicy,
    WrongStatic,
)
from labs.chaos.places import far_end, hit, receiver, unmanaged
from labs.extras import equip
from topologies.durations import jumped, seconds
from topologies.errors import Mistake
from topologies.files.complaint import nearest
from topologies.impairments import backends
from topologies.impairments.model import Impairment
from topologies.impairments.queues import held
from topologies.lab import Lab, LabNode, Veth
from topologies.model import Fabric
from topologies.plan import Plan
from topologies.runtime.probe import programs

LEAST_JUMP = 10  # seconds that a clock must be set by, for what it shows is whole seconds


def refuse(steps: Sequence[AnyFault], lab: Lab, fabric: Fabric, plan: Plan) -> None:
    """Raise Mistake for the first thing that cannot be; the steps have their places."""
    nodes = {node.name: node for node in lab.nodes}
    for step in steps:
        if isinstance(step, ManagementCut):
            refuse_without_management(step, lab, fabric)
        if isinstance(step, SlowReceiver):
            refuse_without_rate(step, lab, fabric)
        refuse_senseless(step, nodes, plan, fabric)
        refuse_unmakeable(step, lab, fabric)
    refuse_entangled(steps, fabric)
    refuse_forgotten(steps, fabric)


def refuse_on(runtime: str, steps: Sequence[AnyFault]) -> None:
    """Raise Mistake for a fault that nodes of this runtime cannot have: on netns their programs are the machine's."""
    for step in steps:
        if isinstance(step, ClockJump) and runtime == "netns" and (lack := programs.faketime().lack):
            raise Mistake(f"step {step.name!r}: libfaketime: {lack}; {programs.FAKETIME_CURE}")


def refuse_senseless(step: AnyFault, nodes: dict[str, LabNode], plan: Plan, fabric: Fabric) -> None:
    """Raise Mistake for a fault that would change nothing, or that its node does not have. Pure."""
    place = f"step {step.name!r}"
    node = plan.nodes.get(getattr(step, "node", ""))
    match step:
        case DaemonKilled() | DaemonHung() | DaemonReconfigured():
            there = [each.name for each in nodes[step.node].daemons if not each.optional]
            if step.daemon not in there:
                raise Mistake(f"{place}: {step.node} runs no {step.daemon!r}; there are {', '.join(there) or 'none'}")
        case WrongAsn() if node is not None:
            peers = sorted({each.peer for each in node.sessions})
            if step.peer not in peers:
                raise Mistake(f"{place}: {node.name} has no session with {step.peer}; it has {_listed(peers)}")
        case WrongPolicy() | LeakedPrefix() | Drained() | ClockJump() if node is not None and not node.takes_routes:
            raise Mistake(f"{place}: {node.name} does not route; {_listed(plan.switches)} do")
        case BlackHole() | WrongStatic() if step.node == step.to:
            raise Mistake(f"{place}: to: it is {step.node} itself")
        case ClockJump() if abs(jumped(step.by)) < LEAST_JUMP:
            raise Mistake(f"{place}: by: {step.by} is less than can be told; at least {LEAST_JUMP} s")
        case DuplicateAddress() if step.node == step.of:
            raise Mistake(f"{place}: of: it is {step.node} itself")
        case MtuMismatch():
            _refuse_same_mtu(step, plan, place)
        case WorkloadKilled() | WorkloadStopped() | WorkloadHung():
            _refuse_idle(step, nodes, place)
    if isinstance(step, LeakedPrefix) and step.prefix:
        _refuse_prefix(step, fabric, place)


def refuse_without_management(step: ManagementCut, lab: Lab, fabric: Fabric) -> None:
    """Raise Mistake for a node that no management network leads to. Pure."""
    there = lab.management()
    for node in unmanaged(step, fabric):
        if not there[node]:
            raise Mistake(
                f"step {step.name!r}: {node} has no management network to cut; its network-mode must be left out, "
                "or `nodes` must name others"
            )


def refuse_without_rate(step: SlowReceiver, lab: Lab, fabric: Fabric) -> None:
    """Raise Mistake where the switch sends as fast as it can, for then nothing waits that could be paused. Pure."""
    port = far_end(receiver(step, fabric), fabric)
    wanted, own = _ends_of(lab)[port]
    if not held(wanted, own):
        raise Mistake(f"step {step.name!r}: {port} has no rate, so there is nothing to pause; `links.host_rate_mbps`")


def refuse_forgotten(steps: Sequence[AnyFault], fabric: Fabric) -> None:
    """Raise Mistake for a clock that is to jump on a node that boots before, without what moves it. Pure."""
    cuts = [each for each in steps if isinstance(each, SwitchDead | PowerCut)]
    for step in steps:
        if not isinstance(step, ClockJump):
            continue
        for cut in cuts:
            if seconds(cut.at) < seconds(step.at) and step.node in hit(cut, fabric):
                boots = f"{step.node} boots before it, in step {cut.name!r}"
                raise Mistake(f"step {step.name!r}: {boots}, and its daemons then have the machine's clock")


def refuse_unmakeable(step: AnyFault, lab: Lab, fabric: Fabric) -> None:
    """Raise Mistake for a fault that this machine, or this installation, cannot make."""
    if isinstance(step, Drained):
        equip()
    wanted = asked(step, fabric)
    if wanted is None:
        return
    backend, cables = backends.chosen(), _ends_of(lab)
    for end in wanted.ends:
        base, own = cables[end]
        try:
            backends.refuse(backend, replace(base, **wanted.changes), own_mbps=own, flag="")
        except Mistake as error:
            raise Mistake(f"step {step.name!r}: {end}: {error}") from None


def _refuse_same_mtu(step: MtuMismatch, plan: Plan, place: str) -> None:
    node, _, interface = step.link.partition(":")
    planned = next(each.mtu for each in plan.nodes[node].interfaces if each.name == interface)
    if planned == step.mtu:
        raise Mistake(f"{place}: mtu: {step.link} has {planned} already, so nothing would differ")


def _refuse_idle(
    step: WorkloadKilled | WorkloadStopped | WorkloadHung, nodes: Mapping[str, LabNode], place: str
) -> None:
    there = {node.name: [task.name for task in node.tasks] for node in nodes.values() if node.tasks}
    names = sorted({name for each in there.values() for name in each})
    if step.workload not in names:
        near = nearest(step.workload, names)
        raise Mistake(f"{place}: workload: no workload {step.workload!r}{near}; there are {_listed(names)}")
    hosts = [node for node, each in there.items() if step.workload in each]
    if step.host and step.host not in hosts:
        raise Mistake(f"{place}: host: {step.host!r} does not run {step.workload}; {_listed(hosts)} do")


def _refuse_prefix(step: LeakedPrefix, fabric: Fabric, place: str) -> None:
    """What is no prefix, or outside the pool that the fabric's filters let pass."""
    try:
        prefix = ip_network(step.prefix)
    except ValueError as error:
        raise Mistake(f"{place}: prefix: {error}; such as 10.127.255.0/24") from None
    pools = fabric.underlay.pools
    used = ((pools.hosts4, fabric.underlay.ipv4), (pools.hosts6, fabric.underlay.ipv6))
    pool = next((each for each, there in used if there and each.version == prefix.version), None)
    if pool is None:
        raise Mistake(f"{place}: prefix: the fabric routes no IPv{prefix.version}")
    if prefix.network_address not in pool or prefix.prefixlen < pool.prefixlen:
        raise Mistake(f"{place}: prefix: {prefix} is not in {pool}, the hosts' pool, which alone is passed on")


def _ends_of(lab: Lab) -> dict[str, tuple[Impairment, float]]:
    """Of each end of a cable, the impairment and the rate in Mbit/s that the file gives it."""
    return {
        str(end): (end.impaired or Impairment(), link.rate_mbps or 0)
        for link in lab.links
        if isinstance(link, Veth)
        for end in (link.a, link.b)
    }


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
