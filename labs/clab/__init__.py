"""A front shaped as containerlab's command line: `closlab clab`, and `closlab-clab` for tools that want one executable.

It answers in the real program's shapes, so that scripts and test plugins that call containerlab can be pointed at it.
Labs run on the native runtime.
"""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import Namespace


def main() -> None:
    """The executable `closlab-clab`."""
    from labs.cli import guarded, heed_signals, keep_streams, leave

    keep_streams()
    heed_signals()
    leave(guarded(lambda: run(sys.argv[1:]), "closlab-clab"))


def run(argv: Sequence[str]) -> int:
    """One command line; returns its exit code, raises ClosError for what is wrong."""
    from labs.clab import arguments

    try:
        asked = arguments.parse(argv)
    except SystemExit as done:  # argparse printed its help
        return int(done.code or 0)
    return _commands()[asked.command](asked)


def _commands() -> "dict[str, Callable[[Namespace], int]]":
    from labs.clab import deploying, impairing, inspecting, running

    return {
        "deploy": deploying.deploy,
        "redeploy": deploying.redeploy,
        "destroy": deploying.destroy,
        "inspect": inspecting.inspect,
        "inspect interfaces": inspecting.interfaces,
        "exec": running.execute,
        "graph": inspecting.graph,
        "version": inspecting.version,
        "tools netem set": impairing.set_,
        "tools netem show": impairing.show,
        "tools netem reset": impairing.reset,
    }
