"""Result files: one JSON file per suite and case, so that an interrupted measurement goes on where it was."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tests.bench.measure import Results


def path(folder: Path, suite: str, case: str) -> Path:
    """Where the results of a case are."""
    return folder / f"{suite}-{case}.json"


def save(folder: Path, results: Results) -> None:
    """Write a result file, readable in a diff."""
    folder.mkdir(parents=True, exist_ok=True)
    data = msgspec.json.format(msgspec.json.encode(results), indent=1)
    path(folder, results.suite, results.case).write_bytes(data + b"\n")


def read(file: Path) -> Results:
    """One result file."""
    return msgspec.json.decode(file.read_bytes(), type=Results)


def load(folder: Path, suite: str = "*") -> list[Results]:
    """All results of a suite (or of all), smallest fabric first."""
    found = [read(file) for file in sorted(folder.glob(f"{suite}-*.json"))]
    return sorted(found, key=lambda each: (each.suite, each.series[0].nodes if each.series else 0))


def now() -> str:
    """The time, as result files have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
