"""What the server must find again when it is restarted, in one SQLite file. The queries are in registry.sql."""

import re
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

from automation.ztp.server.model import Approval, Attempt, Caller, Known
from automation.ztp.states import State

Row = dict[str, Any]


def queries(text: str) -> Mapping[str, str]:
    """The queries of a file by their names."""
    parts = re.split(r"^-- name: (.+)$", text, flags=re.MULTILINE)[1:]
    return {name.strip(): query.strip() for name, query in zip(parts[::2], parts[1::2], strict=True)}


class Registry:
    """Switches, their moves, and what was approved. Safe for threads; `now` is in seconds since the epoch."""

    def __init__(self, path: str) -> None:
        self._queries = queries(files("automation.ztp.server").joinpath("registry.sql").read_text())
        self._lock = threading.Lock()
        self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._base.row_factory = sqlite3.Row
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.executescript(self._queries["schema"])
        self.changes = 0  # grows with whatever a reader could see
        self.watched: float | None = None  # when somebody who has changes compared looked last; not worth a file
        self.changed = threading.Condition(self._lock)

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()

    def seen(self, caller: Caller, now: float) -> None:
        """Note that a switch asked."""
        self._write(("seen", {**_fields(caller), "now": now}))

    def accepted(self, caller: Caller, node: str) -> None:
        """Note which node a switch is."""
        self._write(("accepted", {"serial": caller.serial, "mac": caller.mac, "node": node}))

    def refused(self, caller: Caller, why: str) -> None:
        """Note why a serial, whoever has it, gets nothing."""
        self._write(("refused", {"serial": caller.serial, "state": State.QUARANTINED.value, "why": why}))

    def told(self, caller: Caller, moves: Iterable[Row], now: float) -> None:
        """Note the moves of a switch; those that are known already stay as they are."""
        key = {"serial": caller.serial, "mac": caller.mac}
        steps = [("move", {**key, **move, "now": now}) for move in moves]
        if steps:
            self._write(*steps, ("latest", key))

    def approve(self, approval: Approval) -> None:
        """Note that a serial is a node, and no other one is."""
        place = {"node": approval.node, "serial": approval.serial}
        why = f"{approval.node} is serial {approval.serial} now"
        former = {**place, "state": State.QUARANTINED.value, "why": why}
        self._write(("unseat", place), ("vacate", former), ("approve", _fields(approval)))

    def rule(self, attempt: Attempt, why: str) -> None:
        """Note what is said against a change, "" for nothing."""
        self._write(("rule", {**_fields(attempt), "why": why}))

    def ruling(self, attempt: Attempt) -> str | None:
        """What was said against a change; None where nothing was said of it."""
        found = self._read("ruling", _fields(attempt))
        return str(found[0]["why"]) if found else None

    def known(self) -> tuple[Known, ...]:
        """All switches that were here, the one that asked last at the end."""
        return tuple(Known(row["serial"], row["mac"], row["node"], row["state"]) for row in self.switches())

    def approvals(self) -> Mapping[str, Approval]:
        """What was approved, by serial."""
        return {row["serial"]: Approval(row["serial"], row["node"], row["mac"]) for row in self._read("approvals")}

    def switches(self) -> list[Row]:
        """All switches that were here, with all that is known of each."""
        return self._read("switches")

    def moves(self) -> list[Row]:
        """All moves in the order in which they were heard of."""
        return self._read("moves")

    def wait(self, seen: int, within: float) -> int:
        """Wait until there is more than a reader has seen, or `within` seconds are over; how much there is."""
        with self.changed:
            self.changed.wait_for(lambda: self.changes > seen, within)
            return self.changes

    def _write(self, *steps: tuple[str, Row]) -> None:
        """All of these or none."""
        with self.changed:
            self._base.execute("BEGIN IMMEDIATE")
            try:
                for name, values in steps:
                    self._base.execute(self._queries[name], values)
                self._base.execute("COMMIT")
            except sqlite3.Error:
                self._base.execute("ROLLBACK")
                raise
            self.changes += 1
            self.changed.notify_all()

    def _read(self, name: str, values: Mapping[str, Any] | None = None) -> list[Row]:
        with self._lock:
            return [dict(row) for row in self._base.execute(self._queries[name], values or {})]


def _fields(noun: Approval | Attempt | Caller) -> Row:
    return {name: getattr(noun, name) for name in noun.__slots__}
