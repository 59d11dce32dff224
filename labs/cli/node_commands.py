"""Commands on one node: exec, shell, vtysh, logs, cp, node, link.

What they work with is imported when they run, so that `--help` is quick.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labs.cli import screen
from labs.cli.completing import complete_node
from labs.cli.options import AsJson, LabName, LinkEnd, NodeName
from topologies.errors import EXIT_FINE, Mistake

if TYPE_CHECKING:
    from topologies.runtime.door import Door

SHELL = "command -v bash >/dev/null && exec bash || exec sh"
LOGS = "ls -1 /var/log/closlab/{0}.log /var/log/frr/{0}.log 2>/dev/null; true"


def door_of(node: str, lab: str) -> "Door":
    """The door into a node of the lab that is meant."""
    from labs.cli.chosen import chosen
    from topologies.runtime.door import open_door

    return open_door(chosen(lab), node)


def exec_(
    node: NodeName,
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND...", help="The program and its arguments.")],
    lab: LabName = "",
    as_json: AsJson = False,
) -> int:
    """Run a program in a node; its exit code becomes this one's."""
    door = door_of(node, lab)
    if not as_json:
        return door.attach(command)
    done = door.gather(command)
    answer = {"node": node, "argv": command, "code": done.code, "stdout": done.stdout, "stderr": done.stderr}
    screen.document(answer)
    return done.code


def shell(node: NodeName, lab: LabName = "") -> int:
    """Open a shell in a node."""
    return door_of(node, lab).attach(["sh", "-c", SHELL])


def vtysh(
    node: NodeName,
    command: Annotated[list[str] | None, typer.Option("-c", metavar="COMMAND", help="Ask this, and end.")] = None,
    lab: LabName = "",
) -> int:
    """Talk to a node's FRR."""
    asked = [word for each in command or [] for word in ("-c", each)]
    return door_of(node, lab).attach(["vtysh", *asked])


def logs(
    node: NodeName,
    daemon: Annotated[str, typer.Argument(metavar="[DAEMON]", help="One daemon's only, such as bgpd.")] = "",
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as lines come in.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many of the last lines of each log.")] = 100,
    lab: LabName = "",
) -> int:
    """Show what a node's daemons logged."""
    door = door_of(node, lab)
    files = door.run(["sh", "-c", LOGS.format("*")]).stdout.split()
    wanted = [file for file in files if daemon in ("", Path(file).stem)]
    if not wanted:
        names = ", ".join(sorted({Path(file).stem for file in files}))
        there = f"there are logs of {names}" if names else "nothing logs there"
        raise Mistake(f"{node}: no log{f' of {daemon!r}' if daemon else ''}; {there}")
    return door.attach(["tail", f"--lines={lines}", *(["-F"] if follow else []), *wanted])


def cp(
    source: Annotated[str, typer.Argument(metavar="SRC", help="A file, or NODE:PATH.")],
    target: Annotated[str, typer.Argument(metavar="DST", help="A file or folder, or NODE:PATH.")],
    lab: LabName = "",
) -> int:
    """Copy a file into a node, out of it, or between two nodes."""
    if ":" not in source and ":" not in target:
        raise Mistake("neither is in a node; a node's file is NODE:PATH, such as leaf1:/etc/hosts")
    data, mode = _fetch(source, lab)
    _put(target, lab, data, mode, Path(source.rpartition(":")[2]).name)
    return EXIT_FINE


def _fetch(source: str, lab: str) -> tuple[bytes, int]:
    node, colon, path = source.partition(":")
    try:
        if not colon:
            return Path(source).read_bytes(), Path(source).stat().st_mode & 0o777
        return door_of(node, lab).read(path), 0o644
    except OSError as error:
        raise Mistake(f"cannot read {source}: {error.strerror}") from error


def _put(target: str, lab: str, data: bytes, mode: int, name: str) -> None:
    node, colon, path = target.partition(":")
    try:
        if colon:
            door = door_of(node, lab)
            door.write(_inside(door, path, name), data, mode)
            return
        place = Path(target)
        (place / name if place.is_dir() else place).write_bytes(data)
    except OSError as error:
        raise Mistake(f"cannot write {target}: {error.strerror}") from error


def _inside(door: "Door", path: str, name: str) -> str:
    """The file that a path inside a node means: a folder stands for the file of the same name in it."""
    if not path.startswith("/"):
        raise Mistake(f"{door.node}:{path}: a path inside a node begins with /")
    folder = door.run(["test", "-d", path], check=False).code == 0
    return f"{path.rstrip('/')}/{name}" if folder else path


def link_up(end: LinkEnd, lab: LabName = "") -> int:
    """Raise one end of a cable."""
    return _link(end, lab, up=True)


def link_down(end: LinkEnd, lab: LabName = "") -> int:
    """Lower one end of a cable; the other end loses its carrier."""
    return _link(end, lab, up=False)


def _link(end: str, lab: str, *, up: bool) -> int:
    from labs.cli.chosen import end_of

    node, interface = end_of(end)
    door_of(node, lab).link(interface, up=up)
    screen.remark(f"{end} is {'up' if up else 'down'}")
    return EXIT_FINE


def link_show(
    end: Annotated[
        str, typer.Argument(metavar="[NODE[:IF]]", help="Only cables that end there.", autocompletion=complete_node)
    ] = "",
    lab: LabName = "",
    as_json: AsJson = False,
) -> int:
    """Show the cables, both ends as the kernel has them."""
    from labs.cables import cables
    from labs.cli.chosen import chosen
    from labs.impairing import with_impairments

    record = chosen(lab)
    rows = with_impairments(record, [row for row in cables(record) if row.touches(end)])
    if end and not rows:
        raise Mistake(f"no cable ends at {end!r}; `closlab link show` lists them all")
    if as_json:
        screen.document({"links": [row.report() for row in rows]})
    else:
        screen.table(("A", "STATE", "B", "STATE", "MTU", "RATE", "IMPAIRED"), [row.cells() for row in rows])
    return EXIT_FINE


def act_on(action: str, node: str, lab: str) -> int:
    """Do one thing to one node."""
    from labs.cli.chosen import chosen
    from topologies import deploy
    from topologies.runtime.model import Action

    deploy.act(chosen(lab).name, node, Action(action))
    screen.remark(f"{node}: {action} done")
    return EXIT_FINE


def node_pause(node: NodeName, lab: LabName = "") -> int:
    """Stop a node's processes where they stand; its links stay up."""
    return act_on("pause", node, lab)


def node_resume(node: NodeName, lab: LabName = "") -> int:
    """Let a paused node go on."""
    return act_on("resume", node, lab)


def node_kill(node: NodeName, lab: LabName = "") -> int:
    """Power a node off: its processes die, its neighbours lose carrier, its cables stay plugged in."""
    return act_on("kill", node, lab)


def node_start(node: NodeName, lab: LabName = "") -> int:
    """Power a killed node on again."""
    return act_on("start", node, lab)


def node_restart(node: NodeName, lab: LabName = "") -> int:
    """Restart a node's processes; its links stay up."""
    return act_on("restart", node, lab)


def node_restart_daemon(
    node: NodeName, daemon: Annotated[str, typer.Argument(metavar="DAEMON", help="Such as bgpd.")], lab: LabName = ""
) -> int:
    """Restart one daemon of a node; its links stay up."""
    door_of(node, lab).restart_daemon(daemon)
    screen.remark(f"{node}: {daemon} restarted")
    return EXIT_FINE
