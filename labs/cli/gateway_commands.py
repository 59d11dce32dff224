"""`closlab gateway`: the commands of the gateway, which is a product of its own, under this command line."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import typer

from gateway import command, operators
from gateway.errors import GatewayError, Mistake
from gateway.load import command as command_load
from labs.extras import equip
from topologies import errors

P = ParamSpec("P")


def build() -> typer.Typer:
    """All of them."""
    app = typer.Typer(no_args_is_help=True, help="An AI API gateway.")
    for function in command.COMMANDS:
        app.command(function.__name__.rstrip("_"))(_told(function))
    for name, (told, functions) in operators.GROUPS.items():
        group = typer.Typer(no_args_is_help=True, help=told)
        for called, function in functions.items():
            group.command(called)(_told(function))
        app.add_typer(group, name=name)
    return app


def load() -> Callable[..., None]:
    """`closlab load`, which needs no gateway."""
    return _told(command_load.load)


NEEDS = {
    command.serve: command.EXTRA,
    command.sim: command.EXTRA,
    command_load.load: command_load.EXTRA,
}
"""What is to be installed beside the base of closlab, where anything is."""


def _told(function: Callable[P, None]) -> Callable[P, None]:
    """What goes wrong in the gateway's own words, as this command line ends on it."""

    @wraps(function)
    def wrapped(*args: P.args, **words: P.kwargs) -> None:
        if function in NEEDS:
            equip(NEEDS[function], "gateway")
        try:
            function(*args, **words)
        except GatewayError as error:
            kind = errors.Mistake if isinstance(error, Mistake) else errors.Fault
            raise kind(str(error)) from None

    return wrapped
