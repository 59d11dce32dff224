"""`closlab gateway`: run a gateway, write a file to begin with, make keys. What they need is imported inside, for the
whole command line is built for each of its commands."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.errors import Fault, Mistake

FILE = Annotated[Path, typer.Argument(help="The gateway's file.", metavar="FILE")]
ADMIN = Annotated[str, typer.Option(help="The gateway's admin address.", metavar="URL")]
LOCAL = "http://127.0.0.1:8081"
MODEL = Annotated[str, typer.Argument(help="A model's name.")]
BACKEND = Annotated[str, typer.Argument(help="The name of a server of it.")]
JSON = Annotated[bool, typer.Option("--json", help="As JSON.")]
BEGIN = """\
# A gateway in front of one model. `closlab gateway serve {path}` runs it; it reads this file anew when it changes.
listen: 127.0.0.1:8080
admin: 127.0.0.1:8081      # /metrics, /healthz, /readyz

models:
  {model}:
    backends:
      - url: {url}

tenants:
  me:
    requests_per_minute: 600

keys:
  - tenant: me
    sha256: {digest}

database:                  # what `closlab gateway tenants|keys|models|backends` add, and what tenants have spent
  url: sqlite:///{stem}.db

analytics:                 # what `closlab gateway usage` and `top` show
  url: sqlite:///{stem}-requests.db
"""


def serve(file: FILE = Path("gateway.yml")) -> None:
    """Run a gateway until SIGTERM."""
    from gateway.running import run

    run(file)


def check(file: FILE = Path("gateway.yml")) -> None:
    """Read a gateway's file, and say what is wrong with it or what is in it."""
    from gateway.config import reading

    settings = reading.read(file)
    for name, backends in settings.backends.items():
        typer.echo(f"{name}: {', '.join(backends)}")
    typer.echo(f"{len(settings.setup.tenants)} tenants, {len(settings.keys)} keys")


def init(
    file: FILE = Path("gateway.yml"),
    model: Annotated[str, typer.Option(help="The model's name.")] = "llama",
    backend: Annotated[str, typer.Option(help="URL of a server of it.")] = "http://127.0.0.1:8000",
) -> None:
    """Write a gateway's file to begin with, and show the key for it, this once."""
    from gateway import keys

    key = keys.made(os.urandom(keys.BYTES))
    text = BEGIN.format(path=file, model=model, url=backend, digest=keys.digest(key.encode()).hex(), stem=file.stem)
    try:
        with file.open("x") as new:
            new.write(text)
    except FileExistsError:
        raise Mistake(f"{file}: is there already; give another name, or remove it") from None
    except OSError as error:
        raise Fault(f"{file}: cannot be written: {error.strerror}") from None
    typer.echo(f"wrote {file}", err=True)
    typer.echo(key)


def key() -> None:
    """Make a key for a file: its text on stdout, this once, and what stands for it in the file on stderr."""
    from gateway import keys

    made = keys.made(os.urandom(keys.BYTES))
    typer.echo(f"keys:\n  - sha256: {keys.digest(made.encode()).hex()}\n    tenant: ...", err=True)
    typer.echo(made)
    sys.stdout.flush()


def sim(
    model: Annotated[str, typer.Option(help="The name of the model that it serves.")] = "llama",
    listen: Annotated[str, typer.Option(help="HOST:PORT.")] = "127.0.0.1:8000",
    grpc: Annotated[str, typer.Option(help="HOST:PORT for gRPC as well, as the gateway has it.")] = "",
    profile: Annotated[str, typer.Option(help="How fast and how large: small, llama-8b, llama-70b, lab.")] = "small",
    seed: Annotated[int, typer.Option(help="What all that is left to chance follows from.")] = 0,
) -> None:
    """Simulate a server of a model, to try a gateway on: real times and limits, words without meaning."""
    from gateway.running import simulated

    simulated(model, profile, listen, seed, grpc)


def state(admin: ADMIN = LOCAL, json: JSON = False) -> None:
    """Show how a gateway's servers and tenants stand."""
    from gateway.admin import asking
    from gateway.reports import printed

    printed(asking.state(admin), json=json)


def drain(model: MODEL, backend: BACKEND, admin: ADMIN = LOCAL, json: JSON = False) -> None:
    """Take a server out of service; it finishes what it has."""
    from gateway.admin import asking
    from gateway.admin.model import Which
    from gateway.reports import printed

    printed(asking.drain(admin, Which(model, backend)), json=json)


def return_(model: MODEL, backend: BACKEND, admin: ADMIN = LOCAL, json: JSON = False) -> None:
    """Take a server back; it gets a part of its share at first."""
    from gateway.admin import asking
    from gateway.admin.model import Which
    from gateway.reports import printed

    printed(asking.take_back(admin, Which(model, backend)), json=json)


def usage(
    by: Annotated[str, typer.Option(help="Of tenant, model, backend, rack, outcome, reason.")] = "tenant",
    since: Annotated[str, typer.Option(help="As 30m, 1h, 7d.")] = "1h",
    admin: ADMIN = LOCAL,
    json: JSON = False,
) -> None:
    """Show what was asked of late, by whom, and what it cost."""
    from gateway.admin import asking
    from gateway.reports import used

    used(asking.usage(admin, by, since), json=json)


def top(
    by: Annotated[str, typer.Option(help="Of tenant, model, backend, rack, outcome, reason.")] = "tenant,model",
    since: Annotated[str, typer.Option(help="As 5m, 1h.")] = "5m",
    admin: ADMIN = LOCAL,
) -> None:
    """Show what is asked now, as it changes, until Ctrl-C; once, where it is not shown on a terminal."""
    from gateway.admin import asking
    from gateway.reports import watched

    watched(lambda: (asking.state(admin), asking.usage(admin, by, since)))


COMMANDS = (serve, sim, check, init, key, state, drain, return_, usage, top)
EXTRA = (
    "aiohttp",
    "aiosqlite",
    "alembic",
    "asyncpg",
    "grpc",
    "grpc_health",
    "grpc_reflection",
    "httptools",
    "prometheus_client",
    "sqlalchemy",
    "uvicorn",
    "uvloop",
)
"""What `serve` needs beside the base of closlab."""
