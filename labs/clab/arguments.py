"""The words that containerlab 0.79 takes, as far as they have a meaning here; its global flags may stand anywhere."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from topologies.errors import Mistake

ACCEPTED = (  # taken, and without effect: they steer what the native runtime does not have
    ("-r", "--runtime"),
    ("--log-level",),
    ("--timeout",),
    ("--vars",),
    ("--max-workers",),
    ("--owner",),
)
SWITCHES = (("-d", "--debug"), ("--graceful",), ("--keep-mgmt-net",), ("-y", "--yes"), ("--skip-labdir-acl",))


class _Parser(argparse.ArgumentParser):
    """An argument parser that raises instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        """What argparse found wrong, as a Mistake."""
        raise Mistake(f"{message} (`{self.prog} --help` says more)")


if TYPE_CHECKING:
    Commands: TypeAlias = argparse._SubParsersAction[_Parser]


def parse(argv: Sequence[str], *, program: str = "closlab-clab") -> argparse.Namespace:
    """The command line as values; `command` is such as "deploy" or "tools netem set". Raises Mistake."""
    parser = _Parser(
        prog=program, description="Answers as containerlab does, on Linux namespaces.", parents=[_shared()]
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _deploying(commands)
    _inspecting(commands)
    _netem(commands)
    return parser.parse_args(list(argv))


def _shared() -> _Parser:
    """The global flags. They are suppressed where absent, so that one before the command is not lost to its default."""
    flags = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    flags.add_argument("-t", "--topo", metavar="FILE", help="topology file, or a folder with one")
    flags.add_argument("--name", metavar="LAB", help="lab name")
    for names in ACCEPTED:
        flags.add_argument(*names, help=argparse.SUPPRESS)
    for names in SWITCHES:
        flags.add_argument(*names, action="store_true", help=argparse.SUPPRESS)
    return flags


def _add(commands: "Commands", name: str, about: str, *, path: str = "", aliases: Sequence[str] = ()) -> _Parser:
    sub = commands.add_parser(name, help=about, description=about, aliases=list(aliases), parents=[_shared()])
    sub.set_defaults(command=path or name)
    return sub


def _deploying(commands: "Commands") -> None:
    for name, about, short in (("deploy", "deploy a lab", "dep"), ("redeploy", "destroy and deploy a lab", "rdep")):
        sub = _add(commands, name, about, aliases=(short,))
        sub.add_argument("-c", "--reconfigure", action="store_true", help="destroy it first, where it is there")
        sub.add_argument("-f", "--format", choices=("table", "json"), default="table")
        sub.add_argument("--skip-post-deploy", action="store_true", help=argparse.SUPPRESS)
        sub.add_argument("--allow-host", action="store_true", help="let the lab reach into this machine")
    sub = _add(commands, "destroy", "destroy a lab", aliases=("des",))
    sub.add_argument("-a", "--all", action="store_true", help="all labs of this user")
    sub.add_argument("-c", "--cleanup", action="store_true", help="remove the lab's folder too")


def _inspecting(commands: "Commands") -> None:
    sub = _add(commands, "inspect", "inspect labs", aliases=("ins", "i"))
    sub.add_argument("-a", "--all", action="store_true", help="all labs of this user")
    sub.add_argument("-f", "--format", choices=("table", "json", "csv"), default="table")
    sub.add_argument("--details", action="store_true", help="all there is to know, as JSON")
    sub.add_argument("-w", "--wide", action="store_true", help="the owner too")
    below = sub.add_subparsers(metavar="interfaces")
    interfaces = _add(below, "interfaces", "list interfaces", path="inspect interfaces", aliases=("int", "intf"))
    interfaces.add_argument("-f", "--format", choices=("table", "json"), default="table")
    interfaces.add_argument("-n", "--node", default="", help="this node only")
    sub = _add(commands, "exec", "run commands in nodes")
    sub.add_argument("--cmd", action="append", required=True, help="a command; may be given again")
    sub.add_argument("--label", action="append", default=[], metavar="KEY=VALUE", help="nodes with this label only")
    sub.add_argument("--node-filter", default="", metavar="A,B", help="these nodes only")
    sub.add_argument("-f", "--format", choices=("plain", "json", "table"), default="plain")
    sub = _add(commands, "graph", "draw a topology")
    for kind in ("json", "mermaid", "dot", "svg"):
        sub.add_argument(f"--{kind}", action="store_const", const=kind, dest="kind", default="mermaid")
    sub.add_argument("-o", "--offline", action="store_true", help=argparse.SUPPRESS)
    sub = _add(commands, "version", "print the version", aliases=("ver",))
    sub.add_argument("-j", "--json", action="store_true")
    sub.add_argument("-s", "--short", action="store_true")


def _netem(commands: "Commands") -> None:
    tools = commands.add_parser("tools", help="tools").add_subparsers(metavar="netem", required=True)
    netem = tools.add_parser("netem", help="link impairments").add_subparsers(metavar="set|show|reset", required=True)
    for verb, about in (("set", "impair a link"), ("show", "show impairments"), ("reset", "end impairments")):
        sub = _add(netem, verb, about, path=f"tools netem {verb}")
        sub.add_argument("-n", "--node", required=True, help="a node, by its long name or its short one")
        if verb == "show":
            sub.add_argument("-f", "--format", choices=("table", "json"), default="table")
        else:
            sub.add_argument("-i", "--interface", required=True)
        if verb == "set":
            sub.add_argument("--delay", default="0s", help="such as 5ms")
            sub.add_argument("--jitter", default="0s", help="such as 1ms")
            sub.add_argument("--loss", type=float, default=0.0, help="percent")
            sub.add_argument("--rate", type=int, default=0, help="kbit/s")
            sub.add_argument("--corruption", type=float, default=0.0, help="percent")
