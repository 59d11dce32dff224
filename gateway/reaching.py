"""How each backend is reached: one client a server, whichever models it serves, kept as long as anything uses it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.config.model import BackendPart, TimesPart, TlsPart
from gateway.upstream.model import Headers, Upstream

Opener = Callable[[BackendPart, TimesPart], Upstream]
Same = tuple[str, str, TlsPart, TimesPart]
Secret = Callable[[str], str]


@dataclass(slots=True, eq=False)
class _Client:
    """A client, how many requests are on it, and whether new ones may come."""

    upstream: Upstream
    under_way: int = 0
    wanted: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Reach:
    """The way to one backend, and what is sent along to be let in there."""

    client: _Client
    part: BackendPart
    headers: Headers

    @property
    def upstream(self) -> Upstream:
        """Whom to ask."""
        return self.client.upstream


@dataclass(slots=True)
class Reaches:
    """All of them. `open` makes a client, `secret` reads what `env:NAME` or `file:PATH` names."""

    open: Opener
    secret: Secret
    _all: dict[tuple[str, str], Reach] = field(default_factory=dict)
    _clients: dict[Same, _Client] = field(default_factory=dict)
    _closing: set[asyncio.Task[None]] = field(default_factory=set)

    def find(self, model: str, backend: str) -> Reach | None:
        """The way to a backend of a model; None where it is no longer configured."""
        return self._all.get((model, backend))

    def items(self) -> list[tuple[tuple[str, str], Reach]]:
        """Each with its model and name."""
        return list(self._all.items())

    def change(self, backends: Mapping[str, Mapping[str, BackendPart]], times: TimesPart) -> None:
        """Others from now on; those that go finish what is under way. Where it raises nothing has changed."""
        clients: dict[Same, _Client] = {}
        found: dict[tuple[str, str], Reach] = {}
        for model, parts in backends.items():
            for name, part in parts.items():
                same = (part.url, part.client, part.tls, times)
                if same not in clients:
                    clients[same] = self._clients.get(same) or _Client(self.open(part, times))
                headers = ((b"authorization", f"Bearer {self.secret(part.key)}".encode()),) if part.key else ()
                found[model, name] = Reach(clients[same], part, headers)
        gone = [client for same, client in self._clients.items() if same not in clients]
        self._all, self._clients = found, clients
        for client in gone:
            client.wanted = False
            self._let_go(client)

    def took(self, reach: Reach) -> None:
        """A request goes that way."""
        reach.client.under_way += 1

    def left(self, reach: Reach) -> None:
        """It is through."""
        reach.client.under_way -= 1
        self._let_go(reach.client)

    async def close(self) -> None:
        """Cut off everything."""
        for client in self._clients.values():
            await client.upstream.close()
        if self._closing:
            await asyncio.wait(self._closing)

    def _let_go(self, client: _Client) -> None:
        """Close a client that nobody needs any more."""
        if not client.wanted and not client.under_way:
            task = asyncio.get_running_loop().create_task(client.upstream.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
