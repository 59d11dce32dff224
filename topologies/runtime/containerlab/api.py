"""The engine's own interface, for what its command line cannot say: a container made after a whole description of one.

It is HTTP over a unix socket (Docker Engine API); where the socket is, the command line knows, so that DOCKER_HOST and
contexts count here as well.
"""

import json
import socket
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote

from topologies import process
from topologies.errors import Fault, Mistake

UNIX = "unix://"
SECONDS = 60  # for one answer
CREATED = 201


def create(name: str, body: Mapping[str, Any]) -> None:
    """Make a container, which does not run yet. Raises Fault in the engine's words where it will not."""
    line = _OverUnix(_socket())
    try:
        line.request("POST", f"/containers/create?name={quote(name)}", json.dumps(body), {"Content-Type": _JSON})
        answer = line.getresponse()
        said = answer.read().decode(errors="replace")
    except (OSError, HTTPException) as error:
        raise Fault(f"container {name}: the engine does not answer: {error}") from error
    finally:
        line.close()
    if answer.status != CREATED:
        raise Fault(f"container {name}: the engine does not make it: {said.strip()}")


_JSON = "application/json"


class _OverUnix(HTTPConnection):
    """A connection to a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _socket() -> str:
    """The path of the engine's socket; raises Mistake where it is elsewhere than on this machine."""
    told = process.run(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]).stdout.strip()
    if not told.startswith(UNIX):
        raise Mistake(
            f"the engine is at {told}; a node is made anew only through a socket of this machine ({UNIX}PATH)"
        )
    return told.removeprefix(UNIX)
