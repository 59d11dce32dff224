"""The routing-daemon seam: what a node's routing software is given to read, what is started, where it answers."""

from typing import Protocol

from topologies.errors import Mistake
from topologies.lab import Daemon, File
from topologies.render.frr import Frr
from topologies.render.gobgp import GoBgp
from topologies.render.policy import Router


class Routing(Protocol):
    """One routing suite. A `Router` says what is wanted; this says it in the suite's own words."""

    name: str

    def files(self, router: Router) -> tuple[File, ...]:
        """What must be in the node before anything starts."""

    def daemons(self, router: Router) -> tuple[Daemon, ...]:
        """The programs of the suite, in the order in which they are started."""

    def vty(self, daemon: str) -> str:
        """Path of the unix socket in the node on which a daemon answers questions, each suite's in its own language."""


ROUTING: dict[str, Routing] = {"frr": Frr(), "gobgp": GoBgp()}


def routing(name: str) -> Routing:
    """The routing suite of that name. Raises Mistake with the known ones."""
    try:
        return ROUTING[name]
    except KeyError:
        raise Mistake(f"no routing suite {name!r}; there are {', '.join(sorted(ROUTING))}") from None
