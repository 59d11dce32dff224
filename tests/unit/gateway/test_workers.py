"""Several workers that are one gateway: as programs, before a simulator.

clients ---> socket 1 - worker 1 --+
        \\-> socket 2 - worker 2 --+--> simulator
                process with the admin address, the file, the accounts
"""

import asyncio
import json
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import grpc
import openai
import pytest
from commands import ran, started
from pair import HI, Pair, any_port, paired, refused
from prometheus_client.parser import text_string_to_metric_families

from gateway.config import reading
from gateway.crew import Cut, Look
from gateway.grpc.stubs import SERVICE, load
from gateway.keys import digest, made
from gateway.workers import crew
from gateway.workers.crew import Workers
from gateway.workers.process import MODULE

pytestmark = pytest.mark.slow

WORKERS = 3


def several(text: str) -> str:
    """A file with some workers."""
    return f"workers: {WORKERS}\n{text}"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A gateway with several workers before a simulator."""
    with paired(tmp_path, several) as it:
        it.gateway.until(rf"{WORKERS} workers")
        yield it


def wait(what: str, so: Callable[[], bool], within: float = 15) -> None:
    """Until something is so."""
    end = time.monotonic() + within
    while not so():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def pids(pair: Pair) -> list[int]:
    """Of the workers."""
    first = pair.gateway.process.pid
    below = map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())
    return [pid for pid in below if MODULE.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()]


def state(pair: Pair) -> dict[str, object]:
    """As operators see it."""
    found: dict[str, object] = json.loads(pair.told("/v1/state", pair.admin)[1])
    return found


def figure(pair: Pair, name: str, **labels: str) -> float:
    """The sum of a metric over all that has these labels."""
    families = text_string_to_metric_families(pair.told("/metrics", pair.admin)[1])
    samples = [each for family in families for each in family.samples if each.name == name]
    return sum(each.value for each in samples if labels.items() <= each.labels.items())


def ask(pair: Pair, key: str = "", within: float = 15) -> int:
    """The status of one request, over a connection of its own; 0 for no answer within some seconds."""
    body = json.dumps({"model": "llama", "messages": HI, "max_tokens": 1}).encode()
    host, port = pair.url.removeprefix("http://").split(":")
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key or pair.key}\r\n"
    with socket.create_connection((host, int(port)), within) as sock:
        sock.sendall(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        answer = b""
        try:
            while piece := sock.recv(65_536):
                answer += piece
        except TimeoutError:
            return 0
    return int(answer.split(b" ")[1])


def begun(ai: openai.OpenAI) -> "openai.Stream[object]":
    """A stream whose first token has come."""
    found = ai.chat.completions.create(model="llama", messages=HI, max_tokens=4000, stream=True)  # type: ignore[call-overload]
    next(found)
    return found  # type: ignore[no-any-return]


@contextmanager
def streams(pair: Pair, number: int) -> Iterator[list["openai.Stream[object]"]]:
    """So many endless streams, each over its own connection, begun."""
    pair.told("/admin/config", pair.server, b'{"timing": {"base": 0.3}}')
    clients = [pair.client() for _ in range(number)]
    try:
        with ThreadPoolExecutor(number) as together:
            found = list(together.map(begun, clients))  # named, for a stream that nobody holds is closed
        yield found
    finally:
        for ai in clients:
            ai.close()


def of_worker(pair: Pair, pid: int) -> int:
    """How many clients a worker has: sockets of its process that are at the gateway's port."""
    port = int(pair.url.rpartition(":")[2])
    inodes = sockets(pid)
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "01" and row[9] in inodes for row in connections(pid))


def listens(pid: int, port: int) -> bool:
    """Whether a process has a socket that listens there."""
    inodes = sockets(pid)
    return any(row[3] == "0A" and row[1].endswith(f":{port:04X}") and row[9] in inodes for row in connections(pid))


def sockets(pid: int) -> set[str]:
    """The inodes of a process's sockets."""
    found = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            if (to := os.readlink(fd)).startswith("socket:["):
                found.add(to[8:-1])
    return found


def connections(pid: int) -> list[list[str]]:
    """All of TCP as the kernel lists it."""
    texts = [Path(f"/proc/{pid}/net/{name}").read_text() for name in ("tcp", "tcp6")]
    return [line.split() for text in texts for line in text.splitlines()[1:]]


def test_a_limit_is_one_limit_over_all_of_them(tmp_path: Path) -> None:
    """To the request: as many are answered as one worker would answer, and each worker has answered some."""
    limit = "requests_per_minute: 600"
    with paired(tmp_path, lambda text: several(text).replace(limit, "requests_per_minute: 30")) as pair:
        began = time.monotonic()
        said = Counter(ask(pair) for _ in range(60))
        refilled = (time.monotonic() - began) / 2

        assert set(said) == {200, 429}
        assert 30 <= said[200] <= 30 + refilled + 1
        assert figure(pair, "gateway_requests_total", outcome="answered") == said[200]
        assert figure(pair, "gateway_requests_total", reason="requests") == said[429]


def test_as_many_at_once_as_one_may_have_over_all_of_them(tmp_path: Path) -> None:
    """Also again after a worker that had some of them was killed: what it held is free."""
    with paired(tmp_path, lambda text: several(text).replace("requests_per_minute: 600", "concurrency: 6")) as pair:
        with streams(pair, 6):
            assert ask(pair) == 429
            holds = {pid: of_worker(pair, pid) for pid in pids(pair)}
            assert sum(holds.values()) == 6
            busiest = max(holds, key=lambda pid: holds[pid])
            os.kill(busiest, signal.SIGKILL)
            wait("what it held is free", lambda: running(pair) == 6 - holds[busiest])
            assert ask(pair) == 200
        wait("all is free", lambda: running(pair) == 0)


def running(pair: Pair) -> object:
    """Requests of the tenant's, over all workers."""
    tenants = state(pair)["tenants"]
    assert isinstance(tenants, list)
    return tenants[0]["running"]


def test_a_worker_that_is_killed_loses_only_its_own(pair: Pair) -> None:
    """The streams of others go on; another worker takes its place, and no counter goes back."""
    asked = [ask(pair) for _ in range(20)]
    with streams(pair, 12) as begun:
        holds = {pid: of_worker(pair, pid) for pid in pids(pair)}
        victim = max(holds, key=lambda pid: holds[pid])
        assert 0 < holds[victim] < 12
        before = figure(pair, "gateway_requests_total")
        os.kill(victim, signal.SIGKILL)
        broken = 0
        for each in begun:
            try:
                for _ in range(10):  # more than could have come before
                    next(each)
            except openai.APIError:
                broken += 1

        assert broken == holds[victim]
        assert figure(pair, "gateway_requests_total") >= before
    pair.gateway.until(rf"\(pid {victim}\) was killed by SIGKILL; another is started")
    wait("all are there again", lambda: state(pair)["workers"] == WORKERS)
    assert victim not in pids(pair)
    assert figure(pair, "gateway_worker_restarts_total") == 1
    assert asked + [ask(pair) for _ in range(20)] == [200] * 40
    assert figure(pair, "gateway_requests_total", outcome="answered") >= 40


def test_who_waits_at_the_socket_of_a_worker_that_died_is_served_by_the_next(pair: Pair) -> None:
    """A connection that no worker has taken yet is not lost with one."""
    for pid in pids(pair):
        os.kill(pid, signal.SIGSTOP)
    host, port = pair.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 15) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        for pid in pids(pair):
            os.kill(pid, signal.SIGKILL)

        assert sock.recv(100).startswith(b"HTTP/1.1 200")


def test_a_key_is_worth_nothing_on_any_of_them_within_a_second(pair: Pair) -> None:
    """Connections go to all of them; a moment after the file has changed each says 401."""
    key = made(b"x" * 32)
    file = pair.file.read_text()
    pair.file.write_text(file.replace("keys:\n", f"keys:\n  - {{tenant: me, sha256: {digest(key.encode()).hex()}}}\n"))
    pair.gateway.until("read anew")
    assert {ask(pair, key) for _ in range(15)} == {200}

    pair.file.write_text(file)

    assert let_in_for(pair, key) < 1


def test_one_of_them_that_hangs_keeps_nobody_from_the_news(pair: Pair) -> None:
    """A key that is taken out is worth nothing on those that serve, within a second."""
    key = made(b"x" * 32)
    file = pair.file.read_text()
    pair.file.write_text(file.replace("keys:\n", f"keys:\n  - {{tenant: me, sha256: {digest(key.encode()).hex()}}}\n"))
    pair.gateway.until("read anew")
    hangs = pids(pair)[0]
    os.kill(hangs, signal.SIGSTOP)
    pair.file.write_text(file)

    assert let_in_for(pair, key) < 1
    os.kill(hangs, signal.SIGCONT)


def let_in_for(pair: Pair, key: str) -> float:
    """Seconds from now for which a key is let in by any worker that answers: until 20 connections in a row were not."""
    began, last, refused = time.monotonic(), 0.0, 0
    while refused < 20:
        status = ask(pair, key, within=0.2)
        assert status in (200, 401, 0), "0: one that hangs"
        refused = refused + (status == 401) if status != 200 else 0
        last = time.monotonic() - began if status == 200 else last
    return last


def test_a_file_that_one_of_them_cannot_follow_changes_none(pair: Pair) -> None:
    """What is not in the file but beside it, such as a backend's key, is found out before any of them is told."""
    key = pair.file.read_text()
    pair.file.write_text(key.replace("- url: ", '- key: "env:NOT_THERE_AT_ALL"\n        url: '))
    pair.gateway.until("the old settings stay: env:NOT_THERE_AT_ALL: is empty")

    assert {ask(pair) for _ in range(9)} == {200}
    assert figure(pair, "gateway_reloads_total", outcome="refused") == 1
    assert state(pair)["workers"] == WORKERS


def test_how_many_there_are_cannot_be_changed_under_way(pair: Pair) -> None:
    """It is said, and all goes on."""
    pair.file.write_text(pair.file.read_text().replace(f"workers: {WORKERS}", "workers: 2"))

    pair.gateway.until("workers cannot be changed while the gateway runs; restart it")
    assert len(pids(pair)) == WORKERS


def test_a_server_taken_out_is_out_for_all_of_them_and_for_one_that_comes_later(pair: Pair) -> None:
    """As long as the operator does not take it back."""
    server, home = pair.server.removeprefix("http://"), pair.file.parent
    drained = json.loads(ran("drain", "llama", server, "--admin", pair.admin, "--json", cwd=home).stdout)
    assert drained["backends"][0]["state"] == "draining"
    assert {ask(pair) for _ in range(9)} == {503}
    for pid in pids(pair):
        os.kill(pid, signal.SIGKILL)
    wait("new ones are there", lambda: state(pair)["workers"] == WORKERS)

    assert {ask(pair) for _ in range(9)} == {503}
    ran("return", "llama", server, "--admin", pair.admin, cwd=home)
    assert {ask(pair) for _ in range(9)} == {200}


def test_all_of_them_finish_what_they_have_and_end(pair: Pair) -> None:
    """Nothing new is taken meanwhile; operators see it to the end."""
    with streams(pair, 6) as begun:
        workers = pids(pair)
        pair.gateway.process.send_signal(signal.SIGTERM)
        pair.gateway.until("stopping")
        host, port = pair.url.removeprefix("http://").split(":")
        wait("nobody listens there", lambda: refused(host, int(port)))

        for each in begun:
            next(each)
        assert state(pair)["draining"] is True
        assert figure(pair, "gateway_in_flight") == 6
    assert pair.gateway.end() == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_a_second_signal_cuts_off_what_any_of_them_has(pair: Pair) -> None:
    """Who reads it is told."""
    with streams(pair, 6) as begun:
        pair.gateway.process.send_signal(signal.SIGTERM)
        pair.gateway.until("stopping")
        pair.gateway.process.send_signal(signal.SIGTERM)
        for each in begun:
            with pytest.raises(openai.APIError):
                list(each)
        assert pair.gateway.end() == 0


def test_workers_of_a_gateway_that_was_killed_end_by_themselves(pair: Pair) -> None:
    """And their address is free at once for the next."""
    workers = pids(pair)
    pair.gateway.process.kill()
    pair.gateway.end()
    wait("they end", lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    text = pair.file.read_text().replace("listen: 127.0.0.1:0", f"listen: {pair.url.removeprefix('http://')}")
    pair.file.write_text(text)

    with started("serve", "g.yml", cwd=pair.file.parent) as second:
        assert second.until(r"gateway on (http://\S+)\n") == pair.url
        assert ask(pair) == 200


def test_a_worker_told_to_end_finishes_what_it_has_and_is_followed_by_another(pair: Pair) -> None:
    """Which is how memory that somebody does not like is got rid of without anybody's notice."""
    with streams(pair, 1) as (stream,):
        (own,) = (pid for pid in pids(pair) if of_worker(pair, pid))
        os.kill(own, signal.SIGTERM)
        for _ in range(10):
            next(stream)
    pair.gateway.until(rf"\(pid {own}\) ended with 0; another is started")
    wait("all are there again", lambda: state(pair)["workers"] == WORKERS)


def test_grpc_is_served_by_all_of_them_and_by_no_other_gateway(tmp_path: Path) -> None:
    """The address is theirs, though each has its own socket."""
    with paired(tmp_path, lambda text: several(text) + "grpc: 127.0.0.1:0\n") as pair:
        where = pair.gateway.until(r"grpc on (\S+)\n")
        stubs = load()
        told = stubs.message("ModelsReply").FromString
        for _ in range(6):
            with grpc.insecure_channel(where, options=(("grpc.use_local_subchannel_pool", 1),)) as channel:
                call = channel.unary_unary(f"/{SERVICE}/Models", bytes, told)
                models = call(b"", timeout=10, metadata=(("authorization", f"Bearer {pair.key}"),))
                assert "llama" in str(models)
        assert sum(listens(pid, int(where.rpartition(":")[2])) for pid in pids(pair)) == WORKERS
        text = pair.file.read_text().replace("grpc: 127.0.0.1:0", f"grpc: {where}")
        (tmp_path / "second.yml").write_text(text)
        with started("serve", "second.yml", cwd=tmp_path) as second:
            assert second.end() == 3

        assert f"{where}: cannot listen there: Address already in use" in second.said


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("listen: 127.0.0.1:0", "listen: 192.0.2.1:80", 3, "192.0.2.1:80: cannot listen there"),
        ("listen:", "tls: {certificate: none.pem}\nlisten:", 2, "none.pem"),
        ("- url: ", '- key: "env:NOT_THERE_AT_ALL"\n        url: ', 2, "env:NOT_THERE_AT_ALL: is empty"),
        ("workers: 3", "workers: 0", 2, "workers"),
    ],
)
def test_what_cannot_begin_says_why(old: str, new: str, code: int, said: str, tmp_path: Path) -> None:
    """Though it is a worker that finds out; in one line, and nothing is left."""
    ran("init", "g.yml", cwd=tmp_path)
    file = tmp_path / "g.yml"
    any_port(file, "http://127.0.0.1:9")
    file.write_text(several(file.read_text()).replace(old, new))
    done = ran("serve", "g.yml", cwd=tmp_path)

    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_worker_that_hangs_is_killed_and_followed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its neighbours answer meanwhile; it is told how long it said nothing."""
    monkeypatch.setattr(crew, "SILENT", 1.0)
    monkeypatch.setattr(crew, "WITHIN", 0.2)
    monkeypatch.setattr(crew, "EVERY", 0.1)
    ran("init", "g.yml", cwd=tmp_path)
    any_port(tmp_path / "g.yml", "http://127.0.0.1:9")
    file = tmp_path / "g.yml"
    file.write_text(several(file.read_text()))
    said: list[str] = []

    async def work() -> None:
        workers = Workers(reading.read(file), file, stop=lambda: None, say=said.append)
        async with asyncio.timeout(30), workers.running():
            children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
            hangs = max(map(int, children))
            os.kill(hangs, signal.SIGSTOP)
            reports = await workers.ask(Look())
            assert sum(each.state is not None for each in reports) == WORKERS - 1
            while not any(f"(pid {hangs}) was killed by SIGKILL" in each for each in said):
                await asyncio.sleep(0.01)
            while sum(each.state is not None for each in await workers.ask(Look())) < WORKERS:
                await asyncio.sleep(0.01)
            await workers.ask(Cut())

    asyncio.run(work())

    assert any("has said nothing for 1 s: it is killed" in each for each in said)
    assert workers_left() == []


def workers_left() -> list[str]:
    """Processes of workers whose parent is this one."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def test_workers_killed_at_random_under_load_leave_nothing_held(pair: Pair) -> None:
    """Whatever they were at; the gateway answers, and its accounts are even."""
    chance = Random(1)
    for _ in range(4):
        with streams(pair, 6) as begun:
            os.kill(chance.choice(pids(pair)), signal.SIGKILL)
            for each in begun:
                with suppress(openai.APIError):
                    next(each)
        wait("all are there again", lambda: state(pair)["workers"] == WORKERS)
    wait("nothing is held", lambda: running(pair) == 0)

    assert ask(pair) == 200
