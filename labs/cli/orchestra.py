"""Nornir over nodes of the lab that the user means."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from napalm_frr.lab import labs
from nornir.core import Nornir
from nornir.core.configuration import Config
from nornir.core.inventory import ConnectionOptions, Defaults, Groups, Host, Hosts, Inventory
from nornir.core.plugins.connections import ConnectionPluginRegister
from nornir.plugins.runners import SerialRunner, ThreadedRunner

from labs.cli.chosen import chosen
from topologies.runtime.model import LabRecord

DRIVER, CONNECTION = "frr", "napalm"
AT_ONCE = 8  # nodes


@contextmanager
def orchestra(lab: str, names: Sequence[str] = (), *, threads: bool = False) -> Iterator[tuple[LabRecord, Nornir]]:
    """These nodes, or all that route; with `threads`, several at once.

    The folder of the labs is found first, and a rootless lab joined before there are threads: whoever has joined one is
    another user, and threads cannot join.
    """
    at = labs(os.environ.get("CLOSLAB_STATE"))
    record = chosen(lab, at=at)
    routers = names or [node.name for node in record.lab.nodes if node.daemons]
    ConnectionPluginRegister.auto_register()
    logging.getLogger("nornir").addHandler(logging.NullHandler())  # what fails is raised, and said once
    hosts = Hosts({name: _host(record.name, name) for name in routers})
    runner = ThreadedRunner(AT_ONCE) if threads else SerialRunner()
    with Nornir(Inventory(hosts, Groups(), Defaults()), config=Config(), runner=runner) as nornir:
        yield record, nornir


def _host(lab: str, name: str) -> Host:
    options = ConnectionOptions(platform=DRIVER, extras={"optional_args": {"lab": lab}})
    return Host(name, hostname=name, connection_options={CONNECTION: options})
