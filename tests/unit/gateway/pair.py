"""A gateway before a simulator, both as programs."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from commands import Program, ran, started
from openai import OpenAI

HI = [{"role": "user", "content": "hello"}]


@dataclass
class Pair:
    """A gateway before a simulator."""

    file: Path
    key: str
    gateway: Program
    simulator: Program
    url: str
    admin: str

    def client(self, key: str = "", retries: int = 0) -> OpenAI:
        """The official client of it."""
        return OpenAI(base_url=f"{self.url}/v1", api_key=key or self.key, max_retries=retries)

    @property
    def server(self) -> str:
        """The simulator's URL."""
        return self.simulator.said.split()[-1]

    def told(self, path: str, of: str = "", sent: bytes | None = None) -> tuple[int, str]:
        """What it, or another, says to somebody without a key."""
        try:
            with urlopen(f"{of or self.url}{path}", data=sent, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()


def any_port(file: Path, backend: str) -> None:
    """A file for a gateway that listens on any ports."""
    text = file.read_text().replace("127.0.0.1:8080", "127.0.0.1:0").replace("127.0.0.1:8081", "127.0.0.1:0")
    file.write_text(text.replace("http://127.0.0.1:8000", backend))


def refused(host: str, port: int) -> bool:
    """Whether nobody listens there."""
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return True
    return False


@contextmanager
def paired(folder: Path, edit: Callable[[str], str] = str) -> Iterator[Pair]:
    """As in the README: a simulator, a file by `init` that may be edited, a gateway."""
    with ExitStack() as stack:
        simulator = stack.enter_context(started("sim", "--listen", "127.0.0.1:0", cwd=folder))
        backend = simulator.until(r"on (http://\S+)\n")
        made, file = ran("init", "g.yml", cwd=folder), folder / "g.yml"
        any_port(file, backend)
        file.write_text(edit(file.read_text()))
        gateway = stack.enter_context(started("serve", "g.yml", cwd=folder))
        admin, url = gateway.until(r"admin on (http://\S+)\n"), gateway.until(r"gateway on (http://\S+)\n")
        yield Pair(file, made.stdout.strip(), gateway, simulator, url, admin)
