"""A gateway with a database: what operators add, what tenants have spent, and a database that is away."""

import asyncio
import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from commands import ran, started
from database import Postgres, follower, postgres
from pair import HI, Pair, paired
from sqlalchemy import create_engine, delete, text

from gateway.data.store import Store
from gateway.data.tables import KEY, META
from gateway.errors import Fault
from topologies.waiting import until

pytestmark = pytest.mark.slow
NOBODYS = "cgk-nobodys"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """As `init` writes it: SQLite in a file beside the gateway's."""
    with paired(tmp_path) as it:
        yield it


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    with postgres() as it:
        yield it


def on(url: str, more: str = "", keep: float = 3600) -> Callable[[str], str]:
    """Edits a file: the database is there, and looked at often."""
    wanted = f"url: {url}\n  within: 1\n  every: 0.2\n  keep: {keep}"
    return lambda file: more + file.replace("url: sqlite:///g.db", wanted)


def operator(pair: Pair, *words: str, code: int = 0) -> str:
    """What a command says, on stdout or, where it is to fail, on stderr."""
    done = ran(*words, "--admin", pair.admin, cwd=pair.file.parent)
    assert done.returncode == code, done.stderr + done.stdout
    return done.stderr if code else done.stdout


def status(pair: Pair, key: str, model: str = "llama") -> int:
    """Of one request."""
    body = json.dumps({"model": model, "messages": HI, "max_tokens": 10}).encode()
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    try:
        with urlopen(Request(f"{pair.url}/v1/chat/completions", data=body, headers=headers), timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def so(what: str, holds: Callable[[], bool], within: float = 20) -> None:
    """Wait until something holds."""
    until(what, lambda: "" if holds() else "not yet", within=within)


def tenant(pair: Pair, name: str) -> dict[str, float]:
    """How a tenant stands."""
    state = json.loads(pair.told("/v1/state", pair.admin)[1])
    found: dict[str, float] = next(each for each in state["tenants"] if each["name"] == name)
    return found


def keys(pair: Pair) -> list[str]:
    """Those that operators added, by the first digits of their hashes."""
    entries = json.loads(operator(pair, "keys", "list", "--json"))["entries"]
    return [each["id"] for each in entries if each["source"] == "database"]


def away(pair: Pair) -> float:
    """For how long the database has not answered, as operators see it."""
    return float(json.loads(pair.told("/v1/state", pair.admin)[1])["database_away"])


@contextmanager
def again(pair: Pair, number: signal.Signals) -> Iterator[Pair]:
    """The same gateway, ended and started anew."""
    pair.gateway.process.send_signal(number)
    pair.gateway.end()
    with started("serve", "g.yml", cwd=pair.file.parent) as gateway:
        admin, url = gateway.until(r"admin on (http://\S+)\n"), gateway.until(r"gateway on (http://\S+)\n")
        yield Pair(pair.file, pair.key, gateway, pair.simulator, url, admin)


def test_what_operators_add_works_at_once_and_after_a_restart(pair: Pair) -> None:
    """A tenant, a key of it, a model with an alias and a second server; the file needs no change."""
    operator(pair, "tenants", "set", "bob", "--requests-per-minute", "60", "--model", "llama")
    key = operator(pair, "keys", "add", "bob", "--name", "laptop").strip()
    operator(pair, "models", "set", "small", "--backend", pair.server, "--alias", "tiny", "--served-as", "llama")
    assert (status(pair, key), status(pair, key, "small"), status(pair, pair.key, "tiny")) == (200, 404, 200)

    files = [*pair.file.parent.glob("g.db*"), *pair.file.parent.glob("g-requests.db*")]
    assert len(files) >= 2
    assert {each.stat().st_mode & 0o077 for each in files} == {0}, "nobody else reads them"

    with again(pair, signal.SIGTERM) as later:
        assert (status(later, key), status(later, key, "small"), status(later, pair.key, "tiny")) == (200, 404, 200)
        operator(later, "backends", "set", "small", "http://127.0.0.1:9", "--name", "far", "--rack", "r2")
        (small,) = [
            each
            for each in json.loads(operator(later, "models", "list", "--json"))["entries"]
            if each["name"] == "small"
        ]
        assert [each["name"] for each in small["backends"]] == [None, "far"]
        operator(later, "backends", "delete", "small", "far")
        operator(later, "models", "delete", "small")
        operator(later, "tenants", "delete", "bob")
        assert (status(later, key), status(later, pair.key, "tiny")) == (401, 404)


def test_what_is_in_the_file_is_changed_there(pair: Pair) -> None:
    """Whoever tries says so, and nothing is changed; nor is it where what is meant is nowhere."""
    (own,) = json.loads(operator(pair, "keys", "list", "--json"))["entries"]
    operator(pair, "models", "set", "small", "--backend", pair.server)
    for words, why in (
        (("tenants", "set", "me"), "tenant me is in the gateway's file, and is changed there"),
        (("tenants", "delete", "me"), "tenant me is in the gateway's file"),
        (("keys", "revoke", own["id"]), "is in the gateway's file"),
        (("keys", "rotate", own["id"]), "is in the gateway's file"),
        (("models", "set", "llama", "--backend", "http://a"), "model llama is in the gateway's file"),
        (("models", "delete", "llama"), "model llama is in the gateway's file"),
        (("backends", "set", "llama", "http://a"), "model llama is in the gateway's file"),
        (("tenants", "delete", "eve"), "no tenant 'eve'; there are me"),
        (("tenants", "reset", "eve"), "no tenant 'eve'; there are me"),
        (("tenants", "set", "eve", "--priority", "urgent"), "Invalid enum value 'urgent' - at `$.priority`"),
        (("tenants", "set", "eve", "--model", "gpt"), "tenant eve: no model 'gpt'; there are"),
        (("keys", "add", "eve"), "no tenant 'eve'; there are me"),
        (("keys", "add", "me", "--model", "gpt"), "the key: no model 'gpt'"),
        (("keys", "revoke", "0000"), "no keys whose hash begins with 0000; `closlab gateway keys list` shows all"),
        (("keys", "revoke", "xyz"), "matching regex"),
        (
            ("models", "set", "big", "--backend", "http://a", "--alias", "llama"),
            "model big: 'llama' means llama already",
        ),
        (("models", "set", "big", "--backend", "ftp://a"), "ftp://a"),
        (("models", "set", "big", "--backend", "http://a", "--fallback", "gpt"), "model big: no model 'gpt'"),
        (("backends", "set", "small", "http://a", "--key", "env:NOT_THERE_AT_ALL"), "env:NOT_THERE_AT_ALL: is empty"),
        (("backends", "delete", "small", "b"), "small has no backend 'b'; it has"),
        (("backends", "delete", "small", pair.server.removeprefix("http://")), "is the only server of small"),
    ):
        assert why in operator(pair, *words, code=2), words

    assert status(pair, pair.key) == 200
    assert [each["name"] for each in json.loads(operator(pair, "tenants", "list", "--json"))["entries"]] == ["me"]


def test_without_a_database_operators_are_told_how_to_have_one(tmp_path: Path) -> None:
    """All else of it works."""
    with paired(tmp_path, lambda text: text.partition("database:")[0]) as pair:
        assert "database: {url: sqlite:///FILE} is one" in operator(pair, "keys", "add", "me", code=2).replace("`", "")
        assert json.loads(operator(pair, "state", "--json"))["database_away"] is None
        assert operator(pair, "tenants", "list")


def test_a_key_rotates_by_overlap_and_a_revoked_one_is_worth_nothing_at_once(pair: Pair) -> None:
    """On all workers, when the command returns."""
    pair.file.write_text(f"workers: 2\n{pair.file.read_text()}")
    with again(pair, signal.SIGTERM) as two:
        old = operator(two, "keys", "add", "me").strip()
        (added,) = keys(two)
        new = operator(two, "keys", "rotate", added, "--overlap", "3").strip()
        rotated = time.monotonic()
        assert {status(two, each) for each in (old, new) * 5} == {200}
        assert time.monotonic() - rotated < 3, "they overlap"
        so("the old one ends", lambda: status(two, old) == 401, within=5)
        (latest,) = {*keys(two)} - {added}

        operator(two, "keys", "revoke", latest)
        assert {status(two, new) for _ in range(10)} == {401}
        assert old not in two.gateway.said
        assert new.encode() not in (two.file.parent / "g.db").read_bytes()


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGTERM, 1), (signal.SIGTERM, 2), (signal.SIGKILL, 2)])
def test_what_was_spent_is_known_after_a_restart(tmp_path: Path, number: signal.Signals, workers: int) -> None:
    """Of a gateway that ended; of one that was killed all but the last moments. A reset is for all of it."""

    def priced(text: str) -> str:
        text = text.replace("    backends:", "    price: {prompt: 1000, answer: 1000}\n    backends:")
        return f"workers: {workers}\n" + text.replace("requests_per_minute: 600", "budget: 0.2")

    with paired(tmp_path, priced) as pair:
        said = [status(pair, pair.key) for _ in range(4)]
        assert said == [200] * 4
        spent = tenant(pair, "me")["spent"]
        assert spent > 0.01
        if number is signal.SIGKILL:
            so("it is kept", lambda: kept(tmp_path / "g.db") == pytest.approx(spent), within=3)
        with again(pair, number) as later:
            assert tenant(later, "me")["spent"] == pytest.approx(spent)
            so("the budget is used up", lambda: status(later, later.key) == 429)
            operator(later, "tenants", "reset", "me")
            so("it may ask again", lambda: status(later, later.key) == 200)
            assert tenant(later, "me")["spent"] < spent


def kept(path: Path) -> float:
    """What all have spent, as SQLite has it."""
    with create_engine(f"sqlite:///{path}").connect() as connection:
        return float(connection.execute(text("select coalesce(sum(amount), 0) from spent")).scalar_one()) / 1e6


def test_a_key_that_is_rotated_lasts_no_longer_for_it(pair: Pair) -> None:
    """Unless that is said; dates on the command line are in this machine's time zone."""
    operator(pair, "keys", "add", "me", "--expires", "2099-01-31")
    (first,) = ends(pair)
    operator(pair, "keys", "rotate", first)
    (second,) = ends(pair).keys() - {first}
    assert ends(pair)[second] == datetime(2099, 1, 31).astimezone()

    operator(pair, "keys", "rotate", second, "--expires", "2100-01-31")
    (third,) = ends(pair).keys() - {first, second}
    assert ends(pair)[third] == datetime(2100, 1, 31).astimezone()


def ends(pair: Pair) -> dict[str, datetime]:
    """When keys that operators added end."""
    entries = json.loads(operator(pair, "keys", "list", "--json"))["entries"]
    return {each["id"]: datetime.fromisoformat(each["expires"]) for each in entries if each["source"] == "database"}


@pytest.mark.features("postgres")
@pytest.mark.parametrize("how", ["stopped", "paused"])
def test_while_the_database_is_away_known_keys_work_and_others_are_not_called_wrong(
    tmp_path: Path, server: Postgres, how: str
) -> None:
    """It is ready, and says for how long; operators are told that nothing was done. Then all is as before."""
    with paired(tmp_path, on(server.url)) as pair:
        key = operator(pair, "keys", "add", "me").strip()
        assert (status(pair, key), status(pair, NOBODYS), away(pair)) == (200, 401, 0)

        (server.stop if how == "stopped" else server.pause)()
        pair.gateway.until("keys that are known go on working for 3600 s")
        assert (status(pair, pair.key), status(pair, key), status(pair, NOBODYS)) == (200, 200, 503)
        assert pair.told("/readyz")[0] == 200
        assert away(pair) > 0
        assert "database postgresql://postgres@127.0.0.1" in operator(pair, "keys", "add", "me", code=3)
        before = len(json.loads(operator(pair, "keys", "list", "--json"))["entries"])

        (server.start if how == "stopped" else server.go_on)()
        pair.gateway.until("the database answers")
        so("it is sure again", lambda: status(pair, NOBODYS) == 401)
        assert (status(pair, key), away(pair)) == (200, 0)
        after = json.loads(operator(pair, "keys", "list", "--json"))["entries"]
        assert len(after) <= before + (how == "paused"), "what a paused server was sent may be done when it goes on"


@pytest.mark.features("postgres")
def test_keys_that_only_the_database_knows_end_when_it_is_away_for_too_long(tmp_path: Path, server: Postgres) -> None:
    """How long is in the file; those of the file go on."""
    with paired(tmp_path, on(server.url, keep=1)) as pair:
        key = operator(pair, "keys", "add", "me").strip()
        server.stop()
        pair.gateway.until("keys that only it knows are not let in any more")
        assert (status(pair, key), status(pair, pair.key)) == (503, 200)
        server.start()
        so("they are known again", lambda: status(pair, key) == 200)


@pytest.mark.features("postgres")
def test_a_gateway_begins_without_its_database_and_knows_it_when_it_comes(tmp_path: Path, server: Postgres) -> None:
    """Keys of the file work from the start; a key that may be in the database gets 503."""
    server.stop()
    with paired(tmp_path, on(server.url, "workers: 2\n")) as pair:
        assert "going on without, and trying again" in pair.gateway.said
        assert (status(pair, pair.key), status(pair, NOBODYS)) == (200, 503)
        server.start()
        so("it is sure", lambda: status(pair, NOBODYS) == 401)
        assert status(pair, operator(pair, "keys", "add", "me").strip()) == 200


@pytest.mark.features("postgres")
def test_a_database_out_of_connections_is_away_and_no_key_is_wrong_for_it(tmp_path: Path, server: Postgres) -> None:
    """Of a gateway that begins then; one that runs has its own."""
    (tmp_path / "two").mkdir()
    with paired(tmp_path, on(server.url)) as first:
        key = operator(first, "keys", "add", "me").strip()
        with ExitStack() as stack:
            stack.enter_context(server.full())
            second = stack.enter_context(paired(tmp_path / "two", on(server.url)))
            assert "too many clients" in second.gateway.said
            assert (status(second, second.key), status(second, key)) == (200, 503)
            assert (status(first, key), status(first, NOBODYS)) == (200, 401)
        (tmp_path / "three").mkdir()
        with paired(tmp_path / "three", on(server.url)) as third:
            assert (status(third, key), status(third, NOBODYS)) == (200, 401)


@pytest.mark.features("postgres")
def test_what_one_gateway_is_told_all_know_within_a_second(tmp_path: Path, server: Postgres) -> None:
    """By NOTIFY, though they look only seldom; and a budget is one budget for all of them."""

    def seldom(text: str) -> str:
        return text.replace("url: sqlite:///g.db", f"url: {server.url}\n  every: 3")

    (tmp_path / "two").mkdir()
    with paired(tmp_path, seldom) as first, paired(tmp_path / "two", seldom) as second:
        operator(
            first, "models", "set", "dear", "--backend", first.server, "--served-as", "llama", "--answer-price", "1000"
        )
        operator(first, "tenants", "set", "bob", "--budget", "0.05")
        key = operator(first, "keys", "add", "bob").strip()
        told = time.monotonic()
        so("the other knows the key", lambda: status(second, key, "dear") == 200)
        assert time.monotonic() - told < 1
        so("the budget is used up here", lambda: status(first, key, "dear") == 429)
        so("and there", lambda: status(second, key, "dear") == 429)
        (added,) = keys(second)
        operator(second, "keys", "revoke", added)
        told = time.monotonic()
        so("it is worth nothing here", lambda: status(first, key) == 401)
        assert time.monotonic() - told < 1


@pytest.mark.features("postgres")
def test_what_was_acknowledged_is_there_after_a_failover(tmp_path: Path, server: Postgres) -> None:
    """The first server dies, a follower takes over; the gateway finds it by itself, for its URL names both."""
    with follower(server) as other:
        server.run("alter system set synchronous_standby_names = '*'")
        server.run("select pg_reload_conf()")
        url = f"postgresql://postgres@/postgres?host=127.0.0.1:{server.port}&host=127.0.0.1:{other.port}"
        with paired(tmp_path, on(f'"{url}&target_session_attrs=read-write"')) as pair:
            key = operator(pair, "keys", "add", "me").strip()
            server.stop()
            pair.gateway.until("keys that are known go on working")
            assert status(pair, key) == 200
            other.promote()
            pair.gateway.until("the database answers")

            assert other.run("select count(*) from key") == "1"
            assert status(pair, operator(pair, "keys", "add", "me").strip()) == 200
            assert other.run("select count(*) from key") == "2"


@pytest.mark.features("postgres")
def test_a_server_that_is_started_anew_again_and_again_is_heard_each_time(server: Postgres) -> None:
    """What was listened by is let go of; there is always a connection left to ask by."""

    async def work() -> None:
        store, heard = Store(server.url, 2.0), asyncio.Event()
        await store.open()
        try:
            for number in range(2, 7):
                assert await store.listen(heard.set)
                heard.clear()
                await store.change(delete(KEY))
                async with asyncio.timeout(5):
                    await heard.wait()
                assert await asyncio.gather(store.version(), store.version()) == [number, number]
                await asyncio.to_thread(server.stop)
                with pytest.raises(Fault):
                    await store.version()
                await asyncio.to_thread(server.start)
        finally:
            await store.close()

    asyncio.run(work())


@pytest.mark.features("postgres")
def test_gateways_that_begin_at_once_make_its_tables_once(server: Postgres) -> None:
    """Four at an empty database; and the tables are what the code says."""

    async def open_all() -> None:
        stores = [Store(server.url, 5.0) for _ in range(4)]
        try:
            await asyncio.gather(*(each.open() for each in stores))
            assert {await each.version() for each in stores} == {1}
        finally:
            for each in stores:
                await each.close()

    asyncio.run(open_all())
    assert server.run("select version_num from alembic_version") == "0001"


def test_the_tables_are_what_the_steps_lead_to(tmp_path: Path) -> None:
    """Nothing is in the code that no step made, nor the other way round."""

    async def made() -> None:
        store = Store(f"sqlite:///{tmp_path}/g.db", 5.0)
        await store.open()
        await store.close()

    asyncio.run(made())
    with create_engine(f"sqlite:///{tmp_path}/g.db").connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), META) == []


def test_tables_of_a_newer_gateway_are_left_alone(tmp_path: Path) -> None:
    """It says so, and does not begin."""

    async def opened() -> None:
        store = Store(f"sqlite:///{tmp_path}/g.db", 5.0)
        try:
            await store.open()
        finally:
            await store.close()

    asyncio.run(opened())
    with create_engine(f"sqlite:///{tmp_path}/g.db").begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))

    with pytest.raises(Fault, match="its tables are of another version of the gateway"):
        asyncio.run(opened())


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("sqlite:///nowhere/g.db", 3, "unable to open database file"),
        ("mysql://a/b", 2, "database.url: expected `str` matching regex"),
        ('"postgresql://a@b/c"\n  password: env:NOT_THERE_AT_ALL', 2, "env:NOT_THERE_AT_ALL: is empty"),
    ],
)
def test_a_database_that_cannot_be_meant_is_refused(tmp_path: Path, url: str, code: int, said: str) -> None:
    """In one line."""
    ran("init", "g.yml", cwd=tmp_path)
    (tmp_path / "g.yml").write_text(on(url)((tmp_path / "g.yml").read_text()))
    done = ran("serve", "g.yml", cwd=tmp_path)

    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
