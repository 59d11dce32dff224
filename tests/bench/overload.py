"""A server of models that is asked for up to five times of what it can do: how much of that is still done, and in time.

Clients come by chance, in an open loop, and give up after a second. The server works on what it was asked in order,
whether or not anybody still waits; nginx passes all of it on, so what clients have given up is in the way of the rest.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from tests.bench.cases import Case
from tests.bench.gateways import KEY, NGINX, OURS, STARTS, cores, free, listening
from tests.bench.machine import taken
from tests.bench.markdown import ranged, table
from tests.bench.measure import Results, Run
from tests.bench.ours import CLOSLAB, ROOT, Bench
from tests.bench.plot import chart
from topologies import process

SLOTS, SERVICE = 20, 0.1
CAPACITY = SLOTS / SERVICE  # a second
OVERLOAD = Case(0, 0, "one-server")
PATIENCE, SECONDS = 1.0, 10.0
TIMES: Mapping[str, float] = {f"{each:g}x": each for each in (0.5, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0)}
PEERS: Mapping[str, str] = {"behind the gateway": OURS, "behind nginx": NGINX}


@dataclass(frozen=True, slots=True)
class Overloaded:
    """What is between the clients and the server."""

    peer: str

    def run(self, bench: Bench, case: Case, variant: str) -> Run:
        """One run; a failed one says why, and leaves nothing."""

        def figures() -> dict[str, float]:
            with ExitStack() as stack:
                load, own = cores(together=False)
                server, port = free(), free()
                words = [sys.executable, "-m", "tests.bench.busy_server", str(server), str(SLOTS), str(SERVICE)]
                stack.enter_context(listening(load, words, {"PYTHONPATH": str(ROOT)}, server, bench.folder))
                argv, env = STARTS[PEERS[self.peer]](bench.folder, port, server, variant)
                stack.enter_context(listening(own, argv, env, port, bench.folder))
                return _loaded(port, TIMES[variant] * CAPACITY, load)

        return taken(figures)


def _loaded(port: int, rate: float, load: str) -> dict[str, float]:
    words = ["--rate", f"{rate:g}", "--seconds", f"{SECONDS:g}", "--patience", f"{PATIENCE:g}", "--key", "env:KEY"]
    command = ["taskset", "-c", load, *CLOSLAB, "load", f"http://127.0.0.1:{port}/v1", *words, "--json"]
    done = process.run(command, env={"PYTHONPATH": str(ROOT), "KEY": KEY}, timeout=120, check=False)
    found = json.loads(done.stdout)
    took, late = found["took"], found["lateness"]
    return {
        "offered": found["offered"] / CAPACITY,
        "goodput": found["goodput"] / CAPACITY,
        "p50 ms": took["p50"] * 1000,
        "p99 ms": took["p99"] * 1000,
        "late ms": late["p99"] * 1000,
    }


def overload(found: Sequence[Results]) -> str:
    """How much of what the server can do is done in time, by what it is asked for."""
    rows = []
    for variant in TIMES:
        for peer in PEERS:
            for one in (one for result in found for one in result.series):
                if (one.variant, one.peer) == (variant, peer) and one.good:
                    digits = (("goodput", 2), ("p50 ms", 0), ("p99 ms", 0), ("late ms", 1))
                    rows.append((variant, peer, *(ranged(one.figures(name), places) for name, places in digits)))
    return table(("asked for", "", "done in time", "p50, ms", "p99, ms", "sent late, p99, ms"), rows)


def curve(found: Sequence[Results]) -> str:
    """The same as a picture."""
    lines = {
        peer.removeprefix("behind ").removeprefix("the "): [
            (TIMES[one.variant] * 100, one.figure("goodput") * 100)
            for result in found
            for one in result.series
            if one.peer == peer and one.good
        ]
        for peer in PEERS
    }
    return chart("Overload", "asked for, % of what the server can do", "done within a second, %", lines)
