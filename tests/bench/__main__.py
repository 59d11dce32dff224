"""`python -m tests.bench`: measure, and write the figures as JSON, tables and a plot."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.bench import engine, gateways, munet, report
from tests.bench.machine import described
from tests.bench.ours import ROOT, Bench
from tests.bench.suites import COMPARED, CONTAINERLAB, MUNET, OWN_CONTAINERLAB, jobs, measure

WHOLE_COMMANDS = ("start", "up", "third-party", "variants", "growth", "automation", "outage", "ztp")
SUITES = (*WHOLE_COMMANDS, "wire", "ecmp", "dcqcn", "flows", "gateway", "gateway-long", "overload")


def main(argv: Sequence[str]) -> int:
    """Measure what the command line asks for; returns the exit code."""
    asked = _asked(argv)
    suites = SUITES if asked.suite == "all" else () if asked.suite == "report" else (asked.suite,)
    wanted = [job for suite in suites for job in jobs(suite, asked.cases, asked.peers)]
    peers = {peer for job in wanted for peer, _ in job.turns}
    with ExitStack() as stack:
        docker, versions = engine.Engine({}), dict[str, str]()
        if peers & {CONTAINERLAB, OWN_CONTAINERLAB}:
            docker = stack.enter_context(engine.engine())
            versions |= engine.versions(docker.env)
        if MUNET in peers:
            munet.install()
            versions["munet"] = munet.VERSION
        if gateways.LITELLM in peers:
            versions["litellm"] = gateways.install()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="closlab-bench.", dir="/tmp")))
        bench = Bench(folder, asked.prefix, dict(docker.env), docker.again)
        measure(wanted, asked.runs, bench, described(versions), asked.output, keep=asked.keep, tell=_tell)
    report.write(asked.output)
    return 0


def _asked(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("suite", nargs="?", default="all", choices=("all", "report", *SUITES))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cases", type=_names, default=(), help="such as 2x4,4x16; else those of the suite")
    parser.add_argument("--peers", type=_names, default=COMPARED, help=", ".join(COMPARED))
    parser.add_argument("--keep", action="store_true", help="leave results that are there already, go on with the rest")
    parser.add_argument("--prefix", default="bench", help="what names of labs begin with")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "performance")
    return parser.parse_args(argv)


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
