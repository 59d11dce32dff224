"""The noun of impairments: what happens to packets that leave one interface, and what of it can be."""

import math

from msgspec import Struct
from msgspec.structs import asdict

from topologies.errors import Mistake

LEAST_SHARE = 0.0001  # percent; what both backends tell from nothing
MOST_RATE = 100_000  # Mbit/s; more than any machine's kernel forwards
MOST_DELAY = 60_000.0  # ms
MOST_BACKLOG = 1 << 30  # bytes
MOST_QUEUES = 8  # as switches have
FIRST = "first"  # of a queue that goes before all others


class Marking(Struct, frozen=True, forbid_unknown_fields=True):
    """ECN marking: from so many bytes of backlog, to so many, with up to that percentage; above, every packet."""

    kmin: int
    kmax: int
    pmax: float

    def text(self) -> str:
        """As the command line takes it; `marking` reads it back."""
        return f"kmin={self.kmin},kmax={self.kmax},pmax={self.pmax:g}"


class Queue(Struct, frozen=True, forbid_unknown_fields=True):
    """A queue of packets of one DSCP: its share of the rate in percent, 0 to go before all others, and its room in
    bytes, 0 for as much as without queues."""

    dscp: int
    share: int = 0
    room: int = 0

    def text(self) -> str:
        """As the command line takes it; `queue` reads it back."""
        return f"{self.dscp}={self.share or FIRST}" + (f",room={self.room}" if self.room else "")


class Impairment(Struct, frozen=True, forbid_unknown_fields=True):
    """What is done to packets that leave an interface: Mbit/s, milliseconds, percent of packets; 0 is nothing."""

    rate_mbps: float = 0
    delay_ms: float = 0
    jitter_ms: float = 0
    loss_percent: float = 0
    corruption_percent: float = 0
    duplicate_percent: float = 0
    reorder_percent: float = 0
    ecn: Marking | None = None
    queues: tuple[Queue, ...] = ()

    @property
    def named(self) -> dict[str, float]:
        """What it asks but for marking and queues, by the words of the command line."""
        return {field.partition("_")[0]: value for field in AMOUNTS if (value := getattr(self, field))}

    def written(self) -> dict[str, object]:
        """What it asks, as files have it; {} for none."""
        said: dict[str, object] = {field: value for field in AMOUNTS if (value := getattr(self, field))}
        said |= {"ecn": asdict(self.ecn)} if self.ecn else {}
        return said | ({"queues": [asdict(each) for each in self.queues]} if self.queues else {})

    def text(self) -> str:
        """Such as `loss 1 %, rate 100 Mbit/s`; "" for none."""
        units = {"rate": "Mbit/s", "delay": "ms", "jitter": "ms"}
        said = [f"{name} {value:g} {units.get(name, '%')}" for name, value in self.named.items()]
        said += [f"ecn {self.ecn.text()}"] if self.ecn else []
        return ", ".join([*said, *(f"queue {each.text()}" for each in self.queues)])


AMOUNTS = tuple(field for field in Impairment.__struct_fields__ if field not in ("ecn", "queues"))


class Count(Struct, frozen=True):
    """What was done to packets since it was set; -1 where the kernel does not count it. `unmarked` are those that are
    ECN-capable and went on as they came."""

    dropped: int = -1
    corrupted: int = -1
    marked: int = -1
    unmarked: int = -1


class Seen(Struct, frozen=True):
    """What the kernel shows of one interface. `trouble` says what is not as it was set, and its cure, or is empty."""

    impairment: Impairment = Impairment()
    count: Count = Count()
    trouble: str = ""

    def text(self) -> str:
        """Such as `loss 1 %, rate 100 Mbit/s`, and what is wrong there; "" for nothing."""
        return "; ".join(each for each in (self.impairment.text(), self.trouble) if each)

    def report(self) -> dict[str, object]:
        """The impairment and its counts for JSON; None for what is not counted."""
        found: dict[str, object] = {field: getattr(self.impairment, field) for field in AMOUNTS}
        found["ecn"] = asdict(self.impairment.ecn) if self.impairment.ecn else None
        found["queues"] = [asdict(each) for each in self.impairment.queues]
        found |= {name: None if count < 0 else count for name, count in asdict(self.count).items()}
        return found | {"trouble": self.trouble or None}


def marking(text: str) -> Marking:
    """A marking as the command line has it: kmin=BYTES,kmax=BYTES,pmax=PERCENT, in any order. Raises Mistake."""
    given = [part.partition("=") for part in text.split(",")]
    keys = sorted(key for key, _, _ in given)
    if keys != sorted(Marking.__struct_fields__):
        raise Mistake(f"--ecn {text!r}: it is kmin=BYTES,kmax=BYTES,pmax=PERCENT, each once")
    values = {key: value for key, _, value in given}
    try:
        return Marking(int(values["kmin"]), int(values["kmax"]), float(values["pmax"]))
    except ValueError:
        raise Mistake(f"--ecn {text!r}: kmin and kmax are whole numbers of bytes, pmax a number of percent") from None


def queue(text: str) -> Queue:
    """A queue as the command line has it: DSCP=PERCENT or DSCP=first, then perhaps ,room=BYTES. Raises Mistake."""
    told, _, room = text.partition(",room=")
    dscp, _, share = told.partition("=")
    numbers = [dscp, "0" if share == FIRST else share, room if "," in text else "0"]
    if not all(each.isascii() and each.isdigit() for each in numbers):
        raise Mistake(
            f"--queue {text!r}: it is DSCP=PERCENT or DSCP={FIRST}, and with ,room=BYTES behind as deep as that"
        )
    if not int(numbers[1]) and share != FIRST:
        raise Mistake(f"--queue {text!r}: a share is from 1 to 99 percent, or {FIRST}")
    return Queue(int(numbers[0]), int(numbers[1]), int(numbers[2]))


def refuse_impossible(wanted: Impairment, *, flag: str = "--") -> None:
    """Raise Mistake for a value out of its range, and for values that mean nothing together.

    `flag` is what stands before names in messages.
    """
    for name, value in wanted.named.items():
        least, most = _range(name)
        if not least <= value <= most:
            raise Mistake(f"{flag}{name} {value:g}: it is 0, or from {least:g} to {most:g}")
    for name in ("jitter", "reorder"):
        if name in wanted.named and "delay" not in wanted.named:
            raise Mistake(f"{flag}{name} needs {flag}delay: packets change places only where some wait")
    if wanted.jitter_ms > wanted.delay_ms:
        raise Mistake(f"{flag}jitter {wanted.jitter_ms:g}: not more than {flag}delay, {wanted.delay_ms:g}")
    if wanted.ecn is not None:
        _refuse_marking(wanted.ecn, flag)
    _refuse_queues(wanted.queues, flag)


def _refuse_marking(wanted: Marking, flag: str) -> None:
    if not 0 <= wanted.kmin <= wanted.kmax <= MOST_BACKLOG:
        allowed = f"0 <= kmin <= kmax <= {MOST_BACKLOG}"
        raise Mistake(f"{flag}ecn kmin {wanted.kmin}, kmax {wanted.kmax}: they are bytes, {allowed}")
    if not (math.isfinite(wanted.pmax) and LEAST_SHARE <= wanted.pmax <= 100):
        raise Mistake(f"{flag}ecn pmax {wanted.pmax:g}: it is from {LEAST_SHARE:g} to 100 percent")


def _refuse_queues(wanted: tuple[Queue, ...], flag: str) -> None:
    for each in wanted:
        if not (0 <= each.dscp <= 63 and 0 <= each.share <= 99 and 0 <= each.room <= MOST_BACKLOG):
            allowed = f"a DSCP is from 0 to 63, a share from 0 to 99 percent, room up to {MOST_BACKLOG} bytes"
            raise Mistake(f"{flag}queue {each.text()}: {allowed}")
    if twice := [each for n, each in enumerate(wanted) if each.dscp in {other.dscp for other in wanted[:n]}]:
        raise Mistake(f"{flag}queue {twice[0].text()}: DSCP {twice[0].dscp} has a queue already")
    if len(wanted) >= MOST_QUEUES:
        raise Mistake(f"{flag}queue: {len(wanted)} queues; there are at most {MOST_QUEUES - 1}, and that of all others")
    if (shares := sum(each.share for each in wanted)) > 99:
        raise Mistake(f"{flag}queue: the shares come to {shares} percent; at most 99, for the others need some too")


def _range(name: str) -> tuple[float, float]:
    if name == "rate":
        return 0.001, MOST_RATE
    if name in ("delay", "jitter"):
        return 0.001, MOST_DELAY
    return LEAST_SHARE, 100.0
