"""The options and arguments that several commands share."""

import math
import re
from pathlib import Path
from typing import Annotated

import typer

from labs.cli.completing import complete_end, complete_lab, complete_node, complete_runtime
from topologies.errors import Mistake

UNITS = {"": 1, "B": 1} | {
    f"{prefix}{end}": base**power for power, prefix in enumerate("KMGT", 1) for base, end in ((1000, "B"), (1024, "iB"))
}
LARGEST_SIZE = 2**60  # bytes


def seconds(text: str) -> float:
    """A time that the user gave; raises BadParameter for what is none."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise typer.BadParameter(f"{text!r} is no number of seconds, 0 or more")
    return value


def count_of_bytes(text: str, place: str) -> int:
    """A size that the user gave, such as 4096, 512MB (10^6) or 1GiB (2^30); raises Mistake for what is none."""
    found = re.fullmatch(r"([0-9]{1,18}) ?([A-Za-z]*)", text)
    size = int(found[1]) * UNITS.get(found[2], 0) if found else 0
    if not 0 < size <= LARGEST_SIZE:
        raise Mistake(f"{place}: {text!r} is no size; such as 4096, 512MB or 1GiB, more than 0 and at most 2^60 bytes")
    return size


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON; docs/json.md says what is in it.")]
LabName = Annotated[
    str,
    typer.Option("--lab", metavar="NAME", help="Which lab, where several are there.", autocompletion=complete_lab),
]
NodeName = Annotated[str, typer.Argument(metavar="NODE", help="A node's name.", autocompletion=complete_node)]
OneLab = Annotated[
    str, typer.Argument(metavar="[NAME]", help="Which lab, where several are there.", autocompletion=complete_lab)
]
RuntimeName = Annotated[
    str, typer.Option("--runtime", metavar="NAME", help="netns or containerlab.", autocompletion=complete_runtime)
]
LinkEnd = Annotated[
    str,
    typer.Argument(metavar="NODE:IF", help="An end of a cable, such as leaf1:eth1.", autocompletion=complete_end),
]
TopologyFile = Annotated[Path, typer.Argument(metavar="FILE", help="A fabric file or a containerlab file.")]
