"""Tables and figures as Markdown has them. Pure."""

from collections.abc import Iterable, Sequence
from statistics import median


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def ranged(values: Sequence[float], digits: int, unit: float = 1) -> str:
    """The median and, where there are several values, the least and the largest, in such a unit; "" of none."""
    if not values:
        return ""
    shown = [f"{value / unit:,.{digits}f}" for value in (median(values), min(values), max(values))]
    return shown[0] + (f" ({shown[1]}-{shown[2]})" if len(values) > 1 else "")
