"""`tools netem`: impairments of one interface in the real program's words, units and JSON.

What makes them is topologies.impairments. A link's own rate outlives both `set` and `reset`.
"""

import re

from msgspec import Struct

from topologies.errors import Mistake
from topologies.impairments import model

UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


class Impairment(Struct, frozen=True):
    """What is done to packets that leave an interface: times in seconds, shares in percent, the rate in kbit/s."""

    delay: float = 0
    jitter: float = 0
    loss: float = 0
    rate: int = 0
    corruption: float = 0


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


def made_of(asked: Impairment) -> model.Impairment:
    """The same as the backends take it: milliseconds, Mbit/s."""
    return model.Impairment(
        rate_mbps=asked.rate / 1000,
        delay_ms=asked.delay * 1000,
        jitter_ms=asked.jitter * 1000,
        loss_percent=asked.loss,
        corruption_percent=asked.corruption,
    )


def shown_as(found: model.Impairment, *, own_kbit: int) -> Impairment:
    """What a kernel shows as the real program has it, whose rate is the link's own where no other is set."""
    return Impairment(
        delay=found.delay_ms / 1000,
        jitter=found.jitter_ms / 1000,
        loss=round(found.loss_percent, 2),
        rate=round(found.rate_mbps * 1000) or own_kbit,
        corruption=round(found.corruption_percent, 2),
    )


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
