"""What the server does with a request, without anything of HTTP: judge, note, sign.

The folder of what it hands out is written by whoever runs the lab, and read anew at each request:

    inventory.json      serial -> node
    bundles/NODE.json   {"version": N, "files": {name: text}}
    agent.pyz           what switches ship with
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automation.ztp import cabling
from automation.ztp.bundle import CABLING, Answer, Manifest, digest, write_answer, write_manifest
from automation.ztp.server.judging import absent, holders, judge, kept
from automation.ztp.server.model import Approval, Attempt, Caller, Verdict
from automation.ztp.server.registry import Registry
from automation.ztp.states import State
from automation.ztp.trouble import Refusal, Trouble

VALID_FOR = 3600  # seconds that a bundle may take until it is verified
EARLIER = 60  # seconds that a switch's clock may be behind
NONCE = (16, 128)  # shortest and longest
MOST_MOVES = 100  # in one report
MOST_WHY = 2000  # characters of a reason


@dataclass(frozen=True, slots=True)
class Desk:
    """Answers switches. `sign` is the signer's own hand."""

    registry: Registry
    folder: Path
    sign: Callable[[str], bytes]
    now: Callable[[], float]

    def bootstrap(self, caller: Caller, nonce: object) -> bytes:
        """A bundle for this request; Refusal where somebody has to allow it first, Trouble for what is no request."""
        if not isinstance(nonce, str) or not NONCE[0] <= len(nonce) <= NONCE[1]:
            raise Trouble(f"a request has a nonce of {NONCE[0]} to {NONCE[1]} characters")
        verdict = self.verdict(caller)
        if not verdict.node:
            raise Refusal(verdict.why)
        wanted = self._bundle(verdict.node)
        files = wanted["files"] | {CABLING: self._cabling(wanted["files"][CABLING])}
        now = int(self.now())
        digests = {name: digest(text) for name, text in files.items()}
        dates = (now - EARLIER, now + VALID_FOR)
        text = write_manifest(Manifest(caller.serial, nonce, verdict.node, wanted["version"], *dates, digests))
        return write_answer(Answer(text, self.sign(text), files))

    def verdict(self, caller: Caller) -> Verdict:
        """Who the caller is, noted."""
        if caller.serial and caller.mac:
            self.registry.seen(caller, self.now())
        verdict = judge(caller, self.registry.known(), self.inventory(), self.registry.approvals())
        if verdict.node:
            self.registry.accepted(caller, verdict.node)
        elif caller.serial and caller.mac:
            self.registry.refused(caller, verdict.why)
        return verdict

    def progress(self, caller: Caller, moves: object) -> tuple[str, ...]:
        """Note what a switch reports; returns the nodes not to be waited for. Trouble for what is no report."""
        told = [_move(each) for each in moves] if isinstance(moves, list) and len(moves) <= MOST_MOVES else None
        if told is None or not (caller.serial and caller.mac):
            raise Trouble(f"a report has up to {MOST_MOVES} moves, and its switch's serial number and MAC address")
        self.registry.seen(caller, self.now())
        self.registry.told(caller, told, self.now())
        return absent(self.registry.known(), (State.QUARANTINED,))

    def approve(self, serial: object, node: object, mac: object) -> None:
        """Note what somebody approved; Trouble for a node that no bundle is for."""
        if not (isinstance(serial, str) and isinstance(node, str) and isinstance(mac, str) and serial):
            raise Trouble("an approval has a serial, a node, and perhaps a mac")
        if node not in (nodes := self.nodes()):
            raise Trouble(f"no switch {node!r} is to be provisioned; there are {', '.join(nodes)}")
        self.registry.approve(Approval(serial, node, mac))

    def watch(self) -> None:
        """Note that somebody is there who has changes compared with the plan before they are kept."""
        self.registry.watched = self.now()

    def leave(self) -> None:
        """Note that nobody is any more."""
        self.registry.watched = None

    def rule(self, serial: object, mac: object, life: object, number: object, why: object) -> None:
        """Note what is said against a change, "" for nothing. Trouble for what is no ruling."""
        if not isinstance(mac, str) or not isinstance(serial, str) or not isinstance(why, str):
            raise Trouble("a ruling has the serial, mac, life and number of an attempt, and why")
        self.registry.rule(_attempt(serial, mac, life, number), why[:MOST_WHY])

    def ruling(self, caller: Caller, life: object, number: object) -> tuple[bool | None, str]:
        """Whether a switch may keep a change, None while that is open, and why."""
        found = self.registry.ruling(_attempt(caller.serial, caller.mac, life, number))
        return kept(found, self.registry.watched, self.now())

    def agent(self) -> bytes:
        """The agent's program."""
        return (self.folder / "agent.pyz").read_bytes()

    def holders(self) -> Mapping[str, str]:
        """The serial number that each node has now."""
        return holders(self.inventory(), self.registry.approvals())

    def nodes(self) -> Sequence[str]:
        """The nodes that there are bundles for."""
        return sorted(path.stem for path in (self.folder / "bundles").glob("*.json"))

    def inventory(self) -> Mapping[str, str]:
        """Which serial is meant to be which node."""
        found: dict[str, str] = json.loads((self.folder / "inventory.json").read_text())
        return found

    def _cabling(self, text: str) -> str:
        """A bundle's cabling with the serial numbers that its neighbours have by now."""
        return cabling.write(cabling.with_serials(cabling.read(text), self.holders()))

    def _bundle(self, node: str) -> Any:
        if node not in self.nodes():
            raise Refusal(f"{node} is in the inventory, and has no bundle")
        return json.loads((self.folder / "bundles" / f"{node}.json").read_text())


def _attempt(serial: str, mac: str, life: object, number: object) -> Attempt:
    if not isinstance(life, str) or not isinstance(number, int) or isinstance(number, bool):
        raise Trouble("an attempt has the life of a switch, which is text, and the number of its move")
    return Attempt(serial, mac, life, number)


def _move(told: object) -> dict[str, Any]:
    """One move of a report; Trouble where it is none."""
    try:
        if not isinstance(told, dict):
            raise TypeError("no object")
        return {
            "life": str(told["life"])[:64],
            "number": int(told["number"]),
            "state": State(told["state"]).value,
            "type": str(told["type"]),
            "why": str(told["why"])[:MOST_WHY],
            "seconds": float(told["seconds"]),
        }
    except (ValueError, TypeError, KeyError) as error:
        raise Trouble(f"a move of the report cannot be read: {error!r}") from error
