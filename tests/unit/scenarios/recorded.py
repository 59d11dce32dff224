"""A recording made by hand: one link down for a second, felt by one of four flows."""

from msgspec.structs import replace

from labs.chaos.model import Bin, Counted, Episode, Event, Fidelity, Flow, Kind, Outage, ProbeLog, Recording, Sampled
from labs.traffic.endpoint.model import Fidelity as Kept
from labs.traffic.endpoint.model import Gap, Iteration, Moved, PerQp, TrafficLog, Transfer, Wanted, together

FLOWS = tuple(
    Flow(source, target, "ipv4", number, f"10.0.0.{source[-1]}", f"10.0.0.{target[-1]}", 16)
    for source, target in (("h1", "h2"), ("h2", "h1"))
    for number in (0, 1)
)
CONNECTION = PerQp(
    **dict.fromkeys(PerQp.__struct_fields__, 0)
    | {"src_qp": 0x11, "dest_qp": 0x12, "data_frames_tx": 10, "data_frames_rx": 9, "bytes_acked": 1000}
    | {"data_frames_retransmitted": 2, "timeouts": 1, "nak_rx": 1, "cnp_rx": 3, "ecn_ce_rx": 4}
)
TRAFFIC = TrafficLog(
    Wanted("job", "all-reduce", 1000),
    0.1,
    0.6,
    (Iteration(0.1, 0.3, 5000.0, 5000.0), Iteration(0.3, 0.6, 3333.0, 3333.0)),
    (Transfer(0.1, 0.15, "h1:eth1", "h2:eth1", 400), Transfer(0.3, 0.3, "h1:eth1", "h2:eth1", 600)),
    0,
    (together("h1:eth1", "h2:eth1", [CONNECTION]),),
    (Moved(0.1, 400), Moved(0.5, 600)),
    0.1,
    Kept(0.001, 0.0, 0, 0, 0.0),
    gaps=(Gap(0.2, "h1:eth1", "h2:eth1", 0x12),),
)
COUNTED = Counted("leaf1", "eth1", "spine1", (Sampled(1.0, 0.1, 1250, 10, 2, 1, 500), Sampled(1.1, 0.1, 0, 0, 0, 0, 0)))
FIDELITY = Fidelity(0.01, 0.0001, 0.0005, 0.002, 0, 0)
EPISODE = Episode("cut", "link-down", "leaf1:eth1", 1.0, 1.01, 2.0, 2.02)


def recording(
    *outages: tuple[int, float, float | None], events: tuple[Event, ...] = (), **changes: object
) -> Recording:
    """A recording of four seconds; an outage is a flow's number, its begin and its end, a probe lost every 10 ms."""
    found = tuple(
        Outage(FLOWS[flow], begun, ended, round(((4.0 if ended is None else ended) - begun) * 100))
        for flow, begun, ended in outages
    )
    bins = tuple(
        Bin(flow.source, flow.target, flow.family, second - 1.0, 100, 0) for second in range(5) for flow in FLOWS[::2]
    )
    return replace(Recording(ProbeLog(FLOWS, found, bins, 1.0, FIDELITY), events, (EPISODE,), (), 4.0), **changes)


def event(at: float, kind: Kind, node: str = "leaf1", subject: str = "spine1") -> Event:
    """An event."""
    return Event(at, node, kind, subject)
