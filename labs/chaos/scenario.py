"""The scenario file: a fabric, what goes wrong with it and when, and what an operator expects all the same.

Strict YAML with a JSON Schema for editors; whatever is wrong in it is a Mistake with its line and column.
"""

from collections.abc import Mapping
from itertools import chain, count
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml
from msgspec import Meta, Struct
from msgspec.structs import replace

from labs.chaos.faults.model import FAULTS, AnyFault, Flapping
from labs.chaos.judge import Standing
from labs.requests.model import Clients, Rush
from labs.traffic.endpoint.model import Wanted
from topologies import deploy
from topologies.durations import Duration, Size, octets, seconds
from topologies.errors import Mistake
from topologies.files.complaint import nearest
from topologies.files.fabric import Name
from topologies.files.yaml import Document, parse

SHORTEST_PERIOD = 0.02  # seconds


class Probing(Struct, forbid_unknown_fields=True, frozen=True):
    """How the data plane is watched: datagrams a second in all, and flows between each two addresses (0: as needed)."""

    rate: Annotated[int, Meta(ge=10, le=50_000)] = 2000
    flows: Annotated[int, Meta(ge=0, le=64)] = 0


class Workload(Struct, forbid_unknown_fields=True, frozen=True):
    """RDMA traffic: a collective over all NICs of hosts, again and again. `rate_mbps` is that of each NIC here,
    `line_rate_gbps` of the NIC that it stands for: congestion control runs as many times slower."""

    collective: str
    name: str = ""
    size: Size = "1MiB"
    queue_pairs: Annotated[int, Meta(ge=1, le=64)] = 1
    mtu: Literal[256, 512, 1024, 2048, 4096] = 1024
    rate_mbps: Annotated[float, Meta(gt=0, le=10_000)] = 20
    line_rate_gbps: Annotated[float, Meta(gt=0, le=1600)] = 40

    def wanted(self, seed: int) -> Wanted:
        """The same in bytes and bit/s."""
        named = self.name or self.collective
        return Wanted(
            named,
            self.collective,
            octets(self.size),
            self.queue_pairs,
            self.mtu,
            self.rate_mbps * 1e6,
            seed,
            self.line_rate_gbps * 1e9,
        )


class Requests(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Requests of clients to an API such as OpenAI's, as `closlab load` makes them: at random moments, `rate` a second
    in the mean from all the hosts `clients` together."""

    name: Name
    clients: Annotated[tuple[str, ...], Meta(min_length=1, description="Hosts.")]
    url: Annotated[str, Meta(pattern="^https?://", description="Such as http://10.32.0.80:8080/v1")]
    rate: Annotated[float, Meta(gt=0, le=10_000)]
    key: str = ""
    model: str = "llama"
    prompt: Annotated[int, Meta(ge=1)] = 20
    answer: Annotated[int, Meta(ge=1)] = 20
    stream: bool = False
    patience: Duration = "10s"
    retries: Annotated[int, Meta(ge=0, le=100)] = 0

    def wanted(self, seed: int, rushes: tuple[Rush, ...]) -> Clients:
        """The same in seconds, with the times in which there are more; they count from the first request."""
        return Clients(
            name=self.name,
            hosts=self.clients,
            url=self.url,
            key=self.key,
            model=self.model,
            rate=self.rate,
            prompt=self.prompt,
            answer=self.answer,
            stream=self.stream,
            patience=seconds(self.patience),
            retries=self.retries,
            seed=seed,
            rushes=rushes,
        )


class Scenario(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A scenario as written. `fabric` is a fabric file's content, or the path of one, from the scenario's own folder.

    `lead` passes between the proven steady state and time 0, `rest` between the last healing and the end. `settle` is
    how long the fabric may take to be as planned again. `tolerate` names what need not be true of this scenario though
    it must of all others. `red` changes it so that it must fail: the proof that its expectations mean something.
    """

    scenario: Name
    about: Annotated[str, Meta(min_length=1)]
    fabric: str | dict[str, Any]
    steps: Annotated[tuple[AnyFault, ...], Meta(min_length=1)]
    expect: Annotated[tuple[str, ...], Meta(min_length=1)]
    seed: Annotated[int, Meta(ge=0)] = 1
    probes: Probing = Probing()
    traffic: tuple[Workload, ...] = ()
    requests: tuple[Requests, ...] = ()
    lead: Duration = "1s"
    rest: Duration = "1s"
    settle: Duration = "30s"
    tolerate: tuple[Standing, ...] = ()
    red: "Red | None" = None


class Red(Struct, forbid_unknown_fields=True, frozen=True):
    """What makes a scenario fail: keys of the fabric file that are other, or steps that come on top."""

    because: Annotated[str, Meta(min_length=1)]
    fabric: dict[str, Any] = {}
    steps: tuple[AnyFault, ...] = ()


class Loaded(Struct, frozen=True):
    """A scenario that was read whole: its file, itself, and the fabric that it runs on."""

    path: str
    scenario: Scenario
    source: deploy.Source


def load(path: Path, *, red: bool = False, name: str = "") -> Loaded:
    """Read a scenario and its fabric. `red`: as its own proof changes it; `name`: that of the lab, instead of the
    scenario's. Raises Mistake for what is wrong in either."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Mistake(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    document = parse(text, str(path))
    scenario = _decoded(document)
    fabric = _fabric(document, scenario, path.parent)
    if red:
        if scenario.red is None:
            raise Mistake(f"{path}: it has no key `red`, so nothing says what must make it fail")
        fabric = merged(fabric, scenario.red.fabric)
        scenario = replace(scenario, steps=(*scenario.steps, *scenario.red.steps))
    written = yaml.safe_dump({**fabric, "name": name or scenario.scenario}, sort_keys=False)
    source = deploy.source_of(written, f"{path}: fabric")
    return Loaded(str(path.absolute()), named(scenario), source)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of scenario files, for editors."""
    return msgspec.json.schema(Scenario)


def named(scenario: Scenario) -> Scenario:
    """The same with a name for each step that has none: that of its fault, and a number from the second on."""
    taken = {each.name for each in scenario.steps}
    steps = []
    for step in scenario.steps:
        fault = str(step.__struct_config__.tag)
        free = (each for each in chain([fault], (f"{fault}-{number}" for number in count(2))) if each not in taken)
        name = step.name or next(free)
        taken.add(name)
        steps.append(replace(step, name=name))
    return replace(scenario, steps=tuple(steps))


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two mappings as one, key by key at every depth; the second one wins."""
    inner = {key: merged(below[key], value) for key, value in above.items() if _mappings(below.get(key), value)}
    return {**below, **above, **inner}


def _mappings(*values: object) -> bool:
    return all(isinstance(each, Mapping) for each in values)


def _decoded(document: Document) -> Scenario:
    """The scenario; msgspec says of an unknown fault only that its tag is wrong, so the faults are named first."""
    value = document.value
    steps = value.get("steps") if isinstance(value, dict) else None
    for number, step in enumerate(steps if isinstance(steps, list) else ()):
        fault = step.get("fault") if isinstance(step, dict) else None
        if isinstance(fault, str) and fault not in FAULTS:
            near = nearest(fault, FAULTS)
            place = document.at("steps", number, "fault")
            raise Mistake(f"{place}: $.steps[{number}].fault: no fault {fault!r}{near}; there are {', '.join(FAULTS)}")
    scenario = document.decode(Scenario)
    for number, each in enumerate(scenario.requests):
        if [other.name for other in scenario.requests].count(each.name) > 1:
            raise Mistake(f"{document.at('requests', number, 'name')}: two kinds of requests are called {each.name!r}")
    names = [step.name for step in scenario.steps if step.name]
    for number, step in enumerate(scenario.steps):
        if names.count(step.name) > 1:
            raise Mistake(f"{document.at('steps', number, 'name')}: two steps are called {step.name!r}")
        if seconds(step.lasts) == 0:
            raise Mistake(f"{document.at('steps', number, 'lasts')}: a step that lasts no time does nothing")
        if isinstance(step, Flapping) and seconds(step.period) < SHORTEST_PERIOD:
            place = document.at("steps", number, "period")
            raise Mistake(f"{place}: a cable flaps once in {SHORTEST_PERIOD * 1000:g} ms at most")
    return scenario


def _fabric(document: Document, scenario: Scenario, folder: Path) -> dict[str, Any]:
    """The fabric file's content as it stands in the scenario, or in the file that this names."""
    if isinstance(scenario.fabric, dict):
        return scenario.fabric
    path = folder / scenario.fabric
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise Mistake(f"{document.at('fabric')}: $.fabric: cannot read {path}: {why}") from error
    deploy.source_of(text, str(path))  # what is wrong in that file is named by its own lines
    value = parse(text, str(path)).value
    return dict(value) if isinstance(value, dict) else {}
