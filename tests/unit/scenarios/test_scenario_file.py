"""Scenario files: what they mean, and where they are refused."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from labs.chaos import library, scenario
from labs.chaos.beforehand import refuse_senseless
from labs.chaos.entangling import refuse_entangled
from labs.chaos.expressions.checking import checked
from labs.chaos.expressions.evaluate import FUNCTIONS
from labs.chaos.expressions.parser import UNITS
from labs.chaos.faults.model import FAULTS
from labs.chaos.faults.table import INJECT
from labs.chaos.places import settle_places
from labs.chaos.series import SERIES
from labs.chaos.steady import planned
from topologies.durations import jumped, seconds
from topologies.errors import Mistake

GOOD = {
    "scenario": "one",
    "about": "A link fails.",
    "fabric": {"design": "leaf-spine", "spines": 2, "leaves": 2},
    "steps": [{"fault": "link-down", "link": "any uplink", "at": "1s", "lasts": "500ms"}],
    "expect": ["max(outage) <= 1s"],
    "red": {"because": "No other way.", "fabric": {"spines": 1}},
}


def written(folder: Path, **changes: object) -> Path:
    """A scenario file that differs from the good one in these keys."""
    path = folder / "one.yml"
    path.write_text(yaml.safe_dump({**GOOD, **changes}, sort_keys=False))
    return path


def test_a_scenario_is_its_fabric_its_steps_and_what_is_expected(tmp_path: Path) -> None:
    """The fabric is called as the scenario is; a step without a name gets its fault's."""
    found = scenario.load(written(tmp_path))

    assert found.source.lab.name == "one"
    assert found.source.plan is not None
    assert [step.name for step in found.scenario.steps] == ["link-down"]


def test_steps_of_one_fault_are_numbered_from_the_second_on(tmp_path: Path) -> None:
    """A name that somebody gave is not given twice."""
    step = GOOD["steps"][0]
    path = written(tmp_path, steps=[step, step, {**step, "name": "link-down-3"}, step])

    names = [each.name for each in scenario.load(path).scenario.steps]

    assert len(set(names)) == len(names) == 4
    assert names[:2] == ["link-down", "link-down-2"]


def test_a_fabric_may_be_a_file_beside_the_scenario(tmp_path: Path) -> None:
    """Its path is taken from the scenario's folder; the lab is called as the scenario."""
    (tmp_path / "small.yml").write_text("name: small\ndesign: leaf-spine\nspines: 1\nleaves: 3\n")

    found = scenario.load(written(tmp_path, fabric="small.yml"))

    assert found.source.lab.name == "one"
    assert sum(node.name.startswith("leaf") for node in found.source.lab.nodes) == 3


def test_red_changes_the_fabric_and_adds_steps(tmp_path: Path) -> None:
    """Keys that it does not name stay as they are."""
    more = {"fault": "switch-dead", "node": "leaf1", "at": "1s", "lasts": "1s"}
    path = written(tmp_path, red={"because": "x", "fabric": {"spines": 1}, "steps": [more]})

    found = scenario.load(path, red=True)

    names = [node.name for node in found.source.lab.nodes]
    assert names.count("spine1") == 1
    assert "spine2" not in names
    assert [step.name for step in found.scenario.steps] == ["link-down", "switch-dead"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"expects": []}, "unknown key 'expects', did you mean 'expect'?"),
        ({"expect": []}, "$.expect"),
        ({"steps": []}, "$.steps"),
        (
            {"steps": [{"fault": "link-dwon", "at": "1s", "lasts": "1s"}]},
            "no fault 'link-dwon', did you mean 'link-down'?",
        ),
        ({"steps": [{"fault": "link-down", "at": "1s", "lasts": "1s"}]}, "the key 'link' is missing"),
        ({"steps": [{**GOOD["steps"][0], "at": "1 s"}]}, "$.steps[0].at"),
        ({"steps": [{**GOOD["steps"][0], "lasts": "0s"}]}, "lasts no time"),
        ({"steps": [{**GOOD["steps"][0], "name": "A b"}]}, "$.steps[0].name"),
        ({"steps": [{**GOOD["steps"][0], "name": "x"}] * 2}, "two steps are called 'x'"),
        ({"steps": [{**GOOD["steps"][0], "fault": "flapping", "period": "0s"}]}, "once in 20 ms at most"),
        ({"scenario": "A Scenario"}, "$.scenario"),
        ({"fabric": "nowhere.yml"}, "cannot read"),
        ({"fabric": {"design": "leaf-spine", "spines": 0, "leaves": 2}}, "$.spines"),
        ({"fabric": {"design": "leaf-spine", "spins": 1, "spines": 1, "leaves": 2}}, "unknown key 'spins'"),
        ({"probes": {"rate": 0}}, "$.probes.rate"),
        ({"tolerate": ["lost"]}, "$.tolerate"),
        ({"seed": -1}, "$.seed"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, changes: dict[str, object], why: str) -> None:
    """The file, where in it, and what there is instead."""
    path = written(tmp_path, **changes)

    with pytest.raises(Mistake) as error:
        scenario.load(path)

    assert str(error.value).startswith(str(path))
    assert why in str(error.value)


def test_a_scenario_without_red_cannot_be_run_red(tmp_path: Path) -> None:
    """There is nothing that would have to make it fail."""
    path = written(tmp_path, red=None)

    with pytest.raises(Mistake, match="no key `red`"):
        scenario.load(path, red=True)


@pytest.mark.parametrize(("text", "value"), [("250ms", 0.25), ("1.5s", 1.5), ("2min", 120), ("7us", 7e-6), ("0s", 0)])
def test_durations_are_seconds(text: str, value: float) -> None:
    """A number and its unit."""
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize(("text", "value"), [("+10s", 10), ("-5min", -300), ("-1h", -3600), ("+2d", 172_800)])
def test_jumps_have_a_sign(text: str, value: int) -> None:
    """Whole seconds, forward or back."""
    assert jumped(text) == value


def test_every_fault_can_be_injected() -> None:
    """Whatever a file may name, there is a function for it."""
    assert set(INJECT) == set(FAULTS.values())


def test_the_library_has_twenty_scenarios_at_least() -> None:
    """And each file is called as its scenario is."""
    files = library.library()

    assert len(files) >= 20
    assert [path.stem for path in files] == [scenario.load(path).scenario.scenario for path in files]


@pytest.mark.parametrize("path", library.library(), ids=lambda path: path.stem)
def test_each_scenario_of_the_library_is_whole(path: Path) -> None:
    """Its places are in its fabric, its expectations mean something, its schema knows it, and its faults are possible
    and do not meet, whatever the seed; and so with what makes it fail."""
    jsonschema.validate(yaml.safe_load(path.read_text()), json.loads(json.dumps(scenario.json_schema())))
    for red in (False, True):
        loaded = scenario.load(path, red=red)
        fabric, plan = planned(loaded.source)
        for seed in range(10):
            steps = settle_places(loaded.scenario.steps, fabric, seed)
            nodes = {node.name: node for node in loaded.source.lab.nodes}
            for step in steps:
                refuse_senseless(step, nodes, plan, fabric)
            refuse_entangled(steps, fabric)
        for text in loaded.scenario.expect:
            checked(text, [step.name for step in steps])


def test_a_name_of_the_library_stands_for_its_file() -> None:
    """And a misspelt one is refused with what comes near."""
    assert library.found("link-down") == library.FOLDER / "link-down.yml"
    assert library.found("my.yml") == Path("my.yml")
    with pytest.raises(Mistake, match="did you mean 'link-down'"):
        library.found("link-dwon")


def test_the_documents_name_every_fault_series_and_function() -> None:
    """docs/scenarios.md has what there is, and the series as the code describes them."""
    text = (Path(__file__).parents[3] / "docs" / "scenarios.md").read_text()

    rows = [
        f"| `{name}` | {each.unit} | {', '.join(each.labels)} | {each.about} |".replace("|  |", "| |")
        for name, each in SERIES.items()
    ]
    assert [row for row in rows if row not in text] == []
    assert [name for name in (*FAULTS, *FUNCTIONS, *UNITS) if name and f"`{name}`" not in text] == []
