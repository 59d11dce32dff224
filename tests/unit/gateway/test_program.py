"""The gateway as a program before simulators: its beginning, its file that changes, its end, and its death."""

import asyncio
import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import openai
import pytest
from commands import ran, started
from pair import HI, Pair, paired, refused

from gateway.grpc.stubs import SERVICE, load
from gateway.process import Gateway
from gateway.serving import Serving

pytestmark = pytest.mark.slow


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """As in the README: a simulator, a file by `init`, a gateway."""
    with paired(tmp_path) as it:
        yield it


def test_a_first_request_and_a_last(pair: Pair) -> None:
    """It answers, counts, is well, and ends when it is told to; no key is in what it wrote or counts."""
    with pair.client() as ai:
        said = ai.chat.completions.create(model="llama", messages=HI, max_tokens=5)  # type: ignore[arg-type]
    status, metrics = pair.told("/metrics", pair.admin)

    assert said.usage is not None
    assert status == 200
    assert 'outcome="answered",reason="",status="200",tenant="me"} 1.0' in metrics
    assert (pair.told("/healthz")[0], pair.told("/readyz")[0], pair.told("/metrics")[0]) == (200, 200, 404)
    pair.gateway.process.send_signal(signal.SIGTERM)
    assert pair.gateway.end() == 0
    assert pair.key not in pair.gateway.said + metrics + pair.file.read_text()


def test_what_is_under_way_is_finished_and_then_it_ends(pair: Pair) -> None:
    """It is not ready while it stops, and takes nothing new; a stream comes to its own end."""
    with pair.client() as ai:
        stream = ai.chat.completions.create(model="llama", messages=HI, max_tokens=100, stream=True)  # type: ignore[call-overload]
        first = next(stream)
        pair.gateway.process.send_signal(signal.SIGTERM)
        pair.gateway.until("stopping")
        rest = list(stream)

    assert first.choices[0].delta.role == "assistant"
    assert rest[-1].choices[0].finish_reason in ("stop", "length")
    assert pair.gateway.end() == 0


def test_a_second_signal_does_not_wait(pair: Pair) -> None:
    """What is under way is cut off, and whoever reads it is told."""
    ended = threading.Event()

    def read() -> None:
        with pair.client() as ai, pytest.raises(openai.APIError):
            list(ai.chat.completions.create(model="llama", messages=HI, max_tokens=4000, stream=True, n=1))  # type: ignore[call-overload]
        ended.set()

    pair.told("/admin/config", pair.server, b'{"timing": {"base": 1}}')
    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    end = time.monotonic() + 10
    while "gateway_in_flight 1.0" not in pair.told("/metrics", pair.admin)[1]:
        assert time.monotonic() < end
    pair.gateway.process.send_signal(signal.SIGTERM)
    pair.gateway.until("stopping")
    pair.gateway.process.send_signal(signal.SIGTERM)

    assert pair.gateway.end(within=10) == 0
    assert ended.wait(10)


def test_a_key_that_is_taken_out_of_the_file_is_worth_nothing_within_a_second(pair: Pair) -> None:
    """And one that is put in is worth something; the gateway goes on."""
    made = ran("key", cwd=pair.file.parent)
    digest = made.stderr.split("sha256: ")[1].split()[0]
    text = pair.file.read_text()
    old = text.split("sha256: ")[1].split()[0]
    pair.file.write_text(text.replace(old, digest))
    changed = time.monotonic()
    pair.gateway.until("read anew")
    taken = time.monotonic() - changed

    with pair.client() as ai, pytest.raises(openai.AuthenticationError):
        ai.models.list()
    with pair.client(made.stdout.strip()) as ai:
        assert [each.id for each in ai.models.list()] == ["llama"]
    assert taken < 3  # on a busy machine; it looks four times a second


def test_a_file_that_is_wrong_changes_nothing(pair: Pair) -> None:
    """It is said where, and counted; also what only holds from the start."""
    text = pair.file.read_text()
    pair.file.write_text(text + "colour: red\n")
    said = pair.gateway.until(r"the old settings stay: (.*)\n")
    assert "unknown key 'colour'" in said
    pair.file.write_text(text.replace("admin: 127.0.0.1:0", "admin: 127.0.0.1:1"))
    pair.gateway.process.send_signal(signal.SIGHUP)
    pair.gateway.until("admin cannot be changed while the gateway runs")

    with pair.client() as ai:
        assert ai.models.list().data
    assert 'gateway_reloads_total{outcome="refused"} 2.0' in pair.told("/metrics", pair.admin)[1]


def with_grpc(pair: Pair) -> str:
    """A file of a second gateway, which speaks gRPC as well; its name."""
    text = pair.file.read_text().replace("admin:", "grpc: 127.0.0.1:0\nadmin:")
    (pair.file.parent / "second.yml").write_text(text)
    return "second.yml"


def asked(channel: Any, pair: Pair, method: str, tokens: int) -> Any:
    """A call of a method over gRPC."""
    message = load().message
    chat = message("ChatRequest")(model="llama", max_tokens=tokens)
    chat.messages.add(role="user", content="hello")
    kind = channel.unary_stream if method == "StreamChat" else channel.unary_unary
    told = message("ChatChunk" if method == "StreamChat" else "ChatReply")
    made = kind(f"/{SERVICE}/{method}", message("ChatRequest").SerializeToString, told.FromString)
    return made(chat, metadata=(("authorization", f"Bearer {pair.key}"),), timeout=60)


def test_grpc_is_served_where_the_file_says_so(pair: Pair) -> None:
    """By the same gateway, with the same key; it ends with it."""
    with started("serve", with_grpc(pair), cwd=pair.file.parent) as second:
        where = second.until(r"grpc on (\S+)\n")
        with grpc.insecure_channel(where) as channel:
            said = asked(channel, pair, "Chat", 3)
        second.process.send_signal(signal.SIGTERM)
        assert second.end() == 0

    assert 0 < said.usage.completion_tokens <= 3
    assert pair.key not in second.said


def test_both_edges_stop_together_and_are_cut_off_together(pair: Pair) -> None:
    """While a stream over gRPC is finished nothing new is taken over HTTP; a second signal does not wait for it."""
    pair.told("/admin/config", pair.server, b'{"timing": {"base": 1}}')
    with started("serve", with_grpc(pair), cwd=pair.file.parent) as second:
        url, where = second.until(r"gateway on http://(\S+)\n"), second.until(r"grpc on (\S+)\n")
        host, _, port = url.rpartition(":")
        with grpc.insecure_channel(where) as channel:
            stream = asked(channel, pair, "StreamChat", 4000)
            next(stream)
            second.process.send_signal(signal.SIGTERM)
            second.until("stopping")
            end = time.monotonic() + 10
            while not refused(host, int(port)):
                assert time.monotonic() < end
            assert second.process.poll() is None, "it still finishes the stream"

            second.process.send_signal(signal.SIGTERM)
            assert second.end(within=10) == 0
            with pytest.raises(grpc.RpcError):
                list(stream)


def test_a_part_that_fails_ends_all_of_it(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than to go on without: who would sweep the queue?"""

    async def fails(_: Gateway) -> None:
        raise RuntimeError("no time")

    monkeypatch.setattr(Gateway, "keep_time", fails)
    said: list[str] = []
    with pytest.raises(RuntimeError, match="no time"):
        asyncio.run(asyncio.wait_for(Serving(pair.file, said.append).run(), 20))

    assert said[-1].startswith("stopping")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("serve", "none.yml"), 2, "none.yml: no such file; `closlab gateway init none.yml` writes one"),
        (("serve", "."), 2, "cannot be read"),
        (("sim", "--listen", "8000"), 2, "--listen: '8000' is not HOST:PORT"),
        (("sim", "--profile", "huge"), 2, "no profile 'huge'; there are small, llama-8b"),
        (("sim", "--listen", "192.0.2.1:80"), 3, "192.0.2.1:80: cannot listen there: Cannot assign requested address"),
        (("check", "none.yml"), 2, "no such file"),
    ],
)
def test_what_cannot_begin_says_why(words: tuple[str, ...], code: int, said: str, tmp_path: Path) -> None:
    """In one line, with the exit code of its kind."""
    done = ran(*words, cwd=tmp_path)

    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_operators_see_and_do_from_the_command_line(pair: Pair) -> None:
    """As tables and as JSON; what is wrong is said in one line."""
    server = pair.server.removeprefix("http://")
    home = pair.file.parent
    shown = ran("state", "--admin", pair.admin, cwd=home)
    drained = json.loads(ran("drain", "llama", server, "--admin", pair.admin, "--json", cwd=home).stdout)
    after = pair.told("/readyz")[0]
    back = ran("return", "llama", server, "--admin", pair.admin, cwd=home)
    wrong = ran("drain", "llama", "nobody", "--admin", pair.admin, cwd=home)

    assert "ready, 0 requests under way" in shown.stdout
    assert server in shown.stdout
    assert next(iter(drained)) == "version"
    assert (drained["backends"][0]["state"], after) == ("draining", 503)
    assert "tried, 10%" in back.stdout
    assert (wrong.returncode, wrong.stderr) == (2, f"closlab: llama has no backend 'nobody'; it has {server}\n")


def test_a_port_that_is_taken_is_named(pair: Pair) -> None:
    """By a second gateway with the first's address."""
    text = pair.file.read_text().replace("listen: 127.0.0.1:0", f"listen: {pair.url.removeprefix('http://')}")
    (pair.file.parent / "second.yml").write_text(text)
    with started("serve", "second.yml", cwd=pair.file.parent) as second:
        assert second.end() == 3

    assert f"{pair.url.removeprefix('http://')}: cannot listen there: Address already in use" in second.said
    assert "Traceback" not in second.said


def test_a_gateway_that_is_killed_leaves_its_servers_nothing_to_do(pair: Pair) -> None:
    """Its connections end with it, and what was asked by them."""
    with pair.client() as ai:
        stream = ai.chat.completions.create(model="llama", messages=HI, max_tokens=4000, stream=True)  # type: ignore[call-overload]
        next(stream)
        pair.gateway.process.kill()
        with pytest.raises(openai.APIError):
            list(stream)
    end = time.monotonic() + 10
    while 'vllm:num_requests_running{model_name="llama"} 0.0' not in pair.told("/metrics", pair.server)[1]:
        assert time.monotonic() < end
