"""Where rows are kept: SQLite in a file, or ClickHouse, over its HTTP interface or embedded (chdb). Either is asked by
one process. What goes wrong is a Fault."""

import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from gateway.analytics.model import BY, COLUMNS, By, Row, Usage
from gateway.analytics.statements import by as grouped
from gateway.analytics.statements import statements
from gateway.errors import Fault

DAY, MILLION = 86_400, 1e6
OWN = 0o600  # who asked what is nobody else's business
WITHIN = 5  # seconds that a server may take for one thing
AT = {name: number for number, name in enumerate(COLUMNS)}
BEGUN = ("answered", "broken", "gone")


class Rows(Protocol):
    """A place for rows."""

    def insert(self, rows: Sequence[Row]) -> None:
        """Keep them, all or none, and add them to the sums of their minutes."""

    def usage(self, by: tuple[By, ...], since: float) -> list[Usage]:
        """Sums from a moment (Unix time) on, by whole minutes, the most requests first."""

    def expire(self) -> None:
        """Let go of what is too old."""

    def close(self) -> None:
        """Let go of it."""


class Sqlite:
    """In a file. Rows are kept for so many days, sums of minutes for so many."""

    def __init__(self, path: Path, rows: int, minutes: int) -> None:
        self._days, self._sql = (rows, minutes), statements("sqlite")
        with suppress(OSError):  # which SQLite is going to say too
            path.touch(mode=OWN, exist_ok=True)
        try:
            self._connection = sqlite3.connect(path, timeout=WITHIN)
            for pragma in ("journal_mode = WAL", "synchronous = NORMAL"):
                self._connection.execute(f"PRAGMA {pragma}")
            self._connection.executescript(self._sql["begin"])
        except sqlite3.Error as error:
            raise Fault(f"analytics: {path}: {error}") from None

    def insert(self, rows: Sequence[Row]) -> None:
        """Keep them."""
        try:
            with self._connection:
                self._connection.executemany(self._sql["insert"], rows)
                self._connection.executemany(self._sql["sum"], _summed(rows))
        except sqlite3.Error as error:
            raise Fault(f"analytics: {error}") from None

    def usage(self, by: tuple[By, ...], since: float) -> list[Usage]:
        """Sums."""
        try:
            found = self._connection.execute(grouped(self._sql["usage"], by), (since // 60 * 60,)).fetchall()
        except sqlite3.Error as error:
            raise Fault(f"analytics: {error}") from None
        return [_usage(by, each) for each in found]

    def expire(self) -> None:
        """Let go of what is too old."""
        now = time.time()
        try:
            with self._connection:
                self._connection.execute(self._sql["expire_requests"], (now - self._days[0] * DAY,))
                self._connection.execute(self._sql["expire_minutes"], (now - self._days[1] * DAY,))
        except sqlite3.Error as error:
            raise Fault(f"analytics: {error}") from None

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()


class ClickHouse:
    """A server, or one that is embedded. It lets go of what is too old by itself."""

    def __init__(self, dsn: str, password: str, rows: int, minutes: int) -> None:
        import clickhouse_connect
        from clickhouse_connect.driver.exceptions import ClickHouseError

        self._sql = statements("clickhouse")
        self._wrong = (ClickHouseError, OSError, RuntimeError)  # the last are those of what is embedded
        words: dict[str, Any] = {"password": password} if password else {}
        if not dsn.startswith("chdb:"):
            words |= {"connect_timeout": WITHIN, "send_receive_timeout": WITHIN}
        try:
            self._client = clickhouse_connect.get_client(dsn=dsn, **words)
            for name in ("request", "minute", "view"):
                text = self._sql[name].replace("{rows:UInt32}", str(rows)).replace("{minutes:UInt32}", str(minutes))
                self._client.command(text)
        except self._wrong as error:
            raise Fault(f"analytics: {_first(error)}") from None

    def insert(self, rows: Sequence[Row]) -> None:
        """Keep them."""
        data = [(_moment(each[0]), _moment(each[1]), *each[2:]) for each in rows]
        try:
            self._client.insert("request", data, column_names=COLUMNS)
        except self._wrong as error:
            raise Fault(f"analytics: {_first(error)}") from None

    def usage(self, by: tuple[By, ...], since: float) -> list[Usage]:
        """Sums."""
        moment = _moment(since // 60 * 60).strftime("%Y-%m-%d %H:%M:%S")
        text = grouped(self._sql["usage"], by).replace("{since:DateTime}", f"toDateTime('{moment}', 'UTC')")
        try:
            return [_usage(by, each) for each in self._client.query(text).result_rows]
        except self._wrong as error:
            raise Fault(f"analytics: {_first(error)}") from None

    def expire(self) -> None:
        """Nothing is to do."""

    def close(self) -> None:
        """Let go of it."""
        self._client.close()


def opened(url: str, folder: Path, password: str, rows: int, minutes: int) -> Rows:
    """The place that a gateway's file names; paths are from its folder."""
    kind, _, rest = url.partition(":///")
    if kind == "sqlite":
        return Sqlite(folder / rest, rows, minutes)
    return ClickHouse(f"chdb://{folder.resolve() / rest}" if kind == "chdb" else url, password, rows, minutes)


def _summed(rows: Sequence[Row]) -> list[Row]:
    """What rows add to the sums of minutes."""
    sums: dict[tuple[Any, ...], Counter[str]] = {}
    for row in rows:
        found = sums.setdefault((row[AT["minute"]], *(row[AT[name]] for name in BY)), Counter())
        begun = bool(row[AT["backend"]]) and row[AT["outcome"]] in BEGUN
        found["requests"] += 1
        for name in ("prompt_tokens", "answer_tokens", "cost"):
            found[name] += row[AT[name]]  # type: ignore[assignment, operator]  # a Counter counts fractions too
        found["first"] += row[AT["first"]] if begun else 0  # type: ignore[assignment, operator]  # so here
        found["begun"] += begun
    names = ("requests", "prompt_tokens", "answer_tokens", "cost", "first", "begun")
    return [(*key, *(found[name] for name in names)) for key, found in sums.items()]


def _usage(by: tuple[By, ...], found: Sequence[Any]) -> Usage:
    named: dict[str, str] = dict(zip(by, map(str, found), strict=False))
    requests, answered, refused, failed, prompt, answer, cost, first, begun = found[len(by) :]
    mean = float(first) / int(begun) if begun else None
    return Usage(
        named,
        requests=int(requests),
        answered=int(answered),
        refused=int(refused),
        failed=int(failed),
        prompt_tokens=int(prompt),
        answer_tokens=int(answer),
        cost=float(cost) / MILLION,
        first=mean,
    )


def _moment(at: Any) -> datetime:
    return datetime.fromtimestamp(float(at), UTC)


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
