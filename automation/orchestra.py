"""Nornir over the routers of a running lab, made without looking for plugins: a command has no time for that."""

import logging
from collections.abc import Collection

from nornir.core import Nornir
from nornir.core.configuration import Config
from nornir.core.inventory import Inventory
from nornir.core.plugins.connections import ConnectionPluginRegister
from nornir.core.plugins.runners import RunnerPlugin
from nornir.core.state import GlobalState
from nornir.plugins.runners import ThreadedRunner
from nornir_napalm.plugins.connections import Napalm

from automation.inventory.plugin import SSH, inventory, of_record
from topologies.errors import Mistake
from topologies.render.inventory import FRR, NAPALM
from topologies.runtime.model import LabRecord

WORKERS = 16  # threads: what they do waits for routers, or for this process's lock
PATIENCE = 60.0  # seconds for one answer of a router


def routers(record: LabRecord, wanted: Collection[str] = (), *, timeout: float = PATIENCE) -> Nornir:
    """Nornir with those routers of a lab, or with all; raises Mistake for a node that is none."""
    whole = inventory(of_record(record), {"port": SSH}, timeout)
    known = [host.name for host in whole.hosts.values() if host.platform == FRR]
    for name in wanted:
        if name not in whole.hosts:
            raise Mistake(f"lab {record.name}: no node {name!r}; there are {', '.join(sorted(whole.hosts))}")
        if name not in known:
            raise Mistake(f"lab {record.name}: {name} is no router; there are {', '.join(sorted(known))}")
    chosen = set(wanted) or set(known)
    return only(_nornir(whole, ThreadedRunner(WORKERS)), chosen)


def only(nornir: Nornir, names: Collection[str]) -> Nornir:
    """Nornir with those of its hosts."""
    return nornir.filter(filter_func=lambda host: host.name in names)


def _nornir(hosts: Inventory, runner: RunnerPlugin) -> Nornir:
    if NAPALM not in ConnectionPluginRegister.available:
        ConnectionPluginRegister.register(NAPALM, Napalm)
        logging.getLogger("nornir").addHandler(logging.NullHandler())  # failures are in the results, with their words
    return Nornir(inventory=hosts, runner=runner, config=Config(), data=GlobalState())
