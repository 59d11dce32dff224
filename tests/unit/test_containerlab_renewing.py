"""A container made anew: what the engine is sent, what it answers, and what a renewal that was cut off leaves."""

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from wanted import record_of

from topologies import process
from topologies.errors import Fault, Mistake
from topologies.lab import Lab, LabNode
from topologies.process import Finished
from topologies.runtime.containerlab import api, renewing

TOLD: dict[str, Any] = {
    "Id": "c0ffee",
    "Name": "/clab-x-leaf1",
    "State": {"Status": "exited"},
    "Config": {"Image": "closlab/frr:1", "Hostname": "leaf1", "Labels": {"containerlab": "x"}, "Cmd": ["sleep", "inf"]},
    "HostConfig": {"Binds": ["/a:/etc/closlab:ro"], "CapAdd": ["NET_ADMIN"], "NetworkMode": "closlab-1"},
    "NetworkSettings": {
        "Networks": {
            "closlab-1": {"IPAMConfig": {"IPv4Address": "172.20.0.9"}, "IPAddress": "172.20.0.9", "Aliases": ["c0"]}
        }
    },
}
RECORD = record_of(Lab("x", (LabNode(name="leaf1"),), ()))


def test_a_container_is_made_after_the_description_of_another() -> None:
    """Its name, configuration, mounts, rights, networks and an own address; nothing that it was given by chance."""
    made = renewing.recipe(TOLD)

    assert made["name"] == "clab-x-leaf1"
    assert made["body"] == {
        **TOLD["Config"],
        "HostConfig": TOLD["HostConfig"],
        "NetworkingConfig": {"EndpointsConfig": {"closlab-1": {"IPAMConfig": {"IPv4Address": "172.20.0.9"}}}},
    }


def test_a_node_without_a_network_has_none_afterwards() -> None:
    """Network mode none lists no network at all."""
    assert renewing.recipe({**TOLD, "NetworkSettings": {"Networks": {}}})["body"]["NetworkingConfig"] == {
        "EndpointsConfig": {}
    }


def test_a_renewal_is_open_until_it_is_on_record(tmp_path: Path) -> None:
    """Its description in the lab's folder says so."""
    record = replace(RECORD, files=str(tmp_path))
    (tmp_path / renewing.FOLDER).mkdir()
    (tmp_path / renewing.FOLDER / "leaf1.json").write_text("{}")

    assert renewing.renewing(record) == {"leaf1"}

    renewing.renewed(record, "leaf1")
    renewing.renewed(record, "leaf1")

    assert renewing.renewing(record) == frozenset()


def test_a_node_of_which_nothing_is_left_is_not_made_up(tmp_path: Path) -> None:
    """Without its container and without a description, nobody knows what it was."""
    with pytest.raises(Fault, match="node leaf1 has no container any more, and none can be made like it"):
        renewing.renew(replace(RECORD, files=str(tmp_path)), "leaf1", None)


class Engine(socketserver.ThreadingUnixStreamServer):
    """Answers as an engine does, and remembers what it was asked."""

    asked: tuple[str, Any] = ("", None)
    answer: tuple[int, bytes] = (201, b'{"Id": "1"}')


class _Handler(BaseHTTPRequestHandler):
    server: Engine

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked = self.path, json.loads(body)
        code, text = self.server.answer
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def address_string(self) -> str:
        return "a unix socket"

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


def told_of(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """Have the command line say that the engine is there."""
    monkeypatch.setattr(process, "run", lambda *_, **__: Finished(("docker",), 0, f"{host}\n", ""))


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    path = str(tmp_path / "engine.sock")
    told_of(monkeypatch, f"unix://{path}")
    with Engine(path, _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_engine_is_sent_the_whole_description(engine: Engine) -> None:
    """As one request, with the name as part of its address."""
    api.create("clab-x leaf1", {"Image": "i"})

    assert engine.asked == ("/containers/create?name=clab-x%20leaf1", {"Image": "i"})


def test_what_the_engine_refuses_is_said_in_its_words(engine: Engine) -> None:
    """With the container's name before them."""
    engine.answer = (409, b'{"message": "Conflict. The name is in use"}')

    with pytest.raises(Fault, match=r"container n: the engine does not make it: .*Conflict\. The name is in use"):
        api.create("n", {})


def test_an_engine_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So is one on another machine, which cannot be asked this way."""
    told_of(monkeypatch, f"unix://{tmp_path}/none.sock")
    with pytest.raises(Fault, match=r"container n: the engine does not answer: .*No such file"):
        api.create("n", {})

    told_of(monkeypatch, "tcp://10.0.0.1:2375")
    with pytest.raises(
        Mistake, match=r"the engine is at tcp://10\.0\.0\.1:2375; a node is made anew only through a socket"
    ):
        api.create("n", {})
