"""A run as JSON: everything that was asked and seen, and the verdicts. docs/json.md has the keys. Pure."""

from typing import Any

from msgspec import to_builtins
from msgspec.structs import astuple

from labs.chaos.model import Outage, Run


def document(run: Run) -> dict[str, Any]:
    """The run for JSON."""
    recording, log = run.recording, run.recording.probes
    numbers = {flow: number for number, flow in enumerate(log.flows)}
    return {
        "scenario": run.scenario,
        "about": run.about,
        "file": run.path,
        "seed": run.seed,
        "red": run.red,
        "runtime": run.runtime,
        "began": run.began,
        "versions": dict(run.versions),
        "fabric": run.fabric_text,
        "phases": {name: round(value, 3) for name, value in run.phases.items()},
        "fine": run.fine,
        "verdicts": to_builtins(run.verdicts),
        "episodes": to_builtins(recording.episodes),
        "events": to_builtins(recording.events),
        "differences": to_builtins(recording.differences),
        "ended": round(recording.ended, 6),
        "missed": list(recording.missed),
        "moves": to_builtins(recording.moves),
        "counted": to_builtins(recording.counted),
        "traffic": to_builtins(recording.traffic),
        "requests": to_builtins(recording.requests),
        "probes": {
            "fidelity": to_builtins(log.fidelity),
            "sent": sum(each.sent for each in log.bins),
            "lost": sum(each.lost for each in log.bins),
            "flows": to_builtins(log.flows),
            "outages": [_outage(each, numbers[each.flow]) for each in log.outages],
            "width": log.width,
            "bins": [list(astuple(each)) for each in log.bins],
        },
    }


def _outage(outage: Outage, flow: int) -> dict[str, float | int | None]:
    return {"flow": flow, "begun": outage.begun, "ended": outage.ended, "lost": outage.lost}
