"""A running fabric for tests: look into it, break it, probe it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec

from labs.bringup import settle, verdict
from labs.chaos.beforehand import refuse
from labs.chaos.faults.model import FAULTS, AnyFault
from labs.chaos.faults.table import inject
from labs.chaos.live import Live
from labs.chaos.model import Outage, ProbeLog
from labs.chaos.places import settle_places
from labs.chaos.probing.layout import lay_out
from labs.chaos.probing.prober import probing
from labs.chaos.running import EFFECT, OFTEN
from labs.chaos.steady import ready, steady
from telemetry.model import Difference
from topologies import deploy
from topologies.errors import Mistake
from topologies.files.complaint import nearest
from topologies.plan import Plan
from topologies.runtime.model import LabRecord
from topologies.runtime.store import Store, here
from topologies.waiting import until

SETTLE = 30.0  # seconds that a fabric may take to be as planned after a fault


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that is there: where it hit."""

    where: str


@dataclass(slots=True)
class Traffic:
    """What became of the probes of a block; filled when the block ends."""

    sent: int = 0
    lost: int = 0
    longest: float = 0.0  # seconds of the longest outage of a flow; one that has not ended counts to the block's end
    outages: tuple[Outage, ...] = field(default=())

    def fill(self, log: ProbeLog, ended: float) -> None:
        """Take down what the prober saw up to a moment of the monotonic clock."""
        self.sent = sum(each.sent for each in log.bins)
        self.lost = sum(each.lost for each in log.bins)
        self.outages = log.outages
        self.longest = max(
            ((ended if each.ended is None else each.ended) - each.begun for each in log.outages), default=0.0
        )


class Testbed:
    """A running fabric with its plan."""

    __test__ = False  # no class of tests, whatever its name begins with

    def __init__(self, live: Live, seed: int, at: Store) -> None:
        self._live, self._seed, self._at = live, seed, at

    @property
    def plan(self) -> Plan:
        """What must be true of it."""
        return self._live.plan

    @property
    def record(self) -> LabRecord:
        """Its record as it is by now."""
        return self._live.record

    def run(self, node: str, argv: Sequence[str], *, check: bool = True) -> str:
        """What a program prints that runs in a node; raises `Fault` of topologies.errors where it fails."""
        return self._live.door(node).run(argv, check=check).stdout

    def vtysh(self, node: str, command: str) -> str:
        """FRR's answer on a node."""
        return self.run(node, ["vtysh", "-c", command])

    def check(self, *, mesh: bool = True) -> tuple[Difference, ...]:
        """What differs from the plan; () for nothing."""
        return verdict(self._live.record, self.plan, mesh=mesh).differences

    def settle(self, within: float = SETTLE) -> None:
        """Wait until nothing differs; what still does after `within` seconds is `check`'s to tell."""
        settle(self._live.record, self.plan, within)

    @contextmanager
    def fault(self, kind: str, **keys: object) -> Iterator[Fault]:
        """A fault for the length of a block, by its name and keys as scenarios have them. It has taken effect when the
        block begins; at its end it is healed, and the fabric as planned again or SETTLE seconds have passed."""
        step = self._step(kind, keys)
        ready(self._live, [step])
        injected = inject(self._live, step)
        try:
            until(f"{kind} at {injected.where} has taken effect", injected.unseen, within=EFFECT, every=OFTEN)
            yield Fault(injected.where)
        finally:
            injected.heal()
            until(f"{kind} at {injected.where} is over", injected.unhealed, within=EFFECT, every=OFTEN)
            self.settle()

    @contextmanager
    def traffic(self, rate: int = 2000, flows: int = 0) -> Iterator[Traffic]:
        """Probes between all hosts for the length of a block: `rate` datagrams a second, as scenarios send them."""
        layout, seen = lay_out(self.plan, rate=rate, flows=flows, seed=self._seed), Traffic()
        with probing(self._live.record, layout, rate=rate, at=self._at) as prober:
            prober.ready()
            prober.begin()
            yield seen
            ended = time.monotonic()
            prober.end()
            seen.fill(prober.result(), ended)

    def _step(self, kind: str, keys: dict[str, object]) -> AnyFault:
        if kind not in FAULTS:
            raise Mistake(f"no fault {kind!r}{nearest(kind, FAULTS)}; there are {', '.join(FAULTS)}")
        try:
            step = msgspec.convert({"at": "0s", "lasts": "1s", "name": kind, **keys}, FAULTS[kind])
        except msgspec.ValidationError as error:
            raise Mistake(f"fault {kind}: {error}") from None
        steps = settle_places([step], self._live.fabric, self._seed)
        refuse(steps, self._live.record.lab, self._live.fabric, self.plan)
        return steps[0]


@contextmanager
def open_testbed(
    source: deploy.Source, runtime: str = "netns", *, seed: int = 1, at: Store | None = None
) -> Iterator[Testbed]:
    """A fabric, up, converged and checked for the length of a block. Raises Mistake and Fault as `closlab up` does."""
    at = at or here()
    with steady(source, runtime, say=lambda phase, done, of: None, at=at) as live:
        yield Testbed(live, seed, at)
