"""The root queue of an interface as tc's words: netem for all, or tbf for a rate alone; and back from tc's JSON."""

import json

from topologies.impairments.model import Impairment

BURST_SECONDS = 0.004  # what tbf may send at once, as time at full rate; as links are deployed
WAIT_SECONDS = 0.05  # how long a packet may wait in tbf
PLAIN, QUEUED = 1, 3  # tbf by itself, and with queues below: another handle, so that either replaces the other whole
LEAST_BURST = 20_000  # bytes; two packets of the largest MTU


def held(wanted: Impairment, own_mbps: float) -> float:
    """The rate in Mbit/s that holds: the slower of the asked one and the link's own; 0 for none."""
    return min((each for each in (wanted.rate_mbps, own_mbps) if each), default=0)


def burst(rate_mbps: float) -> int:
    """The bytes that tbf may send at once."""
    return max(int(rate_mbps * 1e6 / 8 * BURST_SECONDS), LEAST_BURST)


def room(rate_mbps: float) -> int:
    """The bytes that wait in tbf's queue at most: what the rate sends in the time that they may wait, and a burst."""
    return int(rate_mbps * 1e6 / 8 * WAIT_SECONDS) + burst(rate_mbps)


def waiting() -> str:
    """How long a packet may wait in tbf, as tc has it."""
    return f"{WAIT_SECONDS * 1000:.0f}ms"


def words(wanted: Impairment, interface: str, *, own_mbps: float) -> list[str]:
    """The tc command that makes it so, in place of what was there. `own_mbps` is the link's own rate, 0 for none."""
    rate = held(wanted, own_mbps)
    replace = ["tc", "qdisc", "replace", "dev", interface, "root"]
    if set(wanted.named) - {"rate"}:
        return [*replace, "netem", *_netem(wanted, rate)]
    if rate:
        shaper = ["tbf", "rate", f"{rate * 1e6:.0f}bit", "burst", str(burst(rate)), "latency", waiting()]
        return [*replace, "handle", f"{PLAIN}:", *shaper]
    return [*replace, "noqueue"]


def _netem(wanted: Impairment, rate: float) -> list[str]:
    done: list[str] = []
    if wanted.delay_ms:
        done += ["delay", f"{wanted.delay_ms * 1000:.0f}us"]
        done += [f"{wanted.jitter_ms * 1000:.0f}us"] if wanted.jitter_ms else []
    shares = {"loss": wanted.loss_percent, "corrupt": wanted.corruption_percent}
    shares |= {"duplicate": wanted.duplicate_percent, "reorder": wanted.reorder_percent}
    for word, share in shares.items():
        done += [word, f"{share:.4f}%"] if share else []
    return [*done, *(["rate", f"{rate * 1e6:.0f}bit"] if rate else [])]


def read(text: str, interface: str, *, own_mbps: float) -> Impairment:
    """The impairment in `tc -j qdisc show`; the link's own rate is none."""
    for queue in json.loads(text or "[]"):
        if queue.get("dev") == interface and queue.get("root") and queue.get("kind") in ("netem", "tbf"):
            options = queue["options"]
            return _from_netem(options, own_mbps) if queue["kind"] == "netem" else _rated(options["rate"], own_mbps)
    return Impairment()


def _rated(octets: float, own_mbps: float) -> Impairment:
    rate = octets * 8 / 1e6
    return Impairment(rate_mbps=0 if rate == own_mbps else rate)


def _from_netem(options: dict[str, dict[str, float]], own_mbps: float) -> Impairment:
    def share(name: str, key: str) -> float:
        return round(options.get(name, {}).get(key, 0) * 100, 4)

    delay = options.get("delay", {})
    return Impairment(
        rate_mbps=_rated(options.get("rate", {}).get("rate", 0), own_mbps).rate_mbps,
        delay_ms=round(delay.get("delay", 0) * 1000, 3),
        jitter_ms=round(delay.get("jitter", 0) * 1000, 3),
        loss_percent=share("loss-random", "loss"),
        corruption_percent=share("corrupt", "corrupt"),
        duplicate_percent=share("duplicate", "duplicate"),
        reorder_percent=share("reorder", "reorder"),
    )
