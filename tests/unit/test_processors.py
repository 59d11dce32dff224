"""What watches a run of Nornir: progress, audit log, counters, traces."""

import json
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from nornir import InitNornir
from nornir.core import Nornir
from nornir.core.task import Result, Task
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, Tracer, TracerProvider
from prometheus_client import CollectorRegistry
from rich.console import Console

from automation.processors.audit import LONGEST, Audit, append
from automation.processors.metrics import Metrics
from automation.processors.progress import Counting, RichProgress
from automation.processors.traces import Traces
from topologies.errors import Mistake


@pytest.fixture
def nornir(tmp_path: Path) -> Nornir:
    """The switches of a small fabric, in waves of two: spine1; leaf1; leaf2."""
    (tmp_path / "f.yml").write_text("name: f\ndesign: leaf-spine\nspines: 1\nleaves: 2\n")
    return InitNornir(
        inventory={"plugin": "closlab", "options": {"file": str(tmp_path / "f.yml")}},
        runner={"plugin": "waves", "options": {"size": 1}},
        logging={"enabled": False},
    )


def change(task: Task) -> Result:
    """spine1 is changed by a subtask, leaf1 fails, so leaf2 is not run."""
    if task.host.name == "leaf1":
        raise ValueError("out of paper")
    task.run(secret)
    return Result(task.host, changed=True, diff="+ router bgp 1\n+  neighbor eth1 password hunter2\n  x", result=[1])


def secret(task: Task) -> str:
    """A part of it."""
    return "neighbor eth1 password hunter2"


def test_every_host_and_task_is_on_record(nornir: Nornir, tmp_path: Path) -> None:
    """Who did what, where, and what came of it; what was not run as well, and no password."""
    path = tmp_path / "logs" / "audit.jsonl"

    nornir.with_processors([Audit(path, {"lab": "f"})]).run(change)

    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(each["task"], each["host"], each["outcome"]) for each in lines] == [
        ("secret", "spine1", "ok"),
        ("change", "spine1", "changed"),
        ("change", "leaf1", "failed"),
        ("change", "leaf2", "not run"),
    ]
    assert lines[1]["diff"] == "+ router bgp 1\n+  neighbor eth1 password <removed>\n  x"
    assert lines[1]["result"] == "[1]"
    assert lines[2]["error"] == "out of paper"
    assert lines[3]["error"] == "leaf1 failed in wave 2"
    assert all(each["lab"] == "f" and each["who"] and each["time"] for each in lines)
    assert "hunter2" not in path.read_text()


def test_a_long_result_is_cut_and_says_so(nornir: Nornir, tmp_path: Path) -> None:
    """The log stays readable."""
    nornir.with_processors([Audit(tmp_path / "a")]).run(lambda task: "x" * (LONGEST + 1), name="long")

    result = json.loads((tmp_path / "a").read_text().splitlines()[0])["result"]
    assert result.endswith(f"x... ({LONGEST + 1} characters)")


def many(path: Path, who: int) -> None:
    """Write a hundred long lines."""
    for number in range(100):
        append(path, json.dumps([who, number, "x" * 10_000]).encode())


def test_two_write_one_log(tmp_path: Path) -> None:
    """No line is lost, none is within another; each writer's stand in its order."""
    path = tmp_path / "audit.jsonl"
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(many, [path, path], [1, 2]))

    found = [json.loads(line)[:2] for line in path.read_text().splitlines()]
    assert len(found) == 200
    assert [number for who, number in found if who == 1] == list(range(100))


def test_a_line_cut_short_by_a_kill_spoils_no_other(tmp_path: Path) -> None:
    """What follows begins a line of its own; what is there stays."""
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"time":"2026')

    append(path, b"{}")

    assert path.read_text() == '{"time":"2026\n{}\n'


def test_a_log_that_cannot_be_written_is_a_mistake(tmp_path: Path) -> None:
    """Before anything is changed unrecorded."""
    (tmp_path / "file").touch()

    with pytest.raises(Mistake, match="cannot keep audit log in"):
        append(tmp_path / "file" / "audit.jsonl", b"{}")


def test_hosts_are_counted_by_outcome(nornir: Nornir) -> None:
    """In a registry of the caller's."""
    registry = CollectorRegistry()

    nornir.with_processors([Metrics(registry)]).run(change)

    def count(outcome: str) -> float | None:
        return registry.get_sample_value("closlab_automation_hosts_total", {"task": "change", "outcome": outcome})

    assert (count("changed"), count("failed"), count("not_run"), count("ok")) == (1, 1, 1, None)
    assert registry.get_sample_value("closlab_automation_host_seconds_count", {"task": "change"}) == 2


class Recorded(NonRecordingSpan):
    """A span that keeps what it is told."""

    def __init__(self, name: str, parent: "Recorded | None", attributes: Mapping[str, Any] | None) -> None:
        super().__init__(SpanContext(1, 1, is_remote=False))
        self.name, self.parent, self.attributes = name, parent, dict(attributes or {})
        self.status, self.thrown, self.ended = "", "", False

    def set_attribute(self, key: str, value: Any) -> None:
        self.attributes[key] = value

    def set_status(self, status: Any, description: str | None = None) -> None:
        self.status = f"{status.status_code.name} {status.description}"

    def record_exception(self, exception: BaseException, *more: Any, **others: Any) -> None:
        self.thrown = str(exception)

    def end(self, end_time: int | None = None) -> None:
        self.ended = True


class Recorder(Tracer, TracerProvider):
    """Keeps all spans."""

    def __init__(self) -> None:
        self.spans: list[Recorded] = []

    def get_tracer(self, *names: Any, **more: Any) -> Tracer:
        return self

    def start_span(self, name: str, context: Any = None, *more: Any, attributes: Any = None, **others: Any) -> Span:
        above = trace.get_current_span(context) if context is not None else None
        self.spans.append(Recorded(name, above if isinstance(above, Recorded) else None, attributes))
        return self.spans[-1]

    @contextmanager
    def start_as_current_span(self, *args: Any, **more: Any) -> Iterator[Span]:  # type: ignore[override]  # nobody asks
        raise NotImplementedError
        yield


def test_spans_are_nested_as_tasks_are(nornir: Nornir) -> None:
    """Run, host, subtask; failures carry their words, and all end."""
    recorder = Recorder()

    nornir.with_processors([Traces(recorder)]).run(change)

    run, spine, part, leaf = recorder.spans
    assert [(each.name, each.parent) for each in recorder.spans] == [
        ("change", None), ("change", run), ("secret", spine), ("change", run),
    ]  # fmt: skip
    assert (spine.attributes, part.attributes["host"]) == ({"host": "spine1", "changed": True}, "spine1")
    assert (leaf.thrown, leaf.status) == ("out of paper", "ERROR out of paper")
    assert run.attributes == {"hosts": 3, "failed_hosts": ["leaf1"], "not_run": ["leaf2"]}
    assert run.status == "ERROR not all hosts are done"
    assert all(each.ended for each in recorder.spans)


def test_without_opentelemetry_traces_are_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything else works without it."""
    monkeypatch.setitem(sys.modules, "opentelemetry", None)

    with pytest.raises(Mistake, match="pip install opentelemetry-api"):
        Traces()


def test_progress_is_said_and_drawn(nornir: Nornir) -> None:
    """How many are done, and who failed."""
    said: list[tuple[str, int, int]] = []
    screen = StringIO()
    bars = RichProgress(Console(file=screen, force_terminal=True, width=100))

    with bars:
        nornir.with_processors([Counting(lambda *words: said.append(words)), bars]).run(change)

    assert said == [("change", 1, 3), ("change", 2, 3)]
    assert "leaf1" in screen.getvalue()
    assert "2/3" in screen.getvalue()
