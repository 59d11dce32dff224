"""Asking the bootstrap server of a running lab, through the door of its node: its loopback is nobody else's."""

import http.client
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import urlencode

import msgspec

from automation.ztp.factory import AGENT, BOOT, IDENTITY, SERVER
from automation.ztp.server.__main__ import LOOPBACK_PORT
from automation.ztp.standing import Standing, Status, standings, unready
from topologies.errors import Fault, Mistake
from topologies.runtime.door import LOGS, Door, open_door
from topologies.runtime.model import LabRecord
from topologies.waiting import until

LOOK = 1.0  # seconds that the server holds an answer back where nothing is new
SLACK = 10  # seconds beyond that for the answer itself
MOST = 5  # switches named in a failure


class Desk:
    """The server of a lab. Raises Mistake for a lab that has none, Fault where it does not answer."""

    def __init__(self, record: LabRecord) -> None:
        if SERVER not in {node.name for node in record.lab.nodes}:
            raise Mistake(f"lab {record.name} was not brought up by `closlab up --ztp`: nothing provisions it")
        self._door: Door = open_door(record, SERVER)

    def status(self, seen: int = -1, within: float = 0, *, watch: bool = False) -> Status:
        """All that it knows, as soon as that is more than was seen, and after `within` seconds anyway.

        With `watch`, switches wait for `rule` before they keep a change.
        """
        query = urlencode({"seen": seen, "within": within, **({"watch": 1} if watch else {})})
        return msgspec.json.decode(self._ask("GET", f"/status?{query}", None, within + SLACK), type=Status)

    def approve(self, serial: str, node: str, mac: str = "") -> None:
        """Have a serial be a node; with a `mac`, only the switch that has it. Mistake where there is no such node."""
        self._ask("POST", "/approve", {"serial": serial, "node": node, "mac": mac}, SLACK)

    def rule(self, switch: Standing, why: str) -> None:
        """Say what speaks against the change that a switch waits with, "" for nothing."""
        attempt = {"serial": switch.serial, "mac": switch.mac, "life": switch.life, "number": switch.moves}
        self._ask("POST", "/rule", {**attempt, "why": why}, SLACK)

    def leave(self) -> None:
        """Have switches go by their own checks from now on."""
        self._ask("POST", "/leave", {}, SLACK)

    def _ask(self, method: str, path: str, content: Mapping[str, object] | None, timeout: float) -> bytes:
        body = None if content is None else json.dumps(content)
        connection = http.client.HTTPConnection("127.0.0.1", LOOPBACK_PORT, timeout=timeout)
        connection.sock = self._door.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            connection.sock.settimeout(timeout)
            connection.sock.connect(("127.0.0.1", LOOPBACK_PORT))
            connection.request(method, path, body)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "strerror", None) or error
            raise Fault(f"{SERVER}: the bootstrap server does not answer: {why}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise Mistake(json.loads(answer)["reason"])
        return answer


def provisioned(
    record: LabRecord,
    serials: Mapping[str, str],
    *,
    within: float,
    show: Callable[[tuple[Standing, ...]], None],
    judge: Callable[[Desk, tuple[Standing, ...]], None],
) -> tuple[Standing, ...]:
    """Watch until every switch of `serials`, which is by node, is ready; returns how they stand then.

    `judge` rules on those that wait for it. Raises Fault after `within` seconds, or once all that are not ready have
    been quarantined for good; it names them.
    """
    desk = Desk(record)
    with watched(desk):
        return _ready(desk, serials, within=within, show=show, judge=judge)


@contextmanager
def watched(desk: Desk) -> Iterator[None]:
    """Switches wait for `desk.rule` before they keep a change, as long as the block lasts and asks for their status."""
    until("the bootstrap server answers", lambda: _silence(desk), within=SLACK)
    try:
        yield
    finally:
        with suppress(Fault):  # its node may be off by now, and what it must know is not worth another error
            desk.leave()


def _ready(
    desk: Desk,
    serials: Mapping[str, str],
    *,
    within: float,
    show: Callable[[tuple[Standing, ...]], None],
    judge: Callable[[Desk, tuple[Standing, ...]], None],
) -> tuple[Standing, ...]:
    found: tuple[Standing, ...] = ()
    seen = -1

    def missing() -> str:
        nonlocal found, seen
        status = desk.status(seen, LOOK, watch=True)
        seen = status.changes
        found = standings(status, serials)
        show(found)
        judge(desk, found)
        left = unready(found, serials)
        if left and all(each.stuck for each in left):
            raise Fault(f"not provisioned, and somebody has to do something: {listed(left)}")
        return listed(left)

    until("all switches ready", missing, within=within, every=0.001, longest=0.001)
    return found


def expected(record: LabRecord) -> Mapping[str, str]:
    """The serial number of each switch of a lab, by node, as they were made."""
    files = {node.name: {file.path: file.text for file in node.files} for node in record.lab.nodes}
    return {node: json.loads(each[IDENTITY])["serial"] for node, each in files.items() if IDENTITY in each}


def again(record: LabRecord, node: str) -> None:
    """Have a switch provision itself anew. Raises Mistake where it is at it, or is no switch that does."""
    if node not in (known := expected(record)):
        raise Mistake(f"node {node} does not provision itself; {', '.join(known) or 'none'} of lab {record.name} do")
    door = open_door(record, node)
    done = door.run(["python3", AGENT, "again"], check=False)
    if done.code:
        raise Mistake(f"{node}: {done.stderr.strip()}")
    door.run(["sh", "-c", f"setsid sh {BOOT} </dev/null >>{LOGS}/ztp.log 2>&1 &"])


def listed(left: list[Standing]) -> str:
    """Switches that are not ready, in words: the first few, and how many more.

    One that is stuck tries again in a while all the same: it is told with what it was refused for, wherever it is now.
    """
    whys = [(each, each.refused if each.stuck else each.why) for each in left[:MOST]]
    told = [f"{each.node} is {each.state}{f': {why}' if why else ''}" for each, why in whys]
    more = f"\nand {len(left) - MOST} more" if len(left) > MOST else ""
    return "\n".join(told) + more


def _silence(desk: Desk) -> str:
    try:
        desk.status(watch=True)
    except Fault as error:
        return str(error)
    return ""
