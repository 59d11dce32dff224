"""One run of a scenario: bring the fabric up, prove it steady, break and heal it on time, and judge what was seen."""

import platform
import shlex
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from labs.bringup import settle, verdict
from labs.chaos.beforehand import refuse, refuse_on
from labs.chaos.expressions.checking import checked
from labs.chaos.faults.model import AnyFault, Surge
from labs.chaos.faults.table import inject
from labs.chaos.judge import judge
from labs.chaos.live import Injected, Live
from labs.chaos.model import Episode, Flow, Move, Recording, Run
from labs.chaos.moves import moves, sample
from labs.chaos.observing import completed, observing, refuse_requests, refuse_traffic
from labs.chaos.places import far_end, hit, settle_places
from labs.chaos.probing.layout import lay_out
from labs.chaos.scenario import Loaded, Scenario
from labs.chaos.steady import planned, ready, steady
from labs.chaos.timeline import Deed, timeline
from labs.chaos.tracing import traced
from labs.requests.model import Clients, Rush
from labs.traffic.endpoint.model import Wanted
from telemetry.paths import Path
from topologies.durations import seconds
from topologies.errors import Mistake
from topologies.files.complaint import nearest
from topologies.runtime.model import Say
from topologies.runtime.store import Store, here
from topologies.version import VERSION
from topologies.waiting import until

EFFECT = 10.0  # seconds that a fault may take to have its effect
OFTEN, RARELY = 0.005, 0.05  # seconds between two looks at whether it has, at first and later
WATCHED = 64  # flows whose ways are looked at before and after


class Asked(Struct, frozen=True):
    """How to run a scenario. `seed` None: the scenario's own. `keep`: leave the lab up afterwards."""

    runtime: str = "netns"
    seed: int | None = None
    red: bool = False
    keep: bool = False
    within: float = 120


def run(loaded: Loaded, asked: Asked, *, say: Say, at: Store | None = None) -> Run:
    """Run a scenario once. Raises Mistake for what cannot be run at all, before anything is up, and Fault where the
    fabric is not steady before it is broken, or a fault has no effect; the lab is down then."""
    at = at or here()
    scenario, (fabric, plan) = loaded.scenario, planned(loaded.source)
    seed = scenario.seed if asked.seed is None else asked.seed
    steps = settle_places(scenario.steps, fabric, seed)
    for text in scenario.expect:
        checked(text, [step.name for step in steps])
    refuse(steps, loaded.source.lab, fabric, plan)
    refuse_on(asked.runtime, steps)
    wanted = [each.wanted(seed) for each in scenario.traffic]
    refuse_traffic(wanted, plan)
    clients = asked_by(scenario, steps, seed)
    refuse_requests(clients, plan)
    began = datetime.now(UTC).isoformat(timespec="seconds")
    with steady(loaded.source, asked.runtime, say=say, at=at, within=asked.within, keep=asked.keep) as live:
        ready(live, steps)
        recording = _recorded(loaded, live, steps, wanted, clients, seed, say, at)
    return Run(
        scenario=scenario.scenario,
        about=scenario.about,
        path=loaded.path,
        seed=seed,
        red=asked.red,
        runtime=asked.runtime,
        began=began,
        versions=versions(),
        fabric_text=loaded.source.text,
        phases=live.record.phases,
        again=shlex.join(_again(loaded, asked, seed)),
        hit=tuple(dict.fromkeys(place for step in steps for place in hit(step, fabric))),
        recording=recording,
        verdicts=judge(scenario.expect, recording, tolerated=scenario.tolerate),
    )


def asked_by(scenario: Scenario, steps: Sequence[AnyFault], seed: int) -> tuple[Clients, ...]:
    """Who asks for what in a scenario, and when more of it. Raises Mistake for more requests of what nobody asks."""
    names, lead = [each.name for each in scenario.requests], seconds(scenario.lead)
    found: dict[str, list[Rush]] = {name: [] for name in names}
    for step in steps:
        if not isinstance(step, Surge):
            continue
        if step.requests not in found:
            near = nearest(step.requests, names)
            there = ", ".join(names) or "none"
            raise Mistake(f"step {step.name!r}: requests: no requests {step.requests!r}{near}; there are {there}")
        begun = lead + seconds(step.at)
        found[step.requests].append(Rush(begun, begun + seconds(step.lasts), step.times))
    return tuple(each.wanted(seed, tuple(found[each.name])) for each in scenario.requests)


def _again(loaded: Loaded, asked: Asked, seed: int) -> list[str]:
    """The command that runs it once more."""
    runtime = [] if asked.runtime == "netns" else ["--runtime", asked.runtime]
    return ["closlab", "run", loaded.path, "--seed", str(seed), *runtime, *(["--red"] if asked.red else [])]


def _recorded(
    loaded: Loaded,
    live: Live,
    steps: Sequence[AnyFault],
    wanted: Sequence[Wanted],
    clients: Sequence[Clients],
    seed: int,
    say: Say,
    at: Store,
) -> Recording:
    """Everything between the first probe and the last look."""
    scenario = loaded.scenario
    probes, lead = scenario.probes, seconds(scenario.lead)
    watch = observing(
        live, rate=probes.rate, flows=probes.flows, seed=seed, lead=lead, at=at, wanted=wanted, clients=clients
    )
    with watch as observation:
        flows = sample(lay_out(live.plan, rate=probes.rate, seed=seed).flows, WATCHED)
        episodes, moved = play(live, steps, observation.zero, say, watched=flows)
        settle(live.record, live.plan, seconds(scenario.settle))
        wait_until(time.monotonic() + seconds(scenario.rest))
        seen = observation.end()
    return replace(completed(seen, episodes, verdict(live.record, live.plan).differences), moves=moved)


def play(
    live: Live,
    steps: Sequence[AnyFault],
    zero: float,
    say: Say,
    *,
    begun: float = 0.0,
    watched: Sequence[Flow] = (),
) -> tuple[tuple[Episode, ...], tuple[Move, ...]]:
    """Inject and heal all faults on time. `zero` is the moment of the monotonic clock from which episodes count, and
    `begun` how many seconds later the time of the steps begins. Of the flows that are `watched`, also returns which
    ones moved for a fault that was alone.

    Raises Fault where one is not seen to take effect, or not seen to be over.
    """
    playing = _Play(live, steps, zero, watched)
    deeds = {Deed.INJECT: playing.inject, Deed.BEAT: playing.beat, Deed.HEAL: playing.heal}
    moments = timeline(steps)
    for number, moment in enumerate(moments, 1):
        wait_until(zero + begun + moment.at)
        deeds[moment.deed](moment.step)
        say("faults", number, len(moments))
    return tuple(sorted(playing.episodes.values(), key=lambda each: each.injected)), tuple(playing.moved)


class _Play:
    """The faults that are under way, and what was seen of all so far."""

    def __init__(self, live: Live, steps: Sequence[AnyFault], zero: float, watched: Sequence[Flow]) -> None:
        self.episodes: dict[int, Episode] = {}
        self.moved: list[Move] = []
        self._live, self._steps, self._zero, self._watched = live, steps, zero, watched
        self._under_way: dict[int, Injected] = {}
        self._ways: list[tuple[Flow, Path]] = []  # before the fault that is under way, where it is alone so far

    def inject(self, number: int) -> None:
        """Begin a fault, and wait until it is seen to have taken effect."""
        step = self._steps[number]
        self._ways = [] if self._under_way else traced(self._live, self._watched)
        began = self._now()
        self._under_way[number] = injected = inject(self._live, step)
        until(
            f"{step.name} ({injected.where}) has taken effect",
            injected.unseen,
            within=EFFECT,
            every=OFTEN,
            longest=RARELY,
        )
        self.episodes[number] = Episode(step.name, str(step.__struct_config__.tag), injected.where, began, self._now())

    def beat(self, number: int) -> None:
        """Let a fault change, as a flapping cable does."""
        self._under_way[number].beat()

    def heal(self, number: int) -> None:
        """End a fault, and wait until it is seen to be over."""
        step, injected = self._steps[number], self._under_way.pop(number)
        if self._ways and not self._under_way:
            later = traced(self._live, self._watched)
            self.moved += moves(step.name, self._now(), self._ways, later, failed(step, self._live))
        self._ways, began = [], self._now()
        injected.heal()
        _wait(f"{step.name} ({injected.where}) is over", injected.unhealed)
        self.episodes[number] = replace(self.episodes[number], healing=began, healed=self._now())

    def _now(self) -> float:
        return time.monotonic() - self._zero


def _wait(what: str, missing: Callable[[], str]) -> None:
    until(what, missing, within=EFFECT, every=OFTEN, longest=RARELY)


def failed(step: AnyFault, live: Live) -> list[str]:
    """What a fault hits: nodes, and both ends of cables."""
    places = hit(step, live.fabric)
    return [*places, *(far_end(each, live.fabric) for each in places if ":" in each)]


def wait_until(moment: float) -> None:
    """Let the time pass until a moment of the monotonic clock: a schedule, which waits for nothing else."""
    while (left := moment - time.monotonic()) > 0:
        time.sleep(left)


def versions() -> dict[str, str]:
    """What a run ran on."""
    return {"closlab": VERSION, "python": platform.python_version(), "kernel": platform.release()}
