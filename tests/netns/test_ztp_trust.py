"""Whom a switch believes: the agent's own HTTPS and signatures against the real server, on loopback.

agent (a switch of values)  --- TLS, 127.0.0.1 --->  bootstrap server, or somebody who plays it
"""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from automation.ztp import cabling, trust
from automation.ztp.agent.agent import Agent
from automation.ztp.agent.fake import FakeNetwork, FakeSwitch
from automation.ztp.agent.https import Https
from automation.ztp.agent.memory import Disk
from automation.ztp.agent.model import Identity, World
from automation.ztp.agent.signature import genuine, sign
from automation.ztp.bundle import FILES
from automation.ztp.cabling import Cabling
from automation.ztp.server.desk import Desk
from automation.ztp.server.model import Caller
from automation.ztp.server.registry import Registry
from automation.ztp.server.service import Doors
from automation.ztp.states import State
from automation.ztp.trust import Trust
from topologies import process

pytestmark = pytest.mark.programs("openssl")

CONTENT = {name: "{}" for name in FILES} | {
    "cabling.json": cabling.write(Cabling("leaf1", (), {"CL1": "leaf1"})),
    "expected.json": json.dumps({"sessions": [], "routes": []}),
}
YEAR = 365 * 86400
LEAF = Identity("CL1", "closlab-leaf", "1", "aa:01")


class Enough(Exception):
    """The switch is where the test wants it."""


@pytest.fixture(scope="module")
def ours() -> Trust:
    """The keys of a lab."""
    return trust.make("trust", "127.0.0.1")


@pytest.fixture(scope="module")
def theirs() -> Trust:
    """The keys of somebody else, who is as good at making some."""
    return trust.make("trust", "127.0.0.1")


@dataclass
class Place:
    """A server's folder, its desk, and a switch that asks it."""

    folder: Path
    keys: Trust
    desk: Desk
    port: int = 0
    switch: FakeSwitch = field(default_factory=FakeSwitch)
    whys: list[str] = field(default_factory=list)

    def agent(self, *, until: State = State.WAITING, now: Callable[[], float] = time.time) -> Agent:
        """A switch that trusts our keys."""
        (self.folder / "authority.pem").write_text(self.keys.authority)
        (self.folder / "signer.pem").write_text(self.keys.signer)

        def say(text: str) -> None:
            self.whys.append(text)
            if text.startswith(f"{until}"):
                raise Enough

        connect = partial(Https, authority=str(self.folder / "authority.pem"), clock=now)
        judge = partial(genuine, str(self.folder / "signer.pem"))
        nonces = iter(f"{number:032}" for number in range(1000))
        world = World(now, time.monotonic, lambda seconds: None, lambda: 0.5, nonces.__next__)
        network = FakeNetwork(url=f"https://127.0.0.1:{self.port}/v1")
        return Agent(LEAF, Disk(self.folder / "switch"), network, connect, self.switch, judge, world, say)

    def fails(self, **how: object) -> str:
        """Why a switch does not get on; it has applied nothing."""
        with pytest.raises(Enough):
            self.agent(**how).run()  # type: ignore[arg-type]
        assert self.switch.running == {}
        return self.whys[-1]

    def recovers(self) -> None:
        """The same switch, when all is well again, is ready and runs what was signed."""
        self.agent(until=State.QUARANTINED).run()
        assert self.switch.kept == CONTENT


@contextmanager
def serving(place: Place, keys: Trust, desk: Desk | None = None, doors: type[Doors] = Doors) -> Iterator[None]:
    """The server with these keys, on a port of the switch's."""
    for name, text in (("server.pem", keys.server), ("server.key", keys.server_key)):
        (place.folder / name).write_text(text)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(place.folder / "server.pem", place.folder / "server.key")
    with doors(("127.0.0.1", place.port), desk or place.desk, tls) as server:
        place.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def place(tmp_path: Path, ours: Trust) -> Iterator[Place]:
    """A server that is as it should be, and not yet serving."""
    (tmp_path / "bundles").mkdir()
    (tmp_path / "inventory.json").write_text(json.dumps({"CL1": "leaf1"}))
    (tmp_path / "bundles" / "leaf1.json").write_text(json.dumps({"version": 5, "files": CONTENT}))
    (tmp_path / "signer.key").write_text(ours.signer_key)
    with ExitStack() as stack:
        registry = Registry(str(tmp_path / "registry.sqlite"))
        stack.callback(registry.close)
        yield Place(tmp_path, ours, Desk(registry, tmp_path, partial(sign, str(tmp_path / "signer.key")), time.time))


def test_a_genuine_bundle_is_applied(place: Place) -> None:
    """Over TLS with a signature of openssl's, from nothing to ready."""
    with serving(place, place.keys):
        place.recovers()

    assert [row["state"] for row in place.desk.registry.switches()] == ["ready"]


def test_a_forged_signature_is_refused(place: Place, theirs: Trust) -> None:
    """The server's certificate is right, the signer is somebody else."""
    (place.folder / "forger.key").write_text(theirs.signer_key)
    forging = replace(place.desk, sign=partial(sign, str(place.folder / "forger.key")))

    with serving(place, place.keys, forging):
        why = place.fails()
    assert "not signed by the signer that this switch trusts: it may be forged" in why

    with serving(place, place.keys):
        place.recovers()


def test_a_changed_manifest_is_refused(place: Place) -> None:
    """A signature holds for the text that it was made for, and for no other."""
    changing = replace(place.desk, sign=lambda text: place.desk.sign(text.replace('"version": 5', '"version": 6')))

    with serving(place, place.keys, changing):
        assert "may be forged" in place.fails()


def test_an_old_bundle_replayed_is_refused(place: Place) -> None:
    """Genuine once, for another request."""
    old = place.desk.bootstrap(caller(), "x" * 32)

    class Replaying(Desk):
        """Answers whatever is asked with the same bundle."""

        def bootstrap(self, who: object, nonce: object) -> bytes:
            return old

    with serving(place, place.keys, Replaying(place.desk.registry, place.folder, place.desk.sign, time.time)):
        assert "may be a replay" in place.fails()
    with serving(place, place.keys):
        place.recovers()


def test_an_older_version_is_refused(place: Place) -> None:
    """Signed for this very request: by a server that was set back, or made to forget."""
    with serving(place, place.keys):
        place.recovers()
        disk = Disk(place.folder / "switch")
        disk.write(replace(disk.read(), state=State.DISCOVERING))
        place.switch.running = {}
        (place.folder / "bundles" / "leaf1.json").write_text(json.dumps({"version": 4, "files": CONTENT}))

        assert "version 4, and this switch had version 5 already" in place.fails()


@pytest.mark.parametrize(("hours", "why"), [(-9000, "expired at"), (9000, "not valid before")])
def test_a_bundle_of_another_time_is_refused(place: Place, hours: int, why: str) -> None:
    """The server's clock, or the switch's, is wrong; TLS is by the machine's own."""
    other = replace(place.desk, now=lambda: time.time() + hours * 3600)

    with serving(place, place.keys, other):
        said = place.fails()
    assert why in said
    assert "this switch's clock says" in said

    with serving(place, place.keys):
        place.recovers()


def test_a_bundle_for_another_serial_is_refused(place: Place) -> None:
    """A server that mixes up its switches."""

    class Mixing(Desk):
        """Takes everybody for somebody else."""

        def bootstrap(self, who: object, nonce: object) -> bytes:
            return place.desk.bootstrap(caller(serial="CL2"), nonce)

    (place.folder / "inventory.json").write_text(json.dumps({"CL1": "leaf1", "CL2": "leaf1"}))
    with serving(place, place.keys, Mixing(place.desk.registry, place.folder, place.desk.sign, time.time)):
        assert "for serial CL2, and this switch is CL1" in place.fails()
    (place.folder / "inventory.json").write_text(json.dumps({"CL1": "leaf1"}))
    with serving(place, place.keys):
        place.recovers()


def test_a_man_in_the_middle_with_another_authority_is_refused(place: Place, theirs: Trust) -> None:
    """The switch hangs up before it says who it is."""
    with serving(place, theirs):
        why = place.fails()
    assert "is not to be trusted" in why
    assert place.desk.registry.switches() == []

    with serving(place, place.keys):
        place.recovers()


def test_a_server_with_a_certificate_of_ours_for_another_address_is_refused(place: Place, ours: Trust) -> None:
    """Who has some certificate of the lab's is not its server yet."""
    other = trust.certificate(ours, "192.0.2.1")

    with serving(place, other):
        assert "is not to be trusted: IP address mismatch" in place.fails()


@pytest.mark.parametrize(("begins", "ends", "why"), [(1, 2, "not yet valid"), (-2, -1, "has expired")])
def test_a_clock_wrong_by_a_year_is_told(place: Place, ours: Trust, begins: int, ends: int, why: str) -> None:
    """To such a clock the certificate is of another time: the reason names the clock, and what it says."""
    wrong = trust.certificate(ours, "127.0.0.1", begins=time.time() + begins * YEAR, ends=time.time() + ends * YEAR)

    with serving(place, wrong):
        said = place.fails()
    assert why in said
    assert "this switch's clock says 20" in said

    with serving(place, place.keys):
        place.recovers()


def test_a_download_that_is_cut_off_is_asked_for_again(place: Place) -> None:
    """Nothing of half an answer is used."""

    class Cutting(Desk):
        """Half of each answer."""

        def bootstrap(self, who: object, nonce: object) -> bytes:
            whole = place.desk.bootstrap(caller(), nonce)
            return whole[: len(whole) // 2]

    with serving(place, place.keys, Cutting(place.desk.registry, place.folder, place.desk.sign, time.time)):
        assert "no whole JSON" in place.fails()
    with serving(place, place.keys):
        place.recovers()


def test_a_connection_that_breaks_off_half_way_is_told(place: Place) -> None:
    """The length was promised, and the bytes did not come."""

    class Breaking(Doors):
        """Sends half of what it promised."""

        def finish_request(self, request: object, client_address: object) -> None:
            with self.tls.wrap_socket(request, server_side=True) as sock:  # type: ignore[union-attr,arg-type]
                heard = b""
                while b"}" not in heard:
                    heard += sock.recv(65536)
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500)

    with serving(place, place.keys, doors=Breaking):
        assert "ended its answer half-way" in place.fails()
    with serving(place, place.keys):
        place.recovers()


def test_a_server_that_is_down_for_a_while_is_waited_for(place: Place) -> None:
    """The reason says that it cannot be asked."""
    with serving(place, place.keys):
        pass  # so that there is a port that was its own

    assert "cannot be asked: Connection refused" in place.fails()
    with serving(place, place.keys):
        place.recovers()


def test_a_connection_that_the_server_closed_meanwhile_is_made_anew(place: Place) -> None:
    """It was kept between two questions, and the server was restarted."""
    (place.folder / "authority.pem").write_text(place.keys.authority)
    with serving(place, place.keys):
        client = Https(f"https://127.0.0.1:{place.port}/v1", str(place.folder / "authority.pem"), time.time)
        client.report(LEAF, [])
        client._connection.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]

        assert client.report(LEAF, []) == frozenset()
    client.close()


def test_the_switch_has_only_public_halves(ours: Trust) -> None:
    """What is put into it cannot sign anything."""
    assert "PRIVATE" not in ours.authority + ours.signer
    with pytest.raises(Exception, match="exit code"):
        process.run(["openssl", "pkey", "-noout"], input=ours.signer)


def caller(serial: str = "CL1") -> Caller:
    """A caller as the server sees our switch."""
    return Caller(serial, "aa:01", "closlab-leaf", "1", "127.0.0.1")
