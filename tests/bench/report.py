"""From result files to the tables in docs/performance.md, between its markers, and to the plots."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.bench import results
from tests.bench.cases import PLAIN
from tests.bench.measure import Results
from tests.bench.overload import curve
from tests.bench.plot import chart
from tests.bench.tables import OURS, TABLES, floors


def write(folder: Path) -> None:
    """Bring the page beside the folder up to its results, where there is one, and draw the plots."""
    made = {name: made for name, (suite, make) in TABLES.items() if (made := _made(results.load(folder, suite), make))}
    page = folder.with_suffix(".md")
    if page.exists():
        page.write_text(filled(page.read_text(), made))
    for suite, draw in PLOTS.items():
        if found := results.load(folder, suite):
            (folder / f"{suite}.svg").write_text(draw(found))


def _made(found: Sequence[Results], make: Callable[[Sequence[Results]], str]) -> str:
    return make(found) if found else ""


def filled(page: str, tables: Mapping[str, str]) -> str:
    """The page with each table between `<!-- table NAME -->` and `<!-- end -->`; the others stay. Pure."""

    def renewed(found: re.Match[str]) -> str:
        name, former = found[1], found[2]
        return f"<!-- table {name} -->\n{tables.get(name, former.strip())}\n<!-- end -->"

    return re.sub(r"<!-- table ([\w-]+) -->\n(.*?)<!-- end -->", renewed, page, flags=re.DOTALL)


def plot(found: Sequence[Results]) -> str:
    """Time over the number of routers, with the floor and the removal. Pure."""
    every = [(each, result.machine) for result in found if (each := result.of(OURS, PLAIN))]
    lines = {
        "up": [(each.nodes, each.up) for each, _ in every],
        "its floor": [(each.nodes, sum(floors(each, machine.cores))) for each, machine in every],
        "down": [(each.nodes, each.down) for each, _ in every],
    }
    return chart("From file to converged and checked", "routers", "seconds", lines)


PLOTS: Mapping[str, Callable[[Sequence[Results]], str]] = {"growth": plot, "overload": curve}
