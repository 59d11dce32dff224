"""What operators are shown, as tables or as JSON."""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec
from msgspec import Struct
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from gateway.admin.model import Model, State, Tenant
from gateway.analytics.model import Usage

VERSION = 1  # of what --json prints: keys are added, none is renamed, removed or given another type
EMPTY: tuple[object, ...] = (None, "", [], (), {})
FIRST = ("id", "name", "tenant")  # columns
AGAIN = 2.0  # seconds between two looks
WIDE = 160  # characters of a line where no terminal says how many it has


def printed(shown: State | Model, *, json: bool) -> None:
    """Print it on stdout."""
    if json:
        as_json(shown)
        return
    console = Console(width=None if sys.stdout.isatty() else WIDE)
    if isinstance(shown, Model):
        console.print(models((shown,)))
        return
    console.print(_head(shown))
    console.print(models(shown.models))
    if shown.tenants:
        console.print(tenants(shown.tenants))


def as_json(shown: Struct) -> None:
    """Print it on stdout, with its version."""
    data = msgspec.json.encode({"version": VERSION, **msgspec.to_builtins(shown)})
    sys.stdout.write(msgspec.json.format(data, indent=2).decode() + "\n")


def listed(shown: Sequence[Struct], *, json: bool) -> None:
    """Print entries of one kind, one a line, without what none of them has; as JSON, with all of it."""
    entries = [msgspec.to_builtins(each) for each in shown]
    if json:
        data = msgspec.json.encode({"version": VERSION, "entries": entries})
        sys.stdout.write(msgspec.json.format(data, indent=2).decode() + "\n")
        return
    columns = [name for name in (entries[0] if entries else ()) if any(each[name] not in EMPTY for each in entries)]
    columns.sort(key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    table = Table(*(name.replace("_", " ") for name in columns))
    for each in entries:
        table.add_row(*(_cell(each[name]) for name in columns))
    Console(width=None if sys.stdout.isatty() else WIDE).print(table if entries else "none")


def used(shown: Sequence[Usage], *, json: bool) -> None:
    """Print sums, the most requests first."""
    if json:
        data = msgspec.json.encode({"version": VERSION, "entries": msgspec.to_builtins(shown)})
        sys.stdout.write(msgspec.json.format(data, indent=2).decode() + "\n")
        return
    Console(width=None if sys.stdout.isatty() else WIDE).print(sums(shown) if shown else "nothing")


def sums(shown: Sequence[Usage]) -> Table:
    """Sums, one a line."""
    counts = ("requests", "answered", "refused", "failed", "prompt tokens", "answer tokens", "cost", "begins in")
    table = Table(*(shown[0].by if shown else ()), *counts)
    for each in shown:
        numbers = (each.requests, each.answered, each.refused, each.failed, each.prompt_tokens, each.answer_tokens)
        first = "" if each.first is None else f"{each.first * 1000:.3g} ms"
        table.add_row(*each.by.values(), *(f"{number:,}" for number in numbers), f"{each.cost:,.4f}", first)
    return table


def watched(look: Callable[[], tuple[State, Sequence[Usage]]]) -> None:
    """Show how things stand, as they change; once, where nobody looks."""
    console = Console(width=None if sys.stdout.isatty() else WIDE)
    if not console.is_terminal:
        console.print(_view(*look()))
        return
    with Live(console=console, screen=True, auto_refresh=False) as live, suppress(KeyboardInterrupt):
        while True:
            live.update(_view(*look()), refresh=True)
            time.sleep(AGAIN)


def _view(state: State, shown: Sequence[Usage]) -> Group:
    return Group(_head(state), models(state.models), sums(shown))


def _head(shown: State) -> str:
    ready = "ready" if shown.ready else "stopping" if shown.draining else "not ready"
    workers = f"{shown.workers} workers, " if shown.workers != 1 else ""
    away = f", the database away for {shown.database_away:.0f} s" if shown.database_away else ""
    return f"{ready}, {workers}{shown.in_flight} requests under way, its loop {shown.lag * 1000:.1f} ms late{away}"


def _cell(value: object) -> str:
    """A value in one line: of a list its members, of a part of a file what is not by default."""
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value))
    if isinstance(value, dict):
        return (
            str(value["url"]) if "url" in value else " ".join(f"{name} {_cell(each)}" for name, each in value.items())
        )
    return f"{value:,g}" if isinstance(value, float) else "" if value is None else str(value)


def models(shown: tuple[Model, ...]) -> Table:
    """Servers, one a line."""
    table = Table("model", "waiting", "server", "rack", "state", "under way", "limit", "begins in")
    for model in shown:
        for number, each in enumerate(model.backends):
            head = ("", "") if number else (model.name, str(model.waiting))
            state = each.state if each.share in (0, 1) else f"{each.state}, {each.share:.0%}"
            begins = f"{each.expected * 1000:.3g} ms" if each.expected else ""
            table.add_row(*head, each.name, each.rack, state, str(each.in_flight), f"{each.limit:.0f}", begins)
    return table


def tenants(shown: tuple[Tenant, ...]) -> Table:
    """Tenants, one a line."""
    table = Table("tenant", "under way", "requests left", "tokens left", "spent", "budget")
    for each in shown:
        left = (_number(each.requests_left), _number(each.tokens_left))
        table.add_row(each.name, str(each.running), *left, f"{each.spent:.4f}", _number(each.budget))
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"
