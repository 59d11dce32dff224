"""The alerts and the dashboard: they ask for what there is, and each alert fires when it should."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.core import HistogramMetricFamily

import gateway
from gateway.admin.model import Backend, Model, State
from gateway.counts import Counts
from gateway.metrics import Figures

FOLDER = Path(gateway.__file__).parent / "monitoring"
METRIC = re.compile(r"\b((?:gateway|gen_ai_server)_[a-z_]+)\b(?=[{\[) ])")
LABELS = re.compile(r"\{([^}]*)\}|\bby \(([^)]*)\)")
GIVEN = {"le", "instance"}  # by Prometheus, or by what a histogram is


def expressions() -> Iterator[tuple[str, str]]:
    """All that is asked, with who asks."""
    for rule in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]:
        yield rule["alert"], rule["expr"]
    for panel in json.loads((FOLDER / "dashboard.json").read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def told() -> dict[str, set[str]]:
    """The names that a gateway tells, as Prometheus keeps them, with their labels."""
    backend = Backend("a", "r", "good", 0, 1.0, 1.0, 0.0)
    state = State(True, False, 0, 0.0, 1, (Model("m", 0, (backend,)),), ())
    found = {}
    for family in Figures(Counts(), [state], {}, away=0.0).collect():
        labels = set(family._labelnames)  # type: ignore[attr-defined]  # it has no public name
        ends = ("_bucket", "_sum", "_count") if isinstance(family, HistogramMetricFamily) else ("",)
        ends = ("_total",) if family.type == "counter" else ends
        found.update({family.name + end: labels for end in ends})
    return found


@pytest.mark.parametrize(
    ("who", "asked"), [pytest.param(*each, id=f"{each[0]}-{n}") for n, each in enumerate(expressions())]
)
def test_what_is_asked_for_is_there(who: str, asked: str) -> None:
    """By its name and its labels."""
    known = told()
    names = set(METRIC.findall(asked))

    assert names, who
    assert names <= known.keys()
    labels = GIVEN | set.union(*(known[name] for name in names))
    for given, by in LABELS.findall(asked):
        used = re.findall(r"(\w+)\s*[=!]", given) if given else [each.strip() for each in by.split(",")]
        assert set(used) <= labels


def test_all_that_is_told_is_shown() -> None:
    """A metric that no panel has is one that nobody looks at."""
    shown = {name for _, asked in expressions() for name in METRIC.findall(asked)}
    families = {name.removesuffix("_bucket") for name in told() if not name.endswith(("_sum", "_count"))}

    assert {name.removesuffix("_bucket") for name in shown} >= families


@pytest.mark.programs("promtool")
@pytest.mark.parametrize("words", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts.test.yml")])
def test_promtool_agrees(words: tuple[str, ...]) -> None:
    """The rules are valid; each fires where alerts.test.yml says so, and nowhere else."""
    done = subprocess.run(["promtool", *words], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_tried() -> None:
    """To fire, and not to."""
    tried: dict[str, list[bool]] = {}
    for part in yaml.safe_load((FOLDER / "alerts.test.yml").read_text())["tests"]:
        for each in part["alert_rule_test"]:
            tried.setdefault(each["alertname"], []).append(bool(each["exp_alerts"]))
    rules = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]

    assert {each["alert"]: {True, False} for each in rules} == {name: set(fires) for name, fires in tried.items()}
