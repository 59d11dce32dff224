"""A gateway in front of fake servers, for tests of its edges and of the way between."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from gateway.config.model import BackendPart, TimesPart
from gateway.config.settings import settle
from gateway.keys import digest
from gateway.process import Gateway
from gateway.record import Done
from gateway.upstream.fake import FakeAnswer, FakeUpstream
from gateway.upstream.model import Call, Failed

KEY, BATCH = "cgk-one", "cgk-two"
FILE = f"""
rack: r1
show_backend: true
models:
  m:
    aliases: [gpt-x]
    price: {{prompt: 1, answer: 2}}
    backends:
      - {{url: "http://a", rack: r1}}
      - {{url: "http://b", rack: r2}}
  other:
    backends: [{{url: "http://c", rack: r1, key: "env:SECRET"}}]
tenants:
  one: {{}}
  two: {{priority: batch, models: [m]}}
keys:
  - {{tenant: one, sha256: {digest(KEY.encode()).hex()}}}
  - {{tenant: two, sha256: {digest(BATCH.encode()).hex()}}}
"""
CHAT = b'{"id":"x","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7}}'

Does = Callable[[Call], FakeAnswer | Failed | asyncio.Event]


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a test that waits, for ten seconds at most."""

    async def bounded() -> None:
        async with asyncio.timeout(10):
            await work

    asyncio.run(bounded())


async def until(what: str, so: Callable[[], bool]) -> None:
    """Wait until something is so; the test's own bound ends it."""
    while not so():
        await asyncio.sleep(0.001)
    assert so(), what


class Plain:
    """A gateway, its servers by name (`does` says what each does), and the records of what is over."""

    def __init__(self, text: str = FILE) -> None:
        self.does: dict[str, Does] = {}
        self.upstreams: dict[str, FakeUpstream] = {}
        self.done: list[Done] = []
        self.gateway = Gateway.of(settle(text, "g.yml"), self._open, lambda named: f"key of {named}", self.clock)
        self.gateway.sinks.append(self.done.append)

    def clock(self) -> float:
        """The running loop's."""
        return asyncio.get_running_loop().time()

    def __getitem__(self, name: str) -> FakeUpstream:
        """A server."""
        return self.upstreams[name]

    @property
    def idle(self) -> bool:
        """Whether nothing is held any more: at the door, at a backend, of a tenant."""
        core = self.gateway.core
        backends = [each.in_flight for _, _, found in core.standings(self.clock()) for each in found]
        tenants = [core.tenant(name) for name in self.gateway.settings.setup.tenants]
        calls = [each.open for each in self.upstreams.values()]
        held = [each.client.under_way for _, each in self.gateway.reaches.items()]
        return not (core.door.inside or any(backends + calls + held) or any(each.running for each in tenants if each))

    def _open(self, part: BackendPart, _times: TimesPart) -> FakeUpstream:
        name = part.url.removeprefix("http://")

        def does(call: Call) -> FakeAnswer | Failed | asyncio.Event:
            return self.does.get(name, lambda _: FakeAnswer([CHAT]))(call)

        return self.upstreams.setdefault(name, FakeUpstream(does))
