"""`tools netem`: impairments of one interface, as tc words; read back from tc's JSON.

netem does delay, jitter, loss and corruption; a rate alone is tbf's work, which every kernel has. What a kernel cannot
do is refused by name. A link's own rate outlives both `set` and `reset`.
"""

import json
import re

from msgspec import Struct

from topologies.errors import Mistake

UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
BURST_SECONDS = 0.01  # what tbf may send at once, as time at full rate
LEAST_BURST = 20_000  # bytes; two packets of the largest MTU


class Impairment(Struct, frozen=True):
    """What is done to packets that leave an interface: times in seconds, shares in percent, the rate in kbit/s."""

    delay: float = 0
    jitter: float = 0
    loss: float = 0
    rate: int = 0
    corruption: float = 0

    @property
    def beyond_rate(self) -> tuple[str, ...]:
        """What it asks besides a rate."""
        return tuple(name for name in ("delay", "jitter", "loss", "corruption") if getattr(self, name))


def impairment(delay: str, jitter: str, loss: float, rate: int, corruption: float) -> Impairment:
    """The words of the command line as a value; raises Mistake for what cannot be."""
    asked = Impairment(seconds("--delay", delay), seconds("--jitter", jitter), loss, rate, corruption)
    for name, share in (("--loss", loss), ("--corruption", corruption)):
        if not 0 <= share <= 100:
            raise Mistake(f"{name} {share:g}: it is a percentage, from 0 to 100")
    if rate < 0:
        raise Mistake(f"--rate {rate}: kbit/s, not below 0")
    if asked.jitter and not asked.delay:
        raise Mistake("--jitter needs --delay")
    return asked


def seconds(place: str, text: str) -> float:
    """A duration as Go writes it, such as 1m30s or 1.5ms; raises Mistake."""
    if text == "0":
        return 0.0
    parts = PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise Mistake(f"{place} {text!r}: a duration is a number with a unit ({', '.join(UNITS)}), such as 5ms")
    return float(sum(float(number) * UNITS[unit] for number, unit in parts))


def words(asked: Impairment, interface: str, *, own_kbit: int) -> list[str]:
    """The tc command that makes it so. `own_kbit` is the link's own rate, 0 for none."""
    rate = min((each for each in (asked.rate, own_kbit) if each), default=0)
    if asked.beyond_rate:
        return ["tc", "qdisc", "replace", "dev", interface, "root", "netem", *_netem_words(asked, rate)]
    if rate:
        burst = max(int(rate * 1000 / 8 * BURST_SECONDS), LEAST_BURST)
        limits = ["rate", f"{rate}kbit", "burst", str(burst), "latency", "50ms"]
        return ["tc", "qdisc", "replace", "dev", interface, "root", "tbf", *limits]
    return ["tc", "qdisc", "replace", "dev", interface, "root", "noqueue"]


def refusal(asked: Impairment, said: str) -> str:
    """Why tc refused, where the kernel lacks netem; "" where it was for another reason."""
    if "qdisc kind is unknown" not in said or not asked.beyond_rate:
        return ""
    names = ", ".join(asked.beyond_rate)
    return f"{names}: this kernel has no netem queue (sch_netem); without it only --rate can be set"


def _netem_words(asked: Impairment, rate: int) -> list[str]:
    done: list[str] = []
    if asked.delay:
        done += ["delay", f"{asked.delay * 1e6:.0f}us", *([f"{asked.jitter * 1e6:.0f}us"] if asked.jitter else [])]
    if asked.loss:
        done += ["loss", f"{asked.loss:g}%"]
    if asked.corruption:
        done += ["corrupt", f"{asked.corruption:g}%"]
    return [*done, "rate", f"{rate}kbit"] if rate else done


def read(text: str) -> dict[str, Impairment]:
    """Interface -> impairment, from `tc -j qdisc show`; an interface without any has an empty one."""
    found: dict[str, Impairment] = {}
    for queue in json.loads(text or "[]"):
        options = queue.get("options", {})
        if queue.get("kind") == "netem":
            found[queue["dev"]] = _from_netem(options)
        elif queue.get("kind") == "tbf":
            found[queue["dev"]] = Impairment(rate=_kbit(options["rate"]))
        else:
            found.setdefault(queue["dev"], Impairment())
    return found


def _from_netem(options: dict[str, dict[str, float]]) -> Impairment:
    return Impairment(
        delay=options.get("delay", {}).get("delay", 0),
        jitter=options.get("delay", {}).get("jitter", 0),
        loss=round(options.get("loss-random", {}).get("loss", 0) * 100, 2),
        rate=_kbit(options.get("rate", {}).get("rate", 0)),
        corruption=round(options.get("corrupt", {}).get("corrupt", 0) * 100, 2),
    )


def _kbit(octets_per_second: float) -> int:
    return round(octets_per_second * 8 / 1000)


def duration(value: float) -> str:
    """Seconds as Go writes them: 100ms, 1.5s, 0s."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.6g}{unit}"
    return "0s"


def report(interface: str, found: Impairment) -> dict[str, object]:
    """An impairment in the real program's JSON: no text for a time of zero, numbers for the rest."""
    return {
        "interface": interface,
        "delay": duration(found.delay) if found.delay else "",
        "jitter": duration(found.jitter) if found.jitter else "",
        "packet_loss": found.loss,
        "rate": found.rate,
        "corruption": found.corruption,
    }


def cells(interface: str, found: Impairment) -> list[str]:
    """An impairment as a row of the real program's table: N/A where there is none at all."""
    if found == Impairment():
        return [interface, *["N/A"] * 5]
    shares = f"{found.loss:.2f}%", f"{found.corruption:.2f}%"
    return [interface, duration(found.delay), duration(found.jitter), shares[0], str(found.rate), shares[1]]
