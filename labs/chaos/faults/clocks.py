"""Clocks that jump. No namespace has a time of day of its own, so a node's daemons are given one by libfaketime: the
library answers in the kernel's place, by a file that says how far off it is.

It must be there when a daemon starts, so a node's daemons are started again under it before the fabric is proven
steady. Only the time of day jumps, as when it is set by hand or by NTP; the monotonic clock, by which daemons count,
goes on.
"""

import json
import time
from collections.abc import Mapping

from labs.chaos.faults.model import ClockJump
from labs.chaos.live import Injected, Live
from topologies.durations import jumped
from topologies.errors import Mistake
from topologies.runtime.door import LEADER, Door
from topologies.runtime.probe.programs import FAKETIME, FAKETIME_CURE
from topologies.waiting import until

OFFSET = "/run/closlab-clock"  # how far off a node's clock is, in seconds
LIBRARIES = " ".join(f"/usr/{each}" for each in FAKETIME)
STANDING = "+0"
ROUNDING = 2.0  # seconds; what bgpd shows is whole seconds, and the library looks at the file once a second
SESSION = 30.0  # seconds until a session is there again that tells the time
_NEVER_HANGS = {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_FORCE_MONOTONIC_FIX": "0"}  # or a thread of bgpd spins


def prepare(live: Live, step: ClockJump) -> None:
    """Start a node's daemons again with a clock that can jump. Raises Mistake where the library is missing."""
    door = live.door(step.node)
    door.write(OFFSET, f"{STANDING}\n".encode())
    live.restart(step.node, LEADER, env=_environment(door, step))
    _offset(live, step.node)


def clock_jump(live: Live, step: ClockJump) -> Injected:
    """Set a node's clock; seen where bgpd dates the begin of its sessions otherwise by as much. Where another fault has
    just taken all sessions, it is set when one is back."""
    before, by = _offset(live, step.node), jumped(step.by)

    def put(offset: str) -> None:
        live.door(step.node).write(OFFSET, f"{offset}\n".encode())

    def lacks(seconds: float) -> str:
        found = _offset(live, step.node) - before
        return "" if abs(found - seconds) <= ROUNDING else f"the clock of {step.node} is off by {found:g} s"

    put(f"{by:+d}")
    return Injected(f"clock of {step.node}", lambda: lacks(by), lambda: put(STANDING), lambda: lacks(0))


def _environment(door: Door, step: ClockJump) -> Mapping[str, str]:
    found = door.run(["sh", "-c", f"ls {LIBRARIES} 2>/dev/null"], check=False).stdout.split()
    if not found:
        raise Mistake(f"step {step.name!r}: {step.node} has no libfaketime to set clocks by; {FAKETIME_CURE}")
    told = {"FAKETIME_TIMESTAMP_FILE": OFFSET, "FAKETIME_CACHE_DURATION": "1", "FAKETIME_DONT_RESET": "1"}
    return {"LD_PRELOAD": found[0]} | told | _NEVER_HANGS


def _offset(live: Live, node: str) -> float:
    """How far a node's time of day is from this machine's, in seconds, as bgpd dates the begin of a session that it
    knows the age of. Raises Fault where there is none in time."""
    dated: list[tuple[float, float]] = []

    def silent() -> str:
        dated[:] = _dated(live, node)
        return "" if dated else "no session is established"

    until(f"a session of {node} tells the time", silent, within=SESSION)
    begun, age = dated[0]
    return begun + age - time.time()


def _dated(live: Live, node: str) -> list[tuple[float, float]]:
    """When each session began by the node's time of day, and how long ago that was, in seconds."""
    told = json.loads(live.door(node).vty("bgpd", "show bgp neighbors json"))
    peers = [each for each in told.values() if isinstance(each, dict) and each.get("bgpState") == "Established"]
    return [(each["bgpTimerUpEstablishedEpoch"], each["bgpTimerUpMsec"] / 1000) for each in peers]
