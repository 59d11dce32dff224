"""The options and arguments that several commands share."""

import math
from pathlib import Path
from typing import Annotated

import typer

from labs.cli.completing import complete_end, complete_lab, complete_node, complete_runtime


def seconds(text: str) -> float:
    """A time that the user gave; raises BadParameter for what is none."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise typer.BadParameter(f"{text!r} is no number of seconds, 0 or more")
    return value


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
