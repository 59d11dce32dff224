"""`closlab run` and `closlab scenarios`: break a fabric on a schedule, and judge whether it came through.

What they work with is imported when they run, so that `--help` is quick.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labs.cli import screen
from labs.cli.completing import complete_scenario
from labs.cli.options import AsJson, RuntimeName, seconds
from topologies.errors import EXIT_CHECK_FAILED, EXIT_FINE, Mistake

if TYPE_CHECKING:
    from labs.chaos.model import Run
    from labs.chaos.scenario import Loaded

OutFolder = Annotated[
    Path | None, typer.Option("-o", "--out", metavar="DIR", help="Write JSON, JUnit and an HTML page there.")
]


def run(
    what: Annotated[
        str,
        typer.Argument(
            metavar="FILE|NAME",
            help="A scenario's file, or one of `closlab scenarios`.",
            autocompletion=complete_scenario,
        ),
    ],
    runtime: RuntimeName = "netns",
    seed: Annotated[int | None, typer.Option(metavar="S", min=0, help="Instead of the scenario's own.")] = None,
    repeat: Annotated[int, typer.Option(metavar="N", min=1, help="Run N times, with seeds S, S+1 and so on.")] = 1,
    red: Annotated[bool, typer.Option("--red", help="Run it as its own proof changes it: fine if it fails.")] = False,
    out: OutFolder = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="Call the lab so instead of as the scenario.")] = "",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the lab up afterwards, to be looked at.")] = False,
    as_json: AsJson = False,
) -> int:
    """Run a scenario: exit code 0 if every expectation holds, 1 if one does not."""
    from labs.chaos.library import found
    from labs.chaos.scenario import load

    if keep and repeat > 1:
        raise Mistake("--keep leaves one lab up; it does not go with --repeat")
    loaded = load(found(what), red=red, name=name)
    runs = _runs(loaded, runtime, seed=seed, repeat=repeat, red=red, keep=keep, quiet=as_json)
    if out is not None:
        _write(runs, out)
    fine = all(each.fine for each in runs)
    if as_json:
        from labs.chaos.report.document import document

        screen.document({"fine": fine, "runs": [document(each) for each in runs]})
    return EXIT_FINE if fine else EXIT_CHECK_FAILED


def soak(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A fabric file.")],
    minutes: Annotated[float, typer.Option(metavar="M", min=0.01, help="How long.")] = 10,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="What faults are drawn by.")] = 1,
    rate: Annotated[int, typer.Option(metavar="N", min=10, max=50_000, help="Probes a second.")] = 1000,
    within: Annotated[
        float, typer.Option(metavar="SECONDS", parser=seconds, help="How long the fabric may take to be as planned.")
    ] = 30,
    runtime: RuntimeName = "netns",
    name: Annotated[str, typer.Option(metavar="NAME", help="Call the lab so instead of as its file says.")] = "",
    out: OutFolder = None,
    as_json: AsJson = False,
) -> int:
    """Break a fabric at random, again and again: 1 as soon as it does not come back to its plan."""
    from labs.chaos.soak import soak as soaked
    from topologies import deploy

    source = deploy.load(file, name=name)
    with screen.progress() as say:
        done = soaked(source, runtime, minutes=minutes, seed=seed, rate=rate, within=within, say=say)
    if out is not None:
        _write([done], out)
    if as_json:
        from labs.chaos.report.document import document

        screen.document({"fine": done.fine, "runs": [document(done)]})
    else:
        _show(done)
    return EXIT_FINE if done.fine else EXIT_CHECK_FAILED


def scenarios(as_json: AsJson = False) -> int:
    """List the scenarios that come with closlab."""
    from labs.chaos.library import library
    from labs.chaos.scenario import load

    rows = [(path.stem, load(path).scenario.about) for path in library()]
    if as_json:
        screen.document({"scenarios": [{"name": name, "about": about} for name, about in rows]})
    else:
        screen.table(("SCENARIO", "ABOUT"), [list(row) for row in rows], wrapped=1)
    return EXIT_FINE


def _runs(
    loaded: "Loaded", runtime: str, *, seed: int | None, repeat: int, red: bool, keep: bool, quiet: bool
) -> "list[Run]":
    from labs.chaos.running import Asked
    from labs.chaos.running import run as run_once

    first, done = loaded.scenario.seed if seed is None else seed, []
    for number in range(first, first + repeat):
        with screen.progress() as say:
            done.append(run_once(loaded, Asked(runtime, number, red, keep), say=say))
        if not quiet:
            _show(done[-1])
    return done


def _show(run: "Run") -> None:
    """One run on the terminal."""
    for verdict in run.verdicts:
        sign, rest = ("ok ", verdict.measured) if verdict.holds else ("NOT", verdict.why)
        screen.result(f"  {sign}  {verdict.expectation}: {rest}")
    for word in run.recording.missed:
        screen.remark(f"warning: not followed: {word}")
    late = run.recording.probes.fidelity
    if late.unsent or late.late_p99 > late.interval:
        screen.remark(f"warning: the prober was late ({late.late_p99 * 1000:.1f} ms, {late.unsent} probes skipped)")
    failed = sum(not each.holds for each in run.verdicts)
    if run.red:
        words = (
            "failed, as its proof must" if run.fine else "did not fail by an expectation of its own, as its proof must"
        )
        screen.verdict(f"{run.scenario} {words}, seed {run.seed}", good=run.fine)
        return
    words = f"{failed} of {len(run.verdicts)} expectations failed" if failed else "passed"
    screen.verdict(f"{run.scenario}: {words}, seed {run.seed}", good=not failed)
    if failed:
        screen.result(f"  again: {run.again}")


def _write(runs: "list[Run]", folder: Path) -> None:
    """The reports of all runs; raises Mistake where the folder cannot be written."""
    import msgspec

    from labs.chaos.report.document import document
    from labs.chaos.report.junit import junit
    from labs.chaos.report.page import page

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for each in runs:
            name = f"{each.scenario}-{each.seed}{'-red' if each.red else ''}"
            text = msgspec.json.format(msgspec.json.encode({"version": 1, **document(each)}), indent=1)
            (folder / f"{name}.json").write_bytes(text)
            (folder / f"{name}.html").write_text(page(each))
        (folder / f"{runs[0].scenario}.junit.xml").write_text(junit(runs))
    except OSError as error:
        raise Mistake(f"cannot write into {folder}: {error.strerror}") from error
