"""The noun of impairments: what happens to packets that leave one interface, and what of it can be."""

from msgspec import Struct

from topologies.errors import Mistake

LEAST_SHARE = 0.0001  # percent; what both backends tell from nothing
MOST_RATE = 100_000  # Mbit/s; more than any machine's kernel forwards
MOST_DELAY = 60_000.0  # ms


class Impairment(Struct, frozen=True, forbid_unknown_fields=True):
    """What is done to packets that leave an interface: Mbit/s, milliseconds, percent of packets; 0 is nothing."""

    rate_mbps: float = 0
    delay_ms: float = 0
    jitter_ms: float = 0
    loss_percent: float = 0
    corruption_percent: float = 0
    duplicate_percent: float = 0
    reorder_percent: float = 0

    @property
    def named(self) -> dict[str, float]:
        """What it asks, by the words of the command line."""
        return {field.partition("_")[0]: value for field in self.__struct_fields__ if (value := getattr(self, field))}

    def text(self) -> str:
        """Such as `loss 1 %, rate 100 Mbit/s`; "" for none."""
        units = {"rate": "Mbit/s", "delay": "ms", "jitter": "ms"}
        return ", ".join(f"{name} {value:g} {units.get(name, '%')}" for name, value in self.named.items())


class Count(Struct, frozen=True):
    """What one rule has done since it was set; -1 where the kernel does not count it."""

    dropped: int = -1
    corrupted: int = -1


class Seen(Struct, frozen=True):
    """What the kernel shows of one interface."""

    impairment: Impairment = Impairment()
    count: Count = Count()

    def report(self) -> dict[str, float | None]:
        """The impairment and its counts for JSON; None for what is not counted."""
        found: dict[str, float | None] = {
            field: getattr(self.impairment, field) for field in self.impairment.__struct_fields__
        }
        counts = {"dropped": self.count.dropped, "corrupted": self.count.corrupted}
        return found | {name: None if count < 0 else count for name, count in counts.items()}


def refuse_impossible(wanted: Impairment) -> None:
    """Raise Mistake for a value out of its range, and for values that mean nothing together."""
    for name, value in wanted.named.items():
        least, most = _range(name)
        if not least <= value <= most:
            raise Mistake(f"--{name} {value:g}: it is 0, or from {least:g} to {most:g}")
    for name in ("jitter", "reorder"):
        if name in wanted.named and "delay" not in wanted.named:
            raise Mistake(f"--{name} needs --delay: packets change places only where some wait")
    if wanted.jitter_ms > wanted.delay_ms:
        raise Mistake(f"--jitter {wanted.jitter_ms:g}: not more than --delay, {wanted.delay_ms:g}")


def _range(name: str) -> tuple[float, float]:
    if name == "rate":
        return 0.001, MOST_RATE
    if name in ("delay", "jitter"):
        return 0.001, MOST_DELAY
    return LEAST_SHARE, 100.0
