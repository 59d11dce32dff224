"""GoBGPDriver: asks by the client, and has the pure module put the answers into NAPALM's shapes.

GoBGP knows BGP and nothing of the machine that it runs on, and its API neither shows nor takes a whole configuration.
What NAPALM has beyond that raises NotImplementedError.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from napalm.base import NetworkDriver, models
from napalm.base.exceptions import CommandErrorException, ConnectionClosedException, ConnectionException

from napalm_gobgp import getters
from napalm_gobgp.client import Client
from napalm_gobgp.transport import Target, connect
from topologies.errors import ClosError

T = TypeVar("T")


class GoBGPDriver(NetworkDriver):
    """A GoBGP speaker: a node of a running lab (optional argument `lab`), a unix socket, or any address."""

    platform = "gobgp"

    def __init__(
        self,
        hostname: str,
        username: str,
        password: str,
        timeout: int = 60,
        optional_args: dict[str, Any] | None = None,
    ) -> None:
        self.hostname = hostname
        self.username = username
        self.password = password
        self.timeout = timeout
        self._options = dict(optional_args or {})
        self._client: Client | None = None

    def open(self) -> None:
        """Connect, and find out which API the speaker has. Raises ConnectionException."""
        try:
            self._client = connect(Target(self.hostname, self.timeout, self._options))
        except (ClosError, OSError) as error:
            raise ConnectionException(f"{self.hostname}: {error}") from error

    def close(self) -> None:
        """Disconnect; fine when done twice."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def is_alive(self) -> models.AliveDict:
        """Whether the speaker still answers."""
        try:
            return {"is_alive": self._client is not None and bool(self._client.speaker().router_id)}
        except ClosError:
            return {"is_alive": False}

    def get_facts(self) -> models.FactsDict:
        """What the speaker is called, and the version of its API; it tells neither its own nor its machine's facts."""
        return getters.facts(self._ask(Client.speaker), self.hostname)

    def get_bgp_neighbors(self) -> dict[str, models.BGPStateNeighborsPerVRFDict]:
        """Sessions of the default VRF with their prefix counts; uptime by this machine's clock."""
        return getters.neighbors(self._ask(Client.speaker), self._ask(Client.neighbors), self._now())

    def get_bgp_neighbors_detail(self, neighbor_address: str = "") -> getters.Details:  # type: ignore[override]  # NAPALM's annotation lacks a level
        """Sessions by ASN; -1 for what GoBGP does not count."""
        return getters.details(self._ask(Client.speaker), self._ask(Client.neighbors), neighbor_address)

    def get_bgp_config(self, group: str = "", neighbor: str = "") -> dict[str, models.BGPConfigGroupDict]:  # type: ignore[override]  # as above
        """Peer-groups and neighbours as configured."""
        return getters.config(self._ask(Client.speaker), self._ask(Client.neighbors), group, neighbor)

    def get_route_to(  # type: ignore[override]  # as above
        self, destination: str = "", protocol: str = "", longer: bool = False
    ) -> dict[str, list[models.RouteDict]]:
        """Paths of the global table, one entry each; for an address, those to the longest prefix that holds it.

        Raises ValueError for no address or prefix.
        """
        if protocol.lower() not in ("", getters.BGP):
            return {}
        having = self._ask(lambda client: client.paths(self._prefix(destination), longer=longer))
        return getters.routes(self._ask(Client.speaker), having, self._now())

    def _now(self) -> float:
        """The time, in seconds since the epoch."""
        return time.time()

    def _prefix(self, destination: str) -> str:
        """The prefix to ask for: GoBGP's table is asked for exact ones."""
        everything = "::/0" if ":" in destination else "0.0.0.0/0"
        if not getters.is_address(destination):
            return getters.network(destination)
        having = self._ask(lambda client: client.paths(everything, longer=True))
        return getters.covering(destination, having) or getters.network(destination)

    def _ask(self, question: Callable[[Client], T]) -> T:
        """What the speaker answers. Raises CommandErrorException, or ConnectionClosedException where it is not open."""
        if self._client is None:
            raise ConnectionClosedException(f"{self.hostname}: not open")
        try:
            return question(self._client)
        except ClosError as error:
            raise CommandErrorException(f"{self.hostname}: {error}") from error
