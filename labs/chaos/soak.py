"""Faults without end: one after another, each drawn by the seed, and after each the fabric must be as planned again."""

import shlex
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import TypeAlias

import msgspec

from labs.bringup import settle, verdict
from labs.chaos.beforehand import refuse
from labs.chaos.faults.model import AnyFault
from labs.chaos.judge import figure, judge
from labs.chaos.live import Live
from labs.chaos.model import Episode, Run, Verdict
from labs.chaos.observing import Observation, completed, observing
from labs.chaos.places import chosen, hit, settle_places
from labs.chaos.running import play, versions
from labs.chaos.series import SECONDS
from labs.chaos.steady import MOST, planned, steady
from topologies import deploy
from topologies.errors import Fault, Mistake
from topologies.lab import Lab
from topologies.model import Fabric
from topologies.plan import Plan
from topologies.runtime.model import Say
from topologies.runtime.store import Store, here

Kind: TypeAlias = dict[str, object]
"""A fault as files have it, without its time."""
DRAWN: tuple[Kind, ...] = (
    {"fault": "link-down", "link": "any uplink"},
    {"fault": "flapping", "link": "any uplink", "period": "300ms"},
    {"fault": "one-way", "link": "any uplink"},
    {"fault": "loss", "link": "any uplink", "percent": 10},
    {"fault": "corruption", "link": "any uplink", "percent": 5},
    {"fault": "mtu-mismatch", "link": "any uplink", "mtu": 1500},
    {"fault": "switch-dead", "node": "any spine"},
    {"fault": "switch-dead", "node": "any leaf"},
    {"fault": "switch-paused", "node": "any spine"},
    {"fault": "daemon-killed", "node": "any leaf"},
    {"fault": "daemon-killed", "node": "any spine"},
    {"fault": "daemon-killed", "node": "any spine", "daemon": "zebra"},
    {"fault": "daemon-hung", "node": "any leaf"},
    {"fault": "wrong-policy", "node": "any spine"},
    {"fault": "management-cut", "node": "any leaf"},
    {"fault": "polarised-hash"},
)
"""What is drawn from: faults that every fabric can have, and that it must come back from by itself."""
LASTING = ("200ms", "500ms", "1s", "2s")


def drawn(seed: int, number: int, fabric: Fabric, kinds: Sequence[Kind] = DRAWN) -> AnyFault:
    """The fault of a round, with its place: the same for the same seed, whatever came before. Pure."""
    name = f"round-{number}"
    kind, lasts = chosen(seed, name, "fault", kinds), chosen(seed, name, "lasts", LASTING)
    step: AnyFault = msgspec.convert({**kind, "at": "0s", "lasts": lasts, "name": name}, AnyFault)
    return settle_places([step], fabric, seed)[0]


def fitting(lab: Lab, fabric: Fabric, plan: Plan) -> list[Kind]:
    """Those of DRAWN that mean something on a fabric, and that this machine can make."""
    found = []
    for kind in DRAWN:
        with suppress(Mistake):
            refuse([drawn(0, 1, fabric, [kind])], lab, fabric, plan)
            found.append(kind)
    return found


def soak(
    source: deploy.Source,
    runtime: str,
    *,
    minutes: float,
    seed: int,
    rate: int,
    within: float,
    say: Say,
    at: Store | None = None,
) -> Run:
    """Break and heal a fabric for so many minutes; a verdict for each round: was it as planned `within` seconds?

    It ends with the first round that was not. Raises Mistake for a file without a plan, and Fault where the fabric is
    not steady at first.
    """
    at = at or here()
    fabric, plan = planned(source)
    kinds = fitting(source.lab, fabric, plan)
    began = datetime.now(UTC).isoformat(timespec="seconds")
    with ExitStack() as stack:
        live = stack.enter_context(steady(source, runtime, say=say, at=at))
        watch = observing(live, rate=rate, flows=0, seed=seed, lead=0.0, at=at)
        rounds = _Rounds(live, kinds, seed, within, stack.enter_context(watch))
        while rounds.fine and rounds.observation.now < minutes * 60:
            rounds.next(say)
        seen = rounds.observation.end()
        recording = completed(seen, tuple(rounds.episodes), verdict(live.record, plan).differences)
    return Run(
        scenario=f"soak-{source.lab.name}",
        about=f"{len(rounds.episodes)} faults, one after another, drawn by the seed.",
        path=source.path,
        seed=seed,
        red=False,
        runtime=runtime,
        began=began,
        versions=versions(),
        fabric_text=source.text,
        phases=live.record.phases,
        again=shlex.join(["closlab", "soak", source.path, "--minutes", f"{minutes:g}", "--seed", str(seed)]),
        hit=tuple(dict.fromkeys(place for step in rounds.steps for place in hit(step, fabric))),
        recording=recording,
        verdicts=(*judge([], recording), *rounds.verdicts),
    )


class _Rounds:
    """The rounds so far."""

    def __init__(self, live: Live, kinds: Sequence[Kind], seed: int, within: float, observation: Observation) -> None:
        self.observation = observation
        self.steps: list[AnyFault] = []
        self.episodes: list[Episode] = []
        self.verdicts: list[Verdict] = []
        self.fine = True
        self._live, self._kinds, self._seed, self._within = live, kinds, seed, within

    def next(self, say: Say) -> None:
        """Break, heal, and wait for the plan."""
        number = len(self.steps) + 1
        step = drawn(self._seed, number, self._live.fabric, self._kinds)
        self.steps.append(step)
        try:
            (episode,), _ = play(self._live, [step], self.observation.zero, say, begun=self.observation.now)
        except Fault as error:  # what was seen up to here is worth its report
            self.fine = False
            text = f"round {number}, {step.__struct_config__.tag}: it takes effect, and is healed"
            self.verdicts.append(Verdict(text, holds=False, measured=str(error), why=str(error)))
            return
        self.episodes.append(episode)
        settle(self._live.record, self._live.plan, self._within)
        took = self.observation.now - (episode.healed or 0.0)
        found = verdict(self._live.record, self._live.plan, mesh=False).differences
        self.fine = not found
        text = f"round {number}, {episode.fault} at {episode.where}: as planned within {self._within:g} s"
        words = "; ".join(map(str, found[:MOST])) or figure(took, SECONDS)
        self.verdicts.append(Verdict(text, not found, words, words if found else ""))
