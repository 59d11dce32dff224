"""Queues by DSCP below the rate of an interface, as a script for tc, and back from tc's JSON.

tbf keeps the rate, and htb below it chooses who is next. Its classes have more rate than there is, so that they are
never held back and htb serves them as a switch does: those that are first before all others (strict priority), the
others in turn, each with a quantum by its share (deficit round robin). A class's number says its DSCP and its share,
so that what is set is read back from where its fifo hangs.
"""

import json

from topologies.impairments.model import Queue
from topologies.impairments.queues import QUEUED, burst, room, waiting

OTHERS = 0xFFFF  # the class of what no queue takes
QUANTUM = 200  # bytes a turn for each percent of share
LEAST_QUANTUM = 10_000  # bytes; not less than a packet of the largest MTU, else shares would be by packets
ENDLESS, LOOSE = "100gbit", "1mb"  # a rate and bursts that hold nobody back
FIRST, IN_TURN = 0, 1  # htb's priorities


def script(queues: tuple[Queue, ...], interface: str, rate_mbps: float) -> str:
    """What `tc -batch` is told; the former queue, and what waits in it, goes."""
    shaper = f"tbf rate {rate_mbps * 1e6:.0f}bit burst {burst(rate_mbps)} latency {waiting()}"
    lines = [
        f"qdisc replace dev {interface} root noqueue",
        f"qdisc replace dev {interface} root handle {QUEUED}: {shaper}",
        f"qdisc add dev {interface} parent {QUEUED}:1 handle 2: htb default {OTHERS:x}",
    ]
    rest = Queue(0, 100 - sum(each.share for each in queues))
    turn = max(QUANTUM, -(-LEAST_QUANTUM // min(each.share for each in (*queues, rest) if each.share)))
    for number, each in [*((number_of(each), each) for each in queues), (OTHERS, rest)]:
        order = f"quantum {turn * (each.share or 100)} prio {IN_TURN if each.share else FIRST}"
        place, deep = f"dev {interface} parent 2:", each.room or room(rate_mbps)
        lines.append(f"class add {place} classid 2:{number:x} htb rate {ENDLESS} burst {LOOSE} cburst {LOOSE} {order}")
        lines.append(f"qdisc add {place}{number:x} bfifo limit {deep}")
    lines += [line for each in queues for line in _filters(each, interface)]
    return "\n".join(lines) + "\n"


def _filters(queue: Queue, interface: str) -> list[str]:
    """What leads packets of a DSCP, the upper six bits of their traffic class (RFC 2474), into its queue."""
    head, match = f"filter add dev {interface} parent 2: protocol", f"{queue.dscp << 2:#x} 0xfc flowid 2:"
    fields = {"ip": "ip dsfield", "ipv6": "ip6 priority"}
    return [f"{head} {family} u32 match {field} {match}{number_of(queue):x}" for family, field in fields.items()]


def number_of(queue: Queue) -> int:
    """The number of a queue's class: its DSCP, then its share."""
    return queue.dscp << 8 | queue.share


def read(text: str, interface: str, rate_mbps: float) -> tuple[Queue, ...]:
    """The queues in `tc -j qdisc show`, given the rate above them; () for none."""
    found = []
    for each in json.loads(text or "[]"):
        major, _, minor = str(each.get("parent", "")).partition(":")
        if each.get("dev") == interface and each.get("kind") == "bfifo" and major == "2" and int(minor, 16) != OTHERS:
            deep = each["options"]["limit"]
            number = int(minor, 16)
            found.append(Queue(number >> 8, number & 0xFF, 0 if deep == room(rate_mbps) else deep))
    return tuple(sorted(found, key=lambda queue: queue.dscp))
