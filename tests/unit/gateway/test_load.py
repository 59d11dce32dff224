"""Load that does not wait for answers, and what it finds out."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from aiohttp import web
from commands import environment, started
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Mistake
from gateway.load.asking import PAUSE, loaded, sent
from gateway.load.model import Ask, Came, Fate, Result, Sums, Wanted, poisson, traced

ASK = Ask(0.0)
WHOLE = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7}}
Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def served(answering: Answering) -> AsyncGenerator[str]:
    """A server that answers so."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", answering)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


def run(answering: Answering, asks: list[Ask], **more: object) -> Result:
    """What comes of requests to such a server."""

    async def work() -> Result:
        async with asyncio.timeout(30), served(answering) as url:
            return await loaded(Wanted(url, "m", **more), asks)  # type: ignore[arg-type]  # as tests give them

    return asyncio.run(work())


async def whole(_: web.Request) -> web.StreamResponse:
    """An answer at once."""
    return web.json_response(WHOLE)


@given(st.floats(0.5, 200), st.floats(0.1, 20), st.integers(0, 100))
def test_moments_are_in_order_and_follow_from_the_seed(rate: float, seconds: float, seed: int) -> None:
    """All within the time, each later than the one before."""
    found = list(poisson(rate, seconds, ASK, Random(seed).expovariate))

    assert found == list(poisson(rate, seconds, ASK, Random(seed).expovariate))
    assert all(0 < each.at < seconds for each in found)
    assert all(a.at < b.at for a, b in pairwise(found))


def test_moments_are_as_many_and_as_random_as_is_said() -> None:
    """Mean and spread of the times between them are those of an exponential distribution."""
    found = [each.at for each in poisson(100, 200, ASK, Random(7).expovariate)]
    gaps = [b - a for a, b in pairwise(found)]
    mean = sum(gaps) / len(gaps)
    spread = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5

    assert len(found) == pytest.approx(20_000, rel=0.03)
    assert spread == pytest.approx(mean, rel=0.05)


def test_a_trace_is_a_line_of_json_for_each() -> None:
    """In any order; a line that is none is named."""
    assert traced('{"at": 2, "prompt": 5}\n\n{"at": 0.5, "answer": 9}\n', "t") == [Ask(0.5, 20, 9), Ask(2.0, 5, 50)]
    for text, why in (
        ("", "t: no requests in it"),
        ('{"at": 1}\n{"at": -1}', "t:2: Expected `float` >= 0"),
        ('{"prompt": 1}', "t:1: Object missing required field `at`"),
        ("at 1", "t:1: JSON is malformed"),
    ):
        with pytest.raises(Mistake, match=why.replace("(", r"\(")):
            traced(text, "t")


def test_a_server_that_stands_still_is_seen_by_all_who_would_have_asked() -> None:
    """For a second: half of those that were due meanwhile wait for more than half a second, not one."""

    async def stands(_: web.Request) -> web.StreamResponse:
        now = asyncio.get_running_loop().time()
        begun.append(now)
        await asyncio.sleep(max(begun[0] + 1.0 - now, 0.0))
        return web.json_response(WHOLE)

    begun: list[float] = []
    found = run(stands, [Ask(number / 100) for number in range(200)])

    took = HdrHistogram.decode(found.took.hdr)
    slow = sum(
        each.count_added_in_this_iter_step for each in took.get_recorded_iterator() if each.value_iterated_to >= 500_000
    )
    assert found.fates == {"answered": 200}
    assert 40 <= slow <= 65
    assert found.took.most == pytest.approx(1.0, abs=0.2)
    assert found.took.p50 < 0.3


@pytest.mark.parametrize("status", [429, 503, 500, 404])
def test_what_is_refused_is_told_from_what_fails(status: int) -> None:
    """And neither is in the times, nor in the goodput."""

    async def every_other(_: web.Request) -> web.StreamResponse:
        asked.append(1)
        return web.json_response(WHOLE) if len(asked) % 2 else web.json_response({}, status=status)

    asked: list[int] = []
    found = run(every_other, [Ask(number / 50) for number in range(20)])

    fate = "refused" if status in (429, 503) else "failed"
    assert found.fates == {"answered": 10, fate: 10}
    assert found.whys == {str(status): 10}
    assert HdrHistogram.decode(found.took.hdr).get_total_count() == 10
    assert found.goodput == pytest.approx(found.offered / 2)
    assert found.tokens == pytest.approx(found.goodput * 7)


def test_a_stream_that_breaks_off_is_no_answer() -> None:
    """Whether its connection breaks, or it just ends."""

    async def broken(request: web.Request) -> web.StreamResponse:
        asked.append(1)
        answer = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(b'data: {"choices": []}\n\n')
        await asyncio.sleep(0.05)
        if len(asked) == 1:
            assert request.transport is not None
            request.transport.abort()
        elif len(asked) == 2:
            await answer.write(b'data: {"usage": {"prompt_tokens": 1, "completion_tokens": 3}}\n\ndata: [DONE]\n\n')
        return answer

    asked: list[int] = []
    found = run(broken, [Ask(0.0), Ask(0.2), Ask(0.4)], kind="stream")

    assert found.fates == {"broken": 2, "answered": 1}
    assert found.whys["it ended without saying so"] == 1
    assert found.first.most < 0.05 <= found.took.most
    assert found.tokens == pytest.approx(3 / 0.4)


def test_what_takes_too_long_is_given_up() -> None:
    """And nobody waits for it any longer."""

    async def never(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(20)
        return web.json_response(WHOLE)

    found = run(never, [ASK], patience=0.2)

    assert found.fates == {"late": 1}


def test_times_are_known_to_three_digits_however_many_there_are() -> None:
    """From microseconds to an hour."""
    sums = Sums()
    for value in (0.0005, 0.25, 0.25, 1800.0):
        sums.add(Came(Fate.ANSWERED, "", 0.0, value / 2, value, 1))
    found = sums.result(2.0)

    assert (found.offered, found.goodput, found.tokens) == (2.0, 2.0, 2.0)
    assert found.took.p50 == pytest.approx(0.25, rel=1e-3)
    assert found.took.most == pytest.approx(1800, rel=1e-3)
    assert found.first.p50 == pytest.approx(0.125, rel=1e-3)


def load(*words: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """`closlab load ...`."""
    command = [sys.executable, "-m", "labs.cli", "load", *words]
    return subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.slow
def test_a_simulated_server_is_loaded_from_the_command_line(tmp_path: Path) -> None:
    """As a table and as JSON, whole answers and streams, by chance and by a trace."""
    (tmp_path / "t.jsonl").write_text(
        "\n".join(json.dumps({"at": n / 10, "prompt": 9, "answer": 5}) for n in range(10))
    )
    with started("sim", "--listen", "127.0.0.1:0", cwd=tmp_path) as simulator:
        url = simulator.until(r"on (http://\S+)\n") + "/v1"
        table = load(url, "--rate", "30", "--seconds", "1", "--answer", "5", cwd=tmp_path)
        streams = load(url, "--trace", "t.jsonl", "--stream", "--json", cwd=tmp_path)

    assert table.returncode == 0, table.stderr
    assert all(word in table.stdout for word in ("answered", "goodput", "p99.9", "until its answer began"))
    found = json.loads(streams.stdout)
    assert (found["version"], found["requests"], found["fates"]) == (1, 10, {"answered": 10})
    assert found["tokens"] == pytest.approx(10 * 5 / 0.9, rel=0.01)
    assert HdrHistogram.decode(found["took"]["hdr"]).get_total_count() == 10
    assert 0 < found["first"]["p50"] <= found["took"]["p50"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("http://127.0.0.1:9/v1", "--seconds", "1"), 3, "none was answered"),
        (("127.0.0.1:9",), 2, "127.0.0.1:9: not http://HOST:PORT/v1"),
        (("http://127.0.0.1:9/v1", "--rate", "0"), 2, "--rate: 0 is not a number above 0"),
        (("http://127.0.0.1:9/v1", "--trace", "none.jsonl"), 2, "none.jsonl: no such file"),
        (("http://127.0.0.1:9/v1", "--key", "env:NOT_THERE_AT_ALL"), 2, "env:NOT_THERE_AT_ALL: is empty"),
    ],
)
def test_what_cannot_be_done_is_said(words: tuple[str, ...], code: int, said: str, tmp_path: Path) -> None:
    """With the exit code of its kind."""
    done = load(*words, cwd=tmp_path)

    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_who_was_refused_asks_again_whatever_is_said() -> None:
    """As often as is wanted; its time counts from when it was due, and its lateness from the first time."""
    asked: list[int] = []

    async def busy_twice(_: web.Request) -> web.StreamResponse:
        asked.append(0)
        return web.json_response(WHOLE) if len(asked) > 2 else web.Response(status=503)

    found: list[Came] = []

    async def work() -> None:
        async with served(busy_twice) as url:
            await sent(Wanted(url, "m", retries=2), [ASK], lambda _, came: found.append(came))

    asyncio.run(work())

    (came,) = found
    assert (came.fate, came.tries, len(asked)) == (Fate.ANSWERED, 3, 3)
    assert came.took > 2 * PAUSE > came.late


def test_who_does_not_ask_again_is_refused() -> None:
    """And who does too seldom."""

    async def busy(_: web.Request) -> web.StreamResponse:
        return web.Response(status=503)

    assert run(busy, [ASK]).fates == {Fate.REFUSED: 1}
    assert run(busy, [ASK], retries=1).fates == {Fate.REFUSED: 1}
