"""What is written of requests, and what is told of it later: by SQLite, and by ClickHouse."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

import msgspec
import pytest
from commands import environment, ran
from pair import HI, Pair, paired

from gateway.analytics.model import BY, By, Row, Usage, ago, began, parsed, row
from gateway.analytics.process import Answered, Asked, Insert, Open, Sum, Task, arguments
from gateway.analytics.ring import MOST, Ring
from gateway.core.model import Reason, Tokens
from gateway.errors import Fault, Mistake
from gateway.record import Done, Outcome
from gateway.workers.channel import LENGTH
from topologies.waiting import until

NOW = time.time()
PLACES = [
    pytest.param("sqlite:///rows.db", id="sqlite"),
    pytest.param("chdb:///rows", id="clickhouse", marks=(pytest.mark.features("chdb"), pytest.mark.slow)),
]


class Writing:
    """The process that writes, as a gateway has it."""

    def __init__(self, sock: socket.socket) -> None:
        self._file, self._last = sock.makefile("rwb"), 0

    def ask(self, task: Task) -> tuple[Usage, ...]:
        """Have it do something; Fault where it cannot."""
        self._last += 1
        data = msgspec.msgpack.encode(Asked(self._last, task))
        self._file.write(len(data).to_bytes(LENGTH) + data)
        self._file.flush()
        answer = msgspec.msgpack.decode(self._file.read(int.from_bytes(self._file.read(LENGTH))), type=Answered)
        assert answer.number == self._last
        if answer.fault:
            raise Fault(answer.fault)
        return answer.usage


@contextmanager
def writing(url: str, folder: Path, rows: int = 30, minutes: int = 365) -> Iterator[Writing]:
    """It, with a database open."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(arguments(theirs.fileno()), pass_fds=(theirs.fileno(),), env=environment())
    try:
        with ours:
            it = Writing(ours)
            it.ask(Open(url, str(folder), "", rows, minutes))
            yield it
            it._file.close()
        assert process.wait(20) == 0, "it ends with its pipe"
    finally:
        process.kill()
        process.wait()


def some(number: int, seed: int = 1, before: float = 0) -> list[Done]:
    """Requests that are over, of all kinds."""
    chance = Random(seed)
    found = []
    for _ in range(number):
        outcome = chance.choice(list(Outcome))
        found.append(
            Done(
                at=NOW - before - chance.uniform(0, 100),
                edge="http",
                kind="chat",
                tenant=chance.choice(("one", "two", "o'brien")),
                key="",
                model=chance.choice(("m", "n")),
                outcome=outcome,
                status=200,
                reason=Reason.TOKENS if outcome is Outcome.REFUSED else None,
                backend="" if outcome is Outcome.REFUSED else chance.choice(("a", "b")),
                tokens=Tokens(chance.randrange(50), chance.randrange(50)),
                cost=chance.randrange(1000),
                first=chance.choice((0.25, 0.5)),
                took=1.0,
                stream=chance.random() < 0.5,
            )
        )
    return found


def summed(done: Sequence[Done], by: tuple[By, ...]) -> dict[tuple[str, ...], tuple[float, ...]]:
    """What is to come out."""
    sums: dict[tuple[str, ...], list[float]] = {}
    for each in done:
        named = {"outcome": each.outcome.value, "reason": each.reason.value if each.reason else ""}
        key = tuple(str(named.get(name, getattr(each, name))) for name in by)
        found = sums.setdefault(key, [0.0] * 9)
        answered = each.outcome is Outcome.ANSWERED
        failed = each.outcome in (Outcome.FAILED, Outcome.BROKEN)
        adds = (
            1,
            answered,
            each.outcome is Outcome.REFUSED,
            failed,
            each.tokens.prompt,
            each.tokens.answer,
            each.cost / 1e6,
        )
        adds += (each.first if began(each) else 0, began(each))
        sums[key] = [a + b for a, b in zip(found, adds, strict=True)]
    return {key: (*each[:7], each[7] / each[8] if each[8] else -1) for key, each in sums.items()}


def told(usage: Sequence[Usage]) -> dict[tuple[str, ...], tuple[float, ...]]:
    """What came out."""
    return {
        tuple(each.by.values()): (
            each.requests,
            each.answered,
            each.refused,
            each.failed,
            each.prompt_tokens,
            each.answer_tokens,
            each.cost,
            -1 if each.first is None else each.first,
        )
        for each in usage
    }


def assert_alike(
    found: dict[tuple[str, ...], tuple[float, ...]], wanted: dict[tuple[str, ...], tuple[float, ...]]
) -> None:
    """The same but for roundings."""
    assert found.keys() == wanted.keys()
    for key, numbers in found.items():
        assert numbers == pytest.approx(wanted[key])


def rows(done: Sequence[Done]) -> tuple[Row, ...]:
    """As they are written."""
    return tuple(map(row, done))


@pytest.mark.parametrize("url", PLACES)
def test_sums_are_those_of_all_rows_by_whatever_is_wanted(url: str, tmp_path: Path) -> None:
    """Written in several batches, and there after the process has ended."""
    done = some(500)
    with writing(url, tmp_path) as it:
        for begin in range(0, 500, 180):
            it.ask(Insert(rows(done[begin : begin + 180])))
    with writing(url, tmp_path) as it:
        for by in ((each,) for each in BY):
            assert_alike(told(it.ask(Sum(by, NOW - 3600))), summed(done, by))
        by = parsed("model, tenant")
        usage = it.ask(Sum(by, NOW - 3600))
        assert by == ("tenant", "model")
        assert_alike(told(usage), summed(done, by))
        assert [each.requests for each in usage] == sorted((each.requests for each in usage), reverse=True)
        assert it.ask(Sum(by, NOW + 3600)) == ()


def test_what_is_too_old_is_let_go_of(tmp_path: Path) -> None:
    """Rows after some days, sums of minutes after more. ClickHouse does so by itself."""
    day = 86_400
    with writing("sqlite:///rows.db", tmp_path, rows=2, minutes=5) as it:
        for number, days in enumerate((0, 3, 6)):
            it.ask(Insert(rows(some(10, seed=number, before=days * day))))
    with writing("sqlite:///rows.db", tmp_path, rows=2, minutes=5) as it:
        (usage,) = [sum(each.requests for each in it.ask(Sum(("tenant",), 0.0)))]
    with sqlite3.connect(tmp_path / "rows.db") as connection:
        (left,) = connection.execute("select count(*) from request").fetchone()

    assert (left, usage) == (10, 20)


def test_a_batch_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """One whose last row is too short leaves neither rows nor sums."""
    with writing("sqlite:///rows.db", tmp_path) as it:
        good = rows(some(5))
        with pytest.raises(Fault, match="bindings"):
            it.ask(Insert((*good, good[0][:-1])))
        assert it.ask(Sum(("tenant",), 0.0)) == ()
        it.ask(Insert(good))
        assert sum(each.requests for each in it.ask(Sum(("tenant",), 0.0))) == 5


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite:///nowhere/rows.db", "unable to open database file"),
        ("http://127.0.0.1:9/x", "analytics: "),
    ],
)
def test_a_database_that_is_not_there_is_said(url: str, why: str, tmp_path: Path) -> None:
    """In one line."""
    with pytest.raises(Fault, match=why) as said, writing(url, tmp_path):
        pass
    assert "\n" not in str(said.value)


def test_what_waits_is_bounded_and_what_does_not_fit_is_counted() -> None:
    """The oldest stay; taken is taken."""
    lost: list[int] = []
    ring = Ring(lost.append)
    (one,) = some(1)
    for _ in range(MOST + 3):
        ring.over(one)

    assert (len(ring.taken()), lost, len(ring), ring.taken()) == (MOST, [1, 1, 1], 0, ())


def test_what_is_wanted_is_checked() -> None:
    """With what there is."""
    assert (ago("90s"), ago("2h"), ago("7d")) == (90, 7200, 604_800)
    for text in ("", "0h", "1", "h", "-1h", "1w", "1h1m"):
        with pytest.raises(Mistake, match="--since"):
            ago(text)
    for text in ("", "key", "tenant,colour", "tenant,tenant"):
        with pytest.raises(Mistake, match="sums are kept by tenant, model, backend, rack, outcome, reason"):
            parsed(text)


def ask(pair: Pair, number: int) -> None:
    """So many requests."""
    with pair.client() as ai:
        for _ in range(number):
            ai.chat.completions.create(model="llama", messages=HI, max_tokens=3)  # type: ignore[call-overload]


def usage(pair: Pair, by: str = "tenant") -> Counter[str]:
    """Requests, by one thing."""
    words = ("usage", "--by", by, "--since", "1h", "--admin", pair.admin, "--json")
    done = ran(*words, cwd=pair.file.parent)
    assert done.returncode == 0, done.stderr
    return Counter({each["by"][by]: each["requests"] for each in json.loads(done.stdout)["entries"]})


def so(what: str, holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    until(what, lambda: "" if holds() else "not yet", within=20)


@pytest.mark.slow
@pytest.mark.features("chdb")
def test_a_server_of_clickhouse_is_written_to_over_the_network(tmp_path: Path) -> None:
    """By the same client; one that is away is said."""
    done = some(300)
    with served(tmp_path) as url, writing(url, tmp_path) as it:
        it.ask(Insert(rows(done[:200])))
        it.ask(Insert(rows(done[200:])))
        for by in (("tenant",), ("model", "outcome"), ("backend", "reason")):
            wanted = parsed(",".join(by))
            assert_alike(told(it.ask(Sum(wanted, NOW - 3600))), summed(done, wanted))
    with pytest.raises(Fault, match="analytics: "), writing(url, tmp_path):
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A server of ClickHouse, and its URL."""
    program = [sys.executable, str(Path(__file__).parent / "clickhouse.py"), str(folder / "clickhouse")]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{int(server.stdout.readline())}/default?compress=false"
        finally:
            server.kill()


@pytest.mark.slow
def test_operators_see_who_asked_what(tmp_path: Path) -> None:
    """As a table, as JSON, and as it stands now; a word that means nothing is refused."""
    with paired(tmp_path) as pair:
        ask(pair, 3)
        so("it is written", lambda: usage(pair) == {"me": 3})
        words = ("--admin", pair.admin)
        table = ran("usage", "--by", "tenant,outcome", *words, cwd=tmp_path).stdout
        top = ran("top", *words, cwd=tmp_path).stdout
        wrong = ran("usage", "--by", "colour", *words, cwd=tmp_path)

        assert all(word in table for word in ("me", "answered", "3", "answer tokens"))
        assert all(word in top for word in ("ready", "llama", "me", "begins in"))
        assert (wrong.returncode, "--by: colour" in wrong.stderr) == (2, True)
        assert pair.key.encode() not in (tmp_path / "g-requests.db").read_bytes()


@pytest.mark.slow
def test_a_gateway_that_ends_has_written_all(tmp_path: Path) -> None:
    """Of all of its workers, to the last request."""
    with paired(tmp_path, lambda text: f"workers: 2\n{text}") as pair:
        ask(pair, 25)
        pair.gateway.process.send_signal(signal.SIGTERM)
        assert pair.gateway.end() == 0

    with sqlite3.connect(tmp_path / "g-requests.db") as connection:
        assert connection.execute("select count(*) from request").fetchone() == (25,)


@pytest.mark.slow
def test_a_writer_that_is_killed_is_followed_by_another(tmp_path: Path) -> None:
    """What was not written yet waits; nobody's request does."""
    with paired(tmp_path) as pair:
        ask(pair, 3)
        so("it is written", lambda: usage(pair) == {"me": 3})
        (writer,) = (
            Path(f"/proc/{pair.gateway.process.pid}/task/{pair.gateway.process.pid}/children").read_text().split()
        )
        os.kill(int(writer), signal.SIGKILL)
        ask(pair, 4)
        pair.gateway.until("rows wait, and it is tried again")

        pair.gateway.until("analytics are written again")
        assert usage(pair) == {"me": 7}


@pytest.mark.slow
def test_a_database_that_cannot_be_had_is_nobodys_trouble(tmp_path: Path) -> None:
    """It is said; who wants to know something is told why not."""
    with paired(tmp_path, lambda text: text.replace("sqlite:///g-requests.db", "sqlite:///nowhere/x.db")) as pair:
        pair.gateway.until("unable to open database file; rows wait, and it is tried again")
        ask(pair, 3)
        done = ran("usage", "--admin", pair.admin, cwd=tmp_path)
        assert (done.returncode, "their database is not open" in done.stderr) == (3, True)

        (tmp_path / "nowhere").mkdir()
        pair.gateway.until("analytics are written again")
        assert usage(pair, "model") == {"llama": 3}


@pytest.mark.slow
@pytest.mark.features("chdb")
def test_clickhouse_tells_the_same(tmp_path: Path) -> None:
    """Embedded, in a folder beside the file; there after a restart."""
    with paired(tmp_path, lambda text: text.replace("sqlite:///g-requests.db", "chdb:///rows")) as pair:
        ask(pair, 5)
        so(
            "it is written",
            lambda: ran("usage", "--admin", pair.admin, cwd=tmp_path).returncode == 0 and usage(pair) == {"me": 5},
        )
