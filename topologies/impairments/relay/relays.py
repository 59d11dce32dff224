"""The relays of a network: begun, found, let end."""

import os
import signal

from topologies.errors import Fault
from topologies.impairments.model import Impairment
from topologies.impairments.relay import worker
from topologies.impairments.relay.model import Relay, relay_of
from topologies.runtime import identity
from topologies.runtime.netlink import Netlink


def begin(netns: str, interface: str, wanted: Impairment, holder: int) -> str:
    """A relay that waits for packets, and ends with the process `holder`; returns its tap's name. Raises Fault.

    It is nobody's child: the process between ends at once, so that whoever asks need not wait for it.
    """
    reader, writer = os.pipe()
    between = os.fork()
    if between == 0:
        try:
            if os.fork() == 0:
                worker.live(netns, holder, interface, wanted, writer)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        os.waitpid(between, 0)
        told = answer.read()
    if not told.startswith(worker.FINE):
        why = told.removeprefix(worker.FAILED) or "its process ended without a word"
        raise Fault(f"a relay for what leaves by {interface}: {why}")
    return told.removeprefix(worker.FINE)


def found(netns: str) -> list[Relay]:
    """Those that are at work in a network, which is all that there are: a tap is gone as its process is."""
    with Netlink.open(netns) as kernel:
        named = [relay_of(link.name, link.alias) for link in kernel.links() if link.alias]
    return [each for each in named if each is not None]


def end(relay: Relay) -> None:
    """Let one end as soon as nothing waits there; fine when it is gone."""
    identity.ask(relay.process, signal.SIGTERM)
