"""The seam between the driver and a router: four verbs, and the ways of reaching one.

Which way is taken, the optional arguments say: `lab` names a running lab of closlab, `recorded` a folder of answers;
else it is SSH. Arguments that a way does not know are passed over, for inventories carry those of other drivers too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from topologies.process import Finished

OTHERWISE = "ssh"


@dataclass(frozen=True, slots=True)
class Target:
    """Which router, and what NAPALM was told about it. `timeout` is in seconds, for one answer."""

    hostname: str
    username: str
    password: str
    timeout: float
    options: Mapping[str, Any]


class Transport(Protocol):
    """An open way to a router. Raises CommandErrorException where it was asked something that failed.

    A timeout is in seconds; the target's own where it is None.
    """

    def ask(self, daemon: str, command: str, *, timeout: float | None = None) -> str:
        """What a daemon answers to a command."""

    def run(
        self, argv: Sequence[str], *, input: str | None = None, check: bool = True, timeout: float | None = None
    ) -> Finished:
        """Run a program there to its end, with an input; with `check`, another exit code than 0 is an error."""

    def daemons(self) -> Sequence[str]:
        """Which daemons of FRR are there; CommandErrorException where none is."""

    def close(self) -> None:
        """Let go of it; fine when done twice."""


def known_to_vtysh(router: Transport) -> Sequence[str]:
    """The daemons that vtysh reaches."""
    return router.run(["vtysh", "-c", "show daemons"]).stdout.split()


def connect(target: Target) -> Transport:
    """Open the way that the optional arguments name. Raises ConnectionException with the place and a cure."""
    return TRANSPORTS[chosen(target.options)](target)


def chosen(options: Mapping[str, Any]) -> str:
    """The name of the way that these optional arguments ask for."""
    return next((name for name in TRANSPORTS if options.get(name)), OTHERWISE)


def _lab(target: Target) -> Transport:
    from napalm_frr.lab import open_lab

    return open_lab(target)


def _recorded(target: Target) -> Transport:
    from napalm_frr.recorded import open_recorded

    return open_recorded(target)


def _ssh(target: Target) -> Transport:
    from napalm_frr.ssh import open_ssh

    return open_ssh(target)


TRANSPORTS: dict[str, Callable[[Target], Transport]] = {"lab": _lab, "recorded": _recorded, "ssh": _ssh}
