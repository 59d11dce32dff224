"""Gateways before a server that costs nothing: ours, LiteLLM's proxy, and nginx, which only passes on, as the limit.

One gateway runs on one core, the server and the load on another; where it has several workers, all are on all cores,
and so is what loads it. What counts is CPU time a request, for the machine is not quiet; rates and latencies are beside
it.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway import keys
from tests.bench.calls import STREAM, UNARY, called
from tests.bench.cases import Case
from tests.bench.machine import TICK, taken
from tests.bench.measure import Run
from tests.bench.ours import CLOSLAB, ROOT, Bench
from tests.bench.streams import streamed
from topologies import process
from topologies.errors import Fault, Mistake
from topologies.waiting import until

LITELLM_VERSION = "1.106.2"
HOME = ROOT / ".cache" / "litellm"
OURS, LITELLM, NGINX = "closlab gateway", "LiteLLM proxy", "nginx"
BEFORE = Case(0, 0, "one-core")
KEY = "sk-3f9c0d5be2a84716b0c8d1f27a6e94558d0b7c1ea93f42d6"  # of nobody, for a proxy that wants no weak one
WARM, SECONDS = 3.0, 5.0  # that nobody looks at, for some of them load what they need when they need it; and of load
ASKED = '{"model": "llama", "messages": [{"role": "user", "content": "hello there"}], "max_tokens": 20%s}'
AT_ONCE: Mapping[str, int] = {"1 at once": 1, "64 at once": 64}
REFUSED = "64 at once, refused"
MANY = "200 streams"  # more than LiteLLM's proxy begins in any time
WORKERS: Mapping[str, int] = {"1 worker": 1, "2 workers": 2}  # of ours
ENOUGH = 256  # requests at once, so that no worker waits for some
CALLS: Mapping[str, tuple[str, int]] = {"gRPC, 64 at once": (UNARY, 64), "gRPC, 16 streams": (STREAM, 16)}  # of ours
LONG, LONG_AT_FIRST = 1_000_000, 100_000  # requests, and those after which memory is looked at first
STREAMS: Mapping[str, int] = {"16 streams": 16, MANY: 200}

NGINX_FILE = """\
worker_processes 1;
daemon off;
error_log {folder}/error.log;
pid {folder}/pid;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder};
  scgi_temp_path {folder};
  keepalive_requests 100000000;
  upstream servers {{ server 127.0.0.1:{server}; keepalive 256; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://servers; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
    }}
  }}
}}
"""
OUR_FILE = """\
listen: 127.0.0.1:{http}
admin: 127.0.0.1:0
grpc: {grpc}
workers: {workers}
models: {{llama: {{backends: [{{url: "http://127.0.0.1:{server}", check: ""}}]}}}}
tenants: {{t: {{requests_per_minute: {rate}, tokens_per_minute: 1000000000000, concurrency: 100000, budget: 1000000}}}}
keys: [{{tenant: t, sha256: {digest}}}]
log: {{requests: all, to: /dev/null}}
traces: {{url: "http://127.0.0.1:{server}/v1/traces", share: 0.01}}
"""
LITELLM_FILE = """\
model_list:
  - model_name: llama
    litellm_params: {{model: openai/llama, api_base: "http://127.0.0.1:{server}/v1", api_key: none}}
"""


def install() -> str:
    """Have LiteLLM in an environment of its own; its version. Raises Mistake where a peer's program is missing."""
    for name in ("wrk", "nginx"):
        if not shutil.which(name):
            raise Mistake(f"{name} is missing; apt-get install {name}")
    if not (HOME / "bin" / "litellm").exists():
        process.run(["python3", "-m", "venv", str(HOME)])
        wanted = f"litellm[proxy]=={LITELLM_VERSION}"
        process.run([str(HOME / "bin" / "pip"), "install", "--quiet", wanted], timeout=600)
    return LITELLM_VERSION


def _nginx(folder: Path, port: int, server: int, _variant: str) -> tuple[list[str], dict[str, str]]:
    (folder / "nginx.conf").write_text(NGINX_FILE.format(folder=folder, port=port, server=server))
    return ["nginx", "-c", str(folder / "nginx.conf")], {}


def _ours(folder: Path, port: int, server: int, variant: str) -> tuple[list[str], dict[str, str]]:
    rate, digest = (0 if variant == REFUSED else 10**12), keys.digest(KEY.encode()).hex()
    workers = WORKERS.get(variant, 1)
    http, grpc = (0, f"127.0.0.1:{port}") if variant in CALLS else (port, '""')
    text = OUR_FILE.format(http=http, grpc=grpc, server=server, rate=rate, digest=digest, workers=workers)
    (folder / "gateway.yml").write_text(text)
    return [*CLOSLAB, "gateway", "serve", str(folder / "gateway.yml")], {"PYTHONPATH": str(ROOT)}


def _litellm(folder: Path, port: int, server: int, _variant: str) -> tuple[list[str], dict[str, str]]:
    (folder / "litellm.yml").write_text(LITELLM_FILE.format(server=server))
    words = ["--config", str(folder / "litellm.yml"), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    more = {
        "LITELLM_MASTER_KEY": KEY,
        "LITELLM_LOG": "ERROR",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    return [str(HOME / "bin" / "litellm"), *words], more


STARTS: Mapping[str, Callable[[Path, int, int, str], tuple[list[str], dict[str, str]]]] = {
    OURS: _ours,
    LITELLM: _litellm,
    NGINX: _nginx,
}


@dataclass(frozen=True, slots=True)
class Passes:
    """One of the gateways."""

    peer: str

    def run(self, bench: Bench, case: Case, variant: str) -> Run:
        """One run; a failed one says why, and leaves nothing."""

        def figures() -> dict[str, float]:
            with ExitStack() as stack:
                load, own = cores(together=variant in WORKERS)
                server, port = free(), free()
                model = (sys.executable, "-m", "tests.bench.model_server", str(server))
                stack.enter_context(listening(load, list(model), {"PYTHONPATH": str(ROOT)}, server, bench.folder))
                argv, env = STARTS[self.peer](bench.folder, port, server, variant)
                pid = stack.enter_context(listening(own, argv, env, port, bench.folder))
                return _measured(variant, port, lambda: worked(pid), lambda: memory(pid), load, bench.folder)

        return taken(figures)


@dataclass(frozen=True, slots=True)
class Lasts:
    """Ours, for as many requests as it takes to see whether its memory grows."""

    def run(self, bench: Bench, case: Case, variant: str) -> Run:
        """One run; a failed one says why, and leaves nothing."""

        def figures() -> dict[str, float]:
            with ExitStack() as stack:
                load, own = cores(together=False)
                server, port = free(), free()
                model = (sys.executable, "-m", "tests.bench.model_server", str(server))
                stack.enter_context(listening(load, list(model), {"PYTHONPATH": str(ROOT)}, server, bench.folder))
                argv, env = _ours(bench.folder, port, server, variant)
                pid = stack.enter_context(listening(own, argv, env, port, bench.folder))
                done, first = 0.0, 0.0
                while done < LONG:
                    done += _wrk(port, 64, SECONDS, load, bench.folder)["rate"] * SECONDS
                    first = first or (memory(pid) if done >= LONG_AT_FIRST else 0.0)
                return {"requests": done, "memory first": first, "memory": memory(pid)}

        return taken(figures)


def _measured(
    variant: str, port: int, work: Callable[[], float], memory: Callable[[], float], load: str, folder: Path
) -> dict[str, float]:
    """Warm it up, and load it for some seconds."""
    _loaded(variant, port, WARM, load, folder)
    before = work()
    found = _loaded(variant, port, SECONDS, load, folder)
    done = found["rate"] * SECONDS
    return {**found, "cpu us": (work() - before) / max(done, 1) * 1e6, "memory": memory()}


def _loaded(variant: str, port: int, seconds: float, load: str, folder: Path) -> dict[str, float]:
    if variant in CALLS:
        return called(port, *CALLS[variant], seconds, KEY, load)
    if variant in STREAMS:
        return streamed(port, STREAMS[variant], seconds, f"Bearer {KEY}", ASKED % ', "stream": true', load)
    at_once = ENOUGH if variant in WORKERS else AT_ONCE.get(variant, 64)
    return _wrk(port, at_once, seconds, load, folder, refused=variant == REFUSED)


def _wrk(
    port: int, connections: int, seconds: float, cores: str, folder: Path, *, refused: bool = False
) -> dict[str, float]:
    """Requests a second, and latencies in ms, by wrk. Raises Fault where answers are not what they should be."""
    script = folder / "wrk.lua"
    script.write_text(
        f"wrk.method = 'POST'\nwrk.body = '{ASKED % ''}'\nwrk.headers['authorization'] = 'Bearer {KEY}'\n"
        "wrk.headers['content-type'] = 'application/json'\n"
    )
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    words = ["-t1", f"-c{connections}", f"-d{seconds:g}s", "--latency", "--timeout", "30s", "-s", str(script), url]
    said = process.run(["taskset", "-c", cores, "wrk", *words], timeout=60).stdout
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    whole = re.search(r"(\d+) requests in ([\d.]+)s", said)
    if whole is None or "Socket errors" in said or bool(wrong) is not refused:
        raise Fault(f"wrk: {said[-500:]}")
    half, last = (_milliseconds(said, share) for share in ("50%", "99%"))
    return {"rate": int(whole[1]) / float(whole[2]), "p50 ms": half, "p99 ms": last}


def _milliseconds(said: str, share: str) -> float:
    found = re.search(rf"{share}\s+([\d.]+)(us|ms|s)", said)
    assert found is not None, "wrk says it with --latency"
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]


@contextmanager
def listening(cores: str, argv: list[str], env: Mapping[str, str], port: int, folder: Path) -> Iterator[int]:
    """A program on some cores, once it listens; its process number."""
    with (folder / "said").open("wb") as said:
        running = subprocess.Popen(
            ["taskset", "-c", cores, *argv], cwd=folder, env={**os.environ, **env}, stdout=said, stderr=said
        )
    try:
        until(f"{argv[0]} listens", lambda: _missing(running, port, folder), within=120)
        yield running.pid
    finally:
        running.terminate()
        running.wait(30)


def _missing(running: "subprocess.Popen[bytes]", port: int, folder: Path) -> str:
    if running.poll() is not None:
        raise Fault(f"it ended with {running.returncode}: {(folder / 'said').read_text()[-500:]}")
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError as error:
        return str(error)
    return ""


def family(pid: int) -> list[int]:
    """A process and all below it."""
    below = Path(f"/proc/{pid}/task/{pid}/children")
    children = [int(each) for each in below.read_text().split()] if below.exists() else []
    return [pid, *(each for child in children for each in family(child))]


def worked(pid: int) -> float:
    """CPU seconds of a process and those below it."""
    ticks = (Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()[11:13] for each in family(pid))
    return sum(int(user) + int(system) for user, system in ticks) / TICK


def memory(pid: int) -> float:
    """MiB that they have in memory."""
    texts = (Path(f"/proc/{each}/status").read_text() for each in family(pid))
    return sum(int(found[1]) for text in texts if (found := re.search(r"VmRSS:\s+(\d+)", text))) / 1024


def cores(*, together: bool) -> tuple[str, str]:
    """Where the load is to run, and where a gateway, as taskset takes it."""
    cores = [str(each) for each in sorted(os.sched_getaffinity(0))]
    if len(cores) < 2:
        raise Mistake("a gateway and its load need a core each, and this machine has one")
    return (",".join(cores), ",".join(cores)) if together else (cores[0], cores[1])


def free() -> int:
    """A port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
