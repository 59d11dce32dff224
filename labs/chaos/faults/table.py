"""Which function injects which fault."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from labs.chaos.faults import clocks, filters, links, maintenance, management, model, nodes, pausing, routing, workloads
from labs.chaos.live import Injected, Live

INJECT: Mapping[type[model.AnyFault], Callable[[Live, Any], Injected]] = {
    model.LinkDown: links.link_down,
    model.Flapping: links.flapping,
    model.OneWay: links.impairing,
    model.Loss: links.impairing,
    model.Corruption: links.impairing,
    model.Delay: links.impairing,
    model.RateDrop: links.impairing,
    model.WrongMarking: links.impairing,
    model.SlowReceiver: pausing.slow_receiver,
    model.MtuMismatch: links.mtu_mismatch,
    model.SwappedCables: links.swapped_cables,
    model.LossyRail: links.impairing,
    model.SwitchDead: nodes.switch_dead,
    model.SwitchPaused: nodes.switch_paused,
    model.PowerCut: nodes.power_cut,
    model.ManagementCut: management.management_cut,
    model.Drained: maintenance.drained,
    model.DaemonKilled: nodes.daemon_killed,
    model.DaemonHung: nodes.daemon_hung,
    model.DaemonReconfigured: nodes.daemon_reconfigured,
    model.ClockJump: clocks.clock_jump,
    model.WrongAsn: routing.wrong_asn,
    model.WrongPolicy: routing.wrong_policy,
    model.LeakedPrefix: routing.leaked_prefix,
    model.BlackHole: routing.black_hole,
    model.WrongStatic: routing.wrong_static,
    model.DuplicateAddress: routing.duplicate_address,
    model.PolarisedHash: routing.polarised_hash,
    model.AclDrop: filters.acl_drop,
    model.WorkloadKilled: workloads.workload_killed,
    model.WorkloadStopped: workloads.workload_stopped,
    model.WorkloadHung: workloads.workload_hung,
    model.Surge: workloads.surge,
}


PREPARE: Mapping[type[model.AnyFault], Callable[[Live, Any], None]] = {model.ClockJump: clocks.prepare}
"""What must be done for a fault before the fabric is proven steady, for it cannot be done without being felt."""


def prepare(live: Live, steps: Sequence[model.AnyFault]) -> bool:
    """Do what these faults need beforehand; whether anything was, so that the fabric must come to rest again. Once a
    node is enough, whatever of it is hit how often."""
    needed = {(type(step), getattr(step, "node", "")): step for step in steps if type(step) in PREPARE}
    for step in needed.values():
        PREPARE[type(step)](live, step)
    return bool(needed)


def inject(live: Live, step: model.AnyFault) -> Injected:
    """Begin a fault. Raises Mistake and Fault where it cannot be; nothing of it is left then."""
    return INJECT[type(step)](live, step)
