"""Backends that are asked how they are."""

import asyncio

import pytest
from plain import FILE, Plain, run, until

from gateway.checking import check, keep_checking
from gateway.config.settings import settle
from gateway.core.health import State
from gateway.upstream.fake import FakeAnswer
from gateway.upstream.model import Call, Failed, Trouble


def states(plain: Plain) -> dict[str, State]:
    """How each backend stands."""
    return {each.server.name: each.state for _, _, found in plain.gateway.core.standings(0.0) for each in found}


@pytest.mark.parametrize("ill", [Failed(Trouble.UNREACHABLE, "down"), FakeAnswer(status=503)])
def test_one_that_is_ill_is_left_alone_before_anybody_asks(ill: Failed | FakeAnswer) -> None:
    """After as many checks as failures are allowed in a row; the others stay."""

    async def work() -> None:
        plain = Plain()
        plain.does["a"] = lambda _: ill
        for _ in range(4):
            await check(plain.gateway)
        assert states(plain)["a"] is State.GOOD
        await check(plain.gateway)

        assert states(plain) == {"a": State.EJECTED, "b": State.GOOD, "c": State.GOOD}
        assert {(call.method, call.path) for call in plain["a"].calls} == {(b"GET", b"/health")}
        assert all(each.closed for each in plain["b"].answers)

    run(work())


def test_one_that_does_not_answer_in_time_is_ill() -> None:
    """And its call is given up."""

    async def work() -> None:
        plain = Plain(FILE + "health: {within: 0.01, failures: 1}\n")
        never = asyncio.Event()
        plain.does["a"] = lambda _: never
        await check(plain.gateway)

        assert states(plain)["a"] is State.EJECTED
        assert plain["a"].open == 0

    run(work())


def test_a_server_of_two_models_is_asked_once_for_both() -> None:
    """With its key."""

    async def work() -> None:
        server = "backends: [{url: 'http://a', key: 'env:K'}, {url: 'http://b', check: ''}]"
        plain = Plain(f"models: {{m: {{{server}}}, n: {{{server}}}}}\nhealth: {{failures: 1}}\n")
        plain.does["a"] = lambda _: FakeAnswer(status=500)
        await check(plain.gateway)

        assert [each.headers for each in plain["a"].calls] == [((b"authorization", b"Bearer key of env:K"),)]
        assert "b" not in plain.does
        assert plain["b"].calls == []
        assert states(plain)["a"] is State.EJECTED
        assert plain.gateway.ready

    run(work())


def test_one_that_goes_while_it_is_asked_is_nobody_s() -> None:
    """The file has changed meanwhile; nothing is told of it."""

    async def work() -> None:
        plain, go = Plain(FILE + "health: {failures: 1}\n"), asyncio.Event()

        def does(_: Call) -> FakeAnswer | asyncio.Event:
            return FakeAnswer(status=500) if go.is_set() else go

        plain.does["a"] = does
        checking = asyncio.create_task(check(plain.gateway))
        await until("it is asked", lambda: plain["a"].open == 1)
        plain.gateway.change(settle(FILE.replace("http://a", "http://d"), "g.yml"))
        go.set()
        await checking

        assert set(states(plain).values()) == {State.GOOD}

    run(work())


def test_they_are_asked_again_and_again() -> None:
    """As often as the file says."""

    async def work() -> None:
        plain = Plain(FILE + "health: {every: 0.01}\n")
        keeping = asyncio.create_task(keep_checking(plain.gateway))
        await until("three times", lambda: len(plain["a"].calls) >= 3)
        keeping.cancel()
        await asyncio.wait([keeping])

        assert plain.gateway.ready

    run(work())
