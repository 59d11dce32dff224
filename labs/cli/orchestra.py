"""Nornir over routers of the lab that the user means."""

import os
from collections.abc import Sequence

from napalm_frr.lab import labs
from nornir.core import Nornir
from nornir.plugins.runners import SerialRunner

from automation.orchestra import routers
from labs.cli.chosen import chosen
from topologies.runtime.model import LabRecord


def orchestra(lab: str, names: Sequence[str] = (), *, threads: bool = False) -> tuple[LabRecord, Nornir]:
    """These routers, or all; with `threads`, several at once, else in this thread, which is the one that a signal ends.

    The folder of the labs is found before a rootless lab is joined: whoever has joined one is another user.
    """
    record = chosen(lab, at=labs(os.environ.get("CLOSLAB_STATE")))
    nornir = routers(record, names)
    return record, nornir if threads else nornir.with_runner(SerialRunner())
