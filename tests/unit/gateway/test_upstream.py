"""The clients to servers of models: what they send, how they read what comes, and that nothing stays of them.

Each is tried where both are to do the same; what only our own does has tests of its own below."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from threading import Event, Thread

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from plain import run, until
from scripted import Server, says, scripted

from gateway.upstream import UPSTREAMS
from gateway.upstream.http1 import Http1
from gateway.upstream.model import Answer, Call, Failed, Patience, Trouble, Upstream
from gateway.upstream.wire import Where, where

pytestmark = pytest.mark.slow

Loop = Callable[[], asyncio.AbstractEventLoop]

OK = b"HTTP/1.1 200 OK\r\n"
LONG = OK + b"content-length: 5\r\n\r\nhello"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
CALL = Call(b"/v1/x", ((b"x-a", b"1"),), b"{}")

both = pytest.mark.parametrize("kind", ["http1", "aiohttp"])


async def body(answer: Answer) -> bytes:
    """The whole of it."""
    pieces = []
    while piece := await answer.read():
        pieces.append(piece)
    answer.close()
    return b"".join(pieces)


def opened(kind: str, server: Server, **patience: float) -> Upstream:
    """A client of that kind."""
    return UPSTREAMS[kind](server.url + "/base/", tls=None, patience=Patience(**patience))


@both
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (LONG, b"hello"),
        (CHUNKED, b"hello world"),
        (OK + b"connection: close\r\n\r\nto the end", b"to the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + LONG, b"hello"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (OK + b"content-length: 0\r\n\r\n", b""),
        (CHUNKED.replace(b"0\r\n\r\n", b"0\r\nx-trailer: 1\r\n\r\n"), b"hello world"),
        (CHUNKED.replace(b"5\r\n", b"5;ext=1\r\n"), b"hello world"),
    ],
)
def test_answers_are_read_to_their_end(kind: str, said: bytes, expected: bytes) -> None:
    """However it is told where that is; also when they come byte by byte."""

    async def work() -> None:
        for pieces in ([said], [said[at : at + 1] for at in range(len(said))]):
            async with scripted(says(*pieces)) as server:
                upstream = opened(kind, server)
                answer = await upstream.ask(CALL)
                assert await body(answer) == expected
                assert answer.status in (200, 204)
                await upstream.close()

    run(work())


@both
def test_a_call_is_sent_as_it_is(kind: str) -> None:
    """With what frames it, and where it goes."""

    async def work() -> None:
        async with scripted(says(LONG)) as server:
            upstream = opened(kind, server)
            await body(await upstream.ask(CALL))
            head, sent = server.calls[0].split(b"\r\n\r\n")
            lines = head.split(b"\r\n")

            assert lines[0] == b"POST /base/v1/x HTTP/1.1"
            assert {b"x-a: 1", b"content-length: 2", b"host: 127.0.0.1:%d" % server.port} <= {
                line if line.startswith(b"x-a") else line.lower() for line in lines[1:]
            }
            assert sent == b"{}"
            await upstream.close()

    run(work())


@both
@pytest.mark.parametrize(
    ("said", "reset", "trouble"),
    [
        (b"", False, Trouble.BROKEN),
        (b"", True, Trouble.BROKEN),
        (OK + b"content-length: 5\r\n\r\n", False, Trouble.BROKEN),
        (OK[:9], False, Trouble.BROKEN),
        (b"SSH-2.0-OpenSSH_9.2\r\n", False, Trouble.GARBLED),
        (b"\x00\x01\x02\x03\x04\x05\x06\x07", False, Trouble.GARBLED),
        (b"HTTP/1.1 abc\r\n\r\n", False, Trouble.GARBLED),
        (OK + b"transfer-encoding: chunked\r\n\r\nxyz\r\n", False, Trouble.GARBLED),
        (OK + b"content-length: -5\r\n\r\nhello", False, Trouble.GARBLED),
        (OK + b"bad header\r\n\r\n", False, Trouble.GARBLED),
        (OK + b"a: " + b"b" * 100_000, False, Trouble.GARBLED),
    ],
)
def test_what_is_no_answer_is_told_from_one_that_breaks_off(
    kind: str, said: bytes, reset: bool, trouble: Trouble
) -> None:
    """Before its body has begun, a call has failed."""

    async def work() -> None:
        async with scripted(says(said, reset=reset)) as server:
            upstream = opened(kind, server)
            with pytest.raises(Failed) as failed:
                await upstream.ask(CALL)
            assert failed.value.trouble is trouble
            await upstream.close()

    run(work())


@both
@pytest.mark.parametrize(
    ("said", "reset"),
    [
        (OK + b"content-length: 50\r\n\r\nhello", False),
        (OK + b"content-length: 50\r\n\r\nhello", True),
        (CHUNKED[:-5], False),
        (CHUNKED[:-2], False),
        (CHUNKED[:-9], True),
    ],
)
def test_a_body_that_breaks_off_is_never_taken_for_whole(kind: str, said: bytes, reset: bool) -> None:
    """What came of it is given first; then it has failed."""

    async def work() -> None:
        async with scripted(says(said, reset=reset)) as server:
            upstream = opened(kind, server)
            answer = await upstream.ask(CALL)
            with pytest.raises(Failed) as failed:
                await body(answer)
            assert failed.value.trouble is Trouble.BROKEN
            answer.close()
            await upstream.close()

    run(work())


@both
@pytest.mark.parametrize("stage", ["head", "body"])
def test_silence_is_waited_out_for_so_long(kind: str, stage: str) -> None:
    """Before an answer begins, and between two pieces of it."""

    async def work() -> None:
        said = OK if stage == "head" else OK + b"content-length: 50\r\n\r\nhello"
        async with scripted(says(said, stays=True)) as server:
            upstream = opened(kind, server, begin=0.1 if stage == "head" else 5, idle=0.1)
            with pytest.raises(Failed) as failed:
                await body(await upstream.ask(CALL))
            assert failed.value.trouble is Trouble.LATE
            await until("nothing stays", lambda: server.open == 0)
            await upstream.close()

    run(work())


@both
def test_where_nobody_listens_is_told(kind: str) -> None:
    """As unreachable."""

    async def work() -> None:
        async with scripted(says(LONG)) as server:
            pass
        upstream = opened(kind, server)
        with pytest.raises(Failed) as failed:
            await upstream.ask(CALL)
        assert failed.value.trouble is Trouble.UNREACHABLE
        await upstream.close()

    run(work())


@both
@pytest.mark.parametrize("stage", ["asking", "reading"])
def test_what_is_not_wanted_any_more_is_cut_off(kind: str, stage: str) -> None:
    """The server sees it at once."""

    async def work() -> None:
        said = () if stage == "asking" else (OK + b"content-length: 50\r\n\r\nhello",)
        async with scripted(says(*said, stays=True)) as server:
            upstream = opened(kind, server)
            task = asyncio.create_task(upstream.ask(CALL))
            await until("it is asked", lambda: bool(server.calls))
            if stage == "asking":
                task.cancel()
                await asyncio.wait([task])
            else:
                (await task).close()
            began = time.monotonic()
            await until("it is cut off", lambda: server.open == 0)
            assert time.monotonic() - began < 0.5  # on a busy machine
            await upstream.close()

    run(work())


@both
def test_connections_are_used_again(kind: str) -> None:
    """The same one, for one call after the other; as many as there are at once."""

    async def work() -> None:
        async with scripted(says(LONG), again=True) as server:
            upstream = opened(kind, server)
            for _ in range(3):
                assert await body(await upstream.ask(CALL)) == b"hello"
            assert server.connections == 1
            answers = await asyncio.gather(*(upstream.ask(CALL) for _ in range(5)))
            assert [await body(each) for each in answers] == [b"hello"] * 5
            assert server.connections <= 5
            await upstream.close()
            await until("nothing stays", lambda: server.open == 0)

    run(work())


@both
def test_a_kept_connection_that_the_server_closed_is_nobody_s_failure(kind: str) -> None:
    """The call goes by another."""

    async def work() -> None:
        async with scripted(says(LONG)) as server:  # one request a connection
            upstream = opened(kind, server)
            for _ in range(3):
                assert await body(await upstream.ask(CALL)) == b"hello"
            assert server.connections == 3
            await upstream.close()

    run(work())


@both
def test_a_reader_that_does_not_read_is_not_read_for(kind: str) -> None:
    """What comes waits in the kernel, and then at the server."""

    async def work() -> None:
        sent = 0

        async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            writer.write(OK + b"content-length: 40000000\r\n\r\n")
            while sent < 40_000_000:
                writer.write(b"x" * 100_000)
                sent += 100_000
                await writer.drain()

        async with scripted(endless) as server:
            upstream = opened(kind, server)
            answer = await upstream.ask(CALL)
            before = -1
            while before != sent:
                before = sent
                await asyncio.sleep(0.05)  # long enough for all that fits
            assert sent < 30_000_000
            assert len(await body(answer)) == 40_000_000
            await upstream.close()

    run(work())


# What only our own does.


def own(server: Server, **patience: float) -> Http1:
    return Http1(server.url, patience=Patience(**patience))


@pytest.mark.parametrize(
    "said",
    [
        OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"content-length: 5\r\ncontent-length: 5\r\n\r\nhello",
        OK + b"transfer-encoding: gzip\r\n\r\nhello",
        OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + LONG,
        OK + b"a: b\r\n" * 300 + b"\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\n5;" + b"x" * 100_000,
        OK + b"transfer-encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 300 + b"\r\n",
        OK + b"transfer-encoding: chunked\r\n\r\n0\r\na: " + b"b" * 100_000,
        OK + b"transfer-encoding: chunked\r\n\r\nfffffffffffffffffff\r\n",
    ],
)
def test_what_could_be_read_in_two_ways_is_not_read(said: bytes) -> None:
    """Nor is what never ends."""

    async def work() -> None:
        async with scripted(says(said, stays=True)) as server:
            upstream = own(server)
            with pytest.raises(Failed) as failed:
                await upstream.ask(CALL)
            assert failed.value.trouble is Trouble.GARBLED
            await until("nothing stays", lambda: server.open == 0)

    run(work())


@pytest.mark.parametrize("more", [b"x", LONG, b"HTTP/1.1"])
def test_what_nobody_asked_for_ends_the_connection(more: bytes) -> None:
    """The answer before it is whole, and is given."""

    async def work() -> None:
        async with scripted(says(LONG + more, stays=True)) as server:
            upstream = own(server)
            assert await body(await upstream.ask(CALL)) == b"hello"
            await until("nothing stays", lambda: server.open == 0)

    run(work())


@pytest.mark.parametrize("header", [b"connection: close", b"keep-alive: timeout=1"])
def test_a_connection_is_kept_no_longer_than_its_server_says(header: bytes) -> None:
    """Not at all, or a little less than that."""

    async def work() -> None:
        said = OK + header + b"\r\ncontent-length: 5\r\n\r\nhello"
        async with scripted(says(said), again=True) as server:
            upstream = own(server)
            await body(await upstream.ask(CALL))
            await until("nothing stays", lambda: server.open == 0)

    run(work())


def test_an_idle_connection_comes_to_its_end() -> None:
    """When nobody has used it for so long."""

    async def work() -> None:
        async with scripted(says(LONG), again=True) as server:
            upstream = own(server, keep=0.05)
            await body(await upstream.ask(CALL))
            await until("nothing stays", lambda: server.open == 0)
            assert await body(await upstream.ask(CALL)) == b"hello"
            await upstream.close()

    run(work())


def test_an_answer_that_is_whole_frees_its_connection_though_nobody_has_read_it() -> None:
    """And reading it later is not disturbed by what goes on there."""

    async def work() -> None:
        async with scripted(says(LONG), again=True) as server:
            upstream = own(server)
            first = await upstream.ask(CALL)
            second = await upstream.ask(CALL)
            assert server.connections == 1
            first.close()
            assert await body(second) == b"hello"
            await upstream.close()

    run(work())


@contextmanager
def thread(after: float) -> Iterator[tuple[str, Event]]:
    """A server in a thread of its own, which answers one call after so many seconds; its URL, and that it was asked."""
    asked = Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.settimeout(10)
                connection.recv(65_536)
                asked.set()
                time.sleep(after)  # the work of the server, which is what is measured
                connection.sendall(LONG)
                connection.recv(1)

        serving = Thread(target=serve, daemon=True)
        serving.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("busy", [0.6, 0.0])
def test_a_busy_loop_is_not_blamed_on_the_server(loop: Loop, busy: float) -> None:
    """Its answer lies in the kernel meanwhile, and that time does not count; where the loop is idle all of it does."""

    async def work() -> float:
        with thread(after=0.1) as (url, asked):
            upstream = Http1(url)
            asking = asyncio.create_task(upstream.ask(CALL))
            while not asked.is_set():
                await asyncio.sleep(0)
            end = time.monotonic() + busy
            while time.monotonic() < end:
                pass
            answer = await asking
            await upstream.close()
            return answer.seconds

    with asyncio.Runner(loop_factory=loop) as runner:
        seconds = runner.run(asyncio.wait_for(work(), 10))
    assert seconds > 0.09
    assert seconds < 0.5 or not busy


WHOLES = {LONG: b"hello", CHUNKED: b"hello world", b"HTTP/1.1 204 X\r\n\r\n": b""}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(WHOLES)), st.integers(0, 120), st.lists(st.integers(0, 120), max_size=5), st.binary())
def test_however_it_comes_it_is_whole_or_failed(whole: bytes, cut: int, places: list[int], junk: bytes) -> None:
    """A valid answer in any pieces is read as it is. Cut off anywhere, and followed by anything, it fails or is read;
    nothing hangs, and no connection stays."""

    async def work() -> None:
        said = whole[:cut] + (junk if cut < len(whole) else b"")
        at = [0, *sorted(each % (len(said) + 1) for each in places), len(said)]
        async with scripted(says(*(said[begin:end] for begin, end in pairwise(at)))) as server:
            upstream = own(server)
            try:
                got = await body(await upstream.ask(CALL))
            except Failed:
                assert cut < len(whole), "it was whole"
            else:
                assert got == WHOLES[whole] or cut < len(whole)
            await upstream.close()
            await until("nothing stays", lambda: server.open == 0)

    run(work())


@pytest.mark.parametrize(
    "call",
    [
        Call(b"/a b"),
        Call(b"/a\r\nx: y"),
        Call(b"no/slash"),
        Call(b"/", ((b"x", b"1\r\ny: 2"),)),
        Call(b"/", ((b"x", b"1\x00"),)),
        Call(b"/", ((b"x y", b"1"),)),
        Call(b"/", ((b"x\n", b"1"),)),
        Call(b"/", method=b"HEAD"),
        Call(b"/", method=b"GET /x"),
    ],
)
def test_what_would_be_two_calls_is_not_sent(call: Call) -> None:
    """It is an error of ours, so it is loud."""

    async def work() -> None:
        async with scripted(says(LONG)) as server:
            with pytest.raises(ValueError, match=r"cannot be sent|no name|CR, LF"):
                await own(server).ask(call)
            assert server.connections == 0

    run(work())


def test_headers_that_frame_are_not_the_callers() -> None:
    """Those given are left out."""

    async def work() -> None:
        async with scripted(says(LONG)) as server:
            upstream = own(server)
            framing = ((b"content-length", b"99"), (b"host", b"other"), (b"transfer-encoding", b"chunked"))
            await body(await upstream.ask(Call(b"/", framing, b"{}")))
            head = server.calls[0]
            assert (b"length: 99" in head, b"other" in head, b"chunked" in head) == (False, False, False)
            await upstream.close()

    run(work())


@pytest.mark.parametrize(
    "url",
    ["ftp://h", "http://", "http://h:x", "http://u:p@h", "http://h/?q", "http://h/a b", "http://a b", "http://[::"],
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    """When it is given, not when it is asked."""
    with pytest.raises(ValueError, match=r"is not http|cannot be sent|is no URL|no host"):
        Http1(url)


def test_urls() -> None:
    """IPv6, default ports, paths."""
    assert where("http://[::1]:80/v1/") == Where("::1", 80, False, b"[::1]:80", b"/v1")
    assert where("http://bücher.example").host == "xn--bcher-kva.example"
    assert where("https://h") == Where("h", 443, True, b"h", b"")
