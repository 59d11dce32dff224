"""What operators see and do, over the wire and on the command line's side of it."""

import asyncio

import aiohttp
import jsonschema
import pytest
from listening import Listening, listening, operated
from plain import FILE, run
from prometheus_client.parser import text_string_to_metric_families

from gateway.admin import asking
from gateway.admin.model import Which
from gateway.admin.openapi import document
from gateway.admin.operations import OPERATIONS
from gateway.core.model import Priority, Tokens
from gateway.errors import Fault, Mistake
from gateway.passage import Passing, Wanted
from gateway.upstream.model import Call

LIMITED = FILE.replace("one: {}", "one: {requests_per_minute: 60, tokens_per_minute: 6000, budget: 5}")


def enter(it: Listening) -> "asyncio.Task[Passing]":
    """A request of a tenant's on its way."""
    routes = (it.gateway.settings.routes["m"],)
    wanted = Wanted("one", Priority.NORMAL, routes, lambda _: Call(b"/x"), 100, 100)
    return asyncio.create_task(it.gateway.passage.enter(wanted))


def test_the_state_is_how_everything_stands() -> None:
    """Servers with what they have, tenants with what they have left."""

    async def work() -> None:
        async with listening(LIMITED, face=operated) as it:
            admin = f"http://127.0.0.1:{it.port}"
            passing = await enter(it)
            state = await asyncio.to_thread(asking.state, admin)
            (model, _), (one, two) = state.models, state.tenants

            assert (state.ready, state.draining, state.in_flight) == (True, False, 1)
            assert [(each.name, each.rack, each.in_flight) for each in model.backends] == [
                ("a", "r1", 1),
                ("b", "r2", 0),
            ]
            assert (one.running, one.requests_left, one.budget) == (1, pytest.approx(59, abs=1), 5)
            assert one.tokens_left == pytest.approx(5800, abs=100)
            assert (two.requests_left, two.budget) == (None, None)
            it.gateway.passage.leave(passing, Tokens(1_000_000, 500_000))
            assert (await asyncio.to_thread(asking.state, admin)).tenants[0].spent == 2

    run(work())


def test_a_server_that_is_drained_finishes_what_it_has_and_comes_back() -> None:
    """New requests go elsewhere; taken back, it gets some again."""

    async def work() -> None:
        async with listening(face=operated) as it:
            admin, which = f"http://127.0.0.1:{it.port}", Which("m", "a")
            passing = await enter(it)
            model = await asyncio.to_thread(asking.drain, admin, which)
            assert [(each.state, each.in_flight) for each in model.backends] == [("draining", 1), ("good", 0)]
            others = [await enter(it) for _ in range(3)]
            assert {each.backend for each in others} == {"b"}
            for each in (passing, *others):
                it.gateway.passage.leave(each, Tokens())

            model = await asyncio.to_thread(asking.take_back, admin, which)
            assert (model.backends[0].state, model.backends[0].in_flight) == ("tried", 0)
            assert (await enter(it)).backend == "a"

    run(work())


def test_what_there_is_not_is_named_with_what_there_is() -> None:
    """On the command line as over the wire; where nobody listens, that is said."""

    async def work() -> None:
        async with listening(face=operated) as it:
            admin = f"http://127.0.0.1:{it.port}"
            for which, said in (
                (Which("n", "a"), "no model 'n'; there are m, other"),
                (Which("m", "z"), "m has no backend 'z'; it has a, b"),
            ):
                with pytest.raises(Mistake, match=said):
                    await asyncio.to_thread(asking.drain, admin, which)
            with pytest.raises(Mistake, match="nowhere"):
                await asyncio.to_thread(asking.state, "nowhere")
        with pytest.raises(Fault, match="no gateway answers there"):
            await asyncio.to_thread(asking.state, admin)

    run(work())


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "status"),
    [
        ("GET", "/healthz", b"", "", 200),
        ("GET", "/readyz", b"", "", 200),
        ("HEAD", "/metrics", b"", "", 200),
        ("GET", "/nothing", b"", "", 404),
        ("DELETE", "/metrics", b"", "", 405),
        ("POST", "/v1/state", b"", "", 405),
        ("POST", "/v1/drain", b"{}", "application/json", 400),
        ("POST", "/v1/drain", b"no JSON", "application/json", 400),
        ("POST", "/v1/drain", b'{"model": "m", "backend": "a", "now": 1}', "application/json", 400),
        ("POST", "/v1/drain", b" " * 100_000, "application/json", 400),
        ("POST", "/v1/drain", b'{"model": "m", "backend": "a"}', "text/plain", 415),
    ],
)
def test_what_is_asked_wrongly_does_nothing(method: str, path: str, body: bytes, kind: str, status: int) -> None:
    """A page of another site could send the last of these."""

    async def work() -> None:
        async with listening(face=operated) as it, aiohttp.ClientSession() as session:
            headers = {"content-type": kind} if kind else {}
            url = f"http://127.0.0.1:{it.port}{path}"
            async with session.request(method, url, data=body or None, headers=headers) as answer:
                assert answer.status == status
            states = {each.state for _, _, found in it.gateway.core.standings(0.0) for each in found}
            assert states == {"good"}

    run(work())


def test_metrics_are_what_prometheus_reads() -> None:
    """Every family once, with counts that fit what happened."""

    async def work() -> None:
        async with listening(face=operated) as it, aiohttp.ClientSession() as session:
            passing = await enter(it)
            async with session.get(f"http://127.0.0.1:{it.port}/metrics") as answer:
                families = list(text_string_to_metric_families(await answer.text()))
            found = {each.name: each for each in families}
            assert len(found) == len(families)
            (inside,) = found["gateway_in_flight"].samples
            assert inside.value == 1
            states = [each.labels for each in found["gateway_backend_state"].samples if each.value == 1]
            assert {(each["backend"], each["state"]) for each in states} == {
                ("a", "good"),
                ("b", "good"),
                ("c", "good"),
            }
            it.gateway.passage.leave(passing, Tokens())

    run(work())


def test_the_openapi_document_is_one_and_fits_what_is_said() -> None:
    """It is valid JSON Schema, and answers are what it says."""

    async def work() -> None:
        told = document(OPERATIONS, "1")
        async with listening(face=operated) as it, aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{it.port}"
            async with session.get(f"{url}/openapi.json") as answer:
                assert await answer.json() == told
            async with session.get(f"{url}/v1/state") as answer:
                state = await answer.json()
        schema = {"$ref": "#/components/schemas/State", "components": told["components"]}
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(state, schema)
        broken = {**state, "models": 1}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, schema)

    run(work())
