"""The way of a request through the gateway: to a backend, to another, past the queue, and out, whatever happens."""

import asyncio

import pytest
from plain import FILE, Plain, run, until

from gateway.config.settings import settle
from gateway.core.model import Priority, Reason, Tokens
from gateway.passage import Passing, Turned, Wanted
from gateway.upstream.fake import FakeAnswer
from gateway.upstream.model import Call, Failed, Trouble

BROKEN = Failed(Trouble.BROKEN, "it went away")
FULL = "models:\n  m: {backends: [{url: 'http://a'}]}\ntenants: {one: {}}\nqueue: {room: 2}\n"


def wanted(plain: Plain, *models: str, deadline: float = float("inf")) -> Wanted:
    """A request for a model, or for others where that cannot be had."""
    routes = tuple(plain.gateway.settings.routes[each] for each in models or ("m",))
    return Wanted("one", Priority.NORMAL, routes, lambda name: Call(b"/x", body=name.encode()), 10, 10, deadline)


def enter(plain: Plain, *models: str, deadline: float = float("inf")) -> asyncio.Task[Passing]:
    """A request on its way."""
    return asyncio.create_task(plain.gateway.passage.enter(wanted(plain, *models, deadline=deadline)))


def status(passing: Passing) -> int:
    """Of its answer."""
    assert passing.answer is not None
    return passing.answer.status


def test_a_request_goes_to_its_rack_and_gives_back_what_it_held() -> None:
    """Nothing is held when it has left, and its answer is closed."""

    async def work() -> None:
        plain = Plain()
        passing = await enter(plain)
        assert (passing.backend, passing.tries, plain.idle) == ("a", 1, False)

        plain.gateway.passage.leave(passing, Tokens(5, 7))
        assert plain.idle
        assert plain["a"].answers[0].closed

    run(work())


@pytest.mark.parametrize("trouble", [BROKEN, 429, 500, 502, 503, 504])
def test_what_fails_at_one_backend_is_asked_at_another(trouble: Failed | int) -> None:
    """In another rack first; and what the first answered is closed."""

    async def work() -> None:
        plain = Plain()
        plain.does["a"] = lambda _: trouble if isinstance(trouble, Failed) else FakeAnswer(status=trouble)
        passing = await enter(plain)

        assert (passing.backend, passing.tries, status(passing)) == ("b", 2, 200)
        assert all(each.closed for each in plain["a"].answers)
        plain.gateway.passage.leave(passing, Tokens())
        assert plain.idle

    run(work())


def test_what_fails_everywhere_fails_once() -> None:
    """With the last backend's words, and nothing held."""

    async def work() -> None:
        plain = Plain()
        plain.does["a"] = plain.does["b"] = lambda _: BROKEN
        with pytest.raises(Failed):
            await enter(plain)

        assert (len(plain["a"].calls), len(plain["b"].calls), plain.idle) == (1, 1, True)
        plain.does["b"] = lambda _: FakeAnswer(status=503)
        passing = await enter(plain)
        assert status(passing) == 503
        plain.gateway.passage.leave(passing, Tokens())
        assert plain.idle

    run(work())


def test_a_client_s_own_fault_is_asked_nowhere_else() -> None:
    """What is wrong with a request is wrong everywhere."""

    async def work() -> None:
        plain = Plain()
        plain.does["a"] = lambda _: FakeAnswer(status=400)
        passing = await enter(plain)

        assert (status(passing), passing.tries) == (400, 1)

    run(work())


def test_the_next_model_of_a_chain_is_asked_where_the_first_cannot_be_had() -> None:
    """By its own name, and with its backend's key; also where the first answers with an error."""

    async def work() -> None:
        plain = Plain()
        for trouble in (BROKEN, FakeAnswer(status=503)):
            plain.does["a"] = plain.does["b"] = lambda _, trouble=trouble: trouble  # type: ignore[misc]  # bound early
            passing = await enter(plain, "m", "other")

            assert passing.backend == "c"
            assert plain["c"].calls[-1].body == b"other"
            assert plain["c"].calls[-1].headers == ((b"authorization", b"Bearer key of env:SECRET"),)
            plain.gateway.passage.leave(passing, Tokens())
        assert plain.idle

    run(work())


@pytest.mark.parametrize("so_far", ["asked", "waiting"])
def test_one_that_is_cancelled_leaves_nothing(so_far: str) -> None:
    """Whether it is at a backend or in the queue."""

    async def work() -> None:
        plain, never = Plain(FULL), asyncio.Event()
        tasks = full_up(plain, never) if so_far == "waiting" else []
        plain.does["a"] = lambda _: never
        tasks.append(enter(plain))
        await until("it is so far", lambda: waiting(plain) == 1 if so_far == "waiting" else bool(plain["a"].open))
        for each in tasks:
            each.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)

        assert {type(each) for each in ends} == {asyncio.CancelledError}
        assert plain.idle

    run(work())


def waiting(plain: Plain) -> int:
    """How many wait for the one model."""
    return next(plain.gateway.core.standings(0.0))[1]


def full_up(plain: Plain, never: asyncio.Event) -> list[asyncio.Task[Passing]]:
    """So many requests that the next one has to wait."""
    plain.does["a"] = lambda _: never
    ((_, _, (backend,)),) = plain.gateway.core.standings(plain.clock())
    return [enter(plain) for _ in range(int(backend.limit))]


def test_who_waits_goes_when_another_ends() -> None:
    """And how long that took is known."""

    async def work() -> None:
        plain, go = Plain(FULL), asyncio.Event()
        running = full_up(plain, go)
        waits = enter(plain)
        await until("all are asked", lambda: plain["a"].open == len(running))
        assert not waits.done()

        plain.does["a"] = lambda _: FakeAnswer()
        go.set()
        for each in running:
            plain.gateway.passage.leave(await each, Tokens())
        passing = await waits
        assert passing.waited > 0
        plain.gateway.passage.leave(passing, Tokens())
        assert plain.idle

    run(work())


def test_who_finds_no_room_is_turned_away() -> None:
    """The newest of the tenant; those who wait go on waiting."""

    async def work() -> None:
        plain, never = Plain(FULL), asyncio.Event()
        tasks = full_up(plain, never) + [enter(plain) for _ in range(2)]
        await until("they wait", lambda: waiting(plain) == 2)
        with pytest.raises(Turned) as turned:
            await enter(plain)

        assert turned.value.refused.reason is Reason.QUEUE_FULL
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert plain.idle

    run(work())


def test_one_that_is_refused_and_cancelled_at_once_ends_once() -> None:
    """What it is told meanwhile is what it was told."""

    async def work() -> None:
        plain, never = Plain(FULL), asyncio.Event()
        tasks = full_up(plain, never)
        waits = enter(plain)
        await until("it waits", lambda: waiting(plain) == 1)
        waits.cancel()
        plain.gateway.change(settle("models: {n: {backends: [{url: 'http://b'}]}}\ntenants: {one: {}}", "g.yml"))
        for each in tasks:
            each.cancel()
        await asyncio.gather(waits, *tasks, return_exceptions=True)

        assert plain.idle
        assert plain["a"].closed

    run(work())


def test_a_deadline_ends_what_is_under_way() -> None:
    """Whichever stage it is at."""

    async def work() -> None:
        plain, never = Plain(), asyncio.Event()
        plain.does["a"] = lambda _: never
        with pytest.raises(Turned) as turned:
            await enter(plain, deadline=plain.clock() + 0.02)

        assert turned.value.refused.reason is Reason.DEADLINE
        assert plain.idle

    run(work())


def hedging(plain: Plain) -> None:
    """Let it know how long answers take, so that it knows which are late."""
    plain.gateway.change(settle(FILE + "again: {hedges: 1}\n", "g.yml"))
    lane = plain.gateway.core._lanes["m"]
    for _ in range(200):
        lane.latencies.add(0.005)


def test_a_late_answer_is_asked_for_twice_and_the_loser_is_cut_off() -> None:
    """Nothing of it stays."""

    async def work() -> None:
        plain, never = Plain(), asyncio.Event()
        hedging(plain)
        plain.does["a"] = lambda _: never
        passing = await enter(plain)

        assert (passing.backend, passing.tries) == ("b", 2)
        await until("the first is cut off", lambda: plain["a"].open == 0)
        plain.gateway.passage.leave(passing, Tokens())
        assert plain.idle

    run(work())


def test_of_two_that_answer_at_once_one_is_closed() -> None:
    """Whichever it is."""

    async def work() -> None:
        plain, go = Plain(), asyncio.Event()
        hedging(plain)
        plain.does["a"] = plain.does["b"] = lambda _: FakeAnswer() if go.is_set() else go
        task = enter(plain)
        await until("both are asked", lambda: plain["a"].open + plain["b"].open == 2)
        go.set()
        passing = await task
        plain.gateway.passage.leave(passing, Tokens())

        await until("nothing is held", lambda: plain.idle)
        assert all(each.closed for name in "ab" for each in plain[name].answers)

    run(work())


def test_a_hedge_that_fails_is_no_failure() -> None:
    """As long as the first may still answer."""

    async def work() -> None:
        plain, go = Plain(), asyncio.Event()
        hedging(plain)
        plain.does["a"] = lambda _: FakeAnswer() if go.is_set() else go
        plain.does["b"] = lambda _: BROKEN
        task = enter(plain)
        await until("the second has failed", lambda: bool(plain["b"].calls) and not plain["b"].open)
        go.set()
        passing = await task

        assert passing.backend == "a"
        plain.gateway.passage.leave(passing, Tokens())
        assert plain.idle

    run(work())


def test_a_backend_that_is_gone_when_it_is_to_be_asked_is_no_answer() -> None:
    """The file was changed while a request was being woken; another is asked."""

    async def work() -> None:
        plain, go = Plain(FULL), asyncio.Event()
        running = full_up(plain, go)
        waits = enter(plain)
        await until("it waits", lambda: waiting(plain) == 1)
        plain.does["a"] = lambda _: FakeAnswer()
        go.set()
        plain.gateway.passage.leave(await running.pop(), Tokens())
        plain.gateway.change(settle(FULL.replace("http://a", "http://b"), "g.yml"))
        passing = await waits

        assert (passing.backend, passing.tries) == ("b", 2)
        for each in (passing, *[await each for each in running]):
            plain.gateway.passage.leave(each, Tokens())
        assert plain.idle
        await until("its client is closed", lambda: plain["a"].closed)

    run(work())


def test_a_model_to_ask_instead_that_has_gone_meanwhile_is_not_asked() -> None:
    """The request began with the old file; what is wrong is said."""

    async def work() -> None:
        plain, go = Plain(), asyncio.Event()
        plain.does["a"] = lambda _: BROKEN if go.is_set() else go
        plain.does["b"] = lambda _: BROKEN
        task = enter(plain, "m", "other")
        await until("it is asked", lambda: plain["a"].open == 1)
        plain.gateway.change(settle(FULL, "g.yml"))
        go.set()
        with pytest.raises(Turned) as turned:
            await task

        assert turned.value.refused.reason is Reason.NO_BACKEND
        assert plain.idle

    run(work())
