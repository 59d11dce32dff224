"""`closlab what-if`: what a failure would cost a job on a fabric, on paper."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec.structs import replace

from labs.cli import screen
from labs.cli.automation_commands import equip
from labs.cli.options import AsJson
from topologies.errors import EXIT_FINE, Mistake

if TYPE_CHECKING:
    from labs.traffic.flows.failing import Ints
    from labs.traffic.flows.what_if import Job, Loss, Outcome
    from topologies.model import Fabric
