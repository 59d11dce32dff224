"""Programs of a node, started and waited for by its first process: daemons, FRR as a whole, commands, health."""

import os
import resource
import select
import shlex
import shutil
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from topologies.errors import Fault
from topologies.lab import Daemon, Healthcheck, LabNode
from topologies.runtime import vty
from topologies.runtime.door import PROGRAM_END
from topologies.runtime.listening import listens
from topologies.runtime.netns import frr
from topologies.runtime.netns.furnish import LOGS, numbers
from topologies.waiting import until

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
START_SECONDS = 60  # for one daemon on a busy machine
PROGRAM_LOG = f"{LOGS}/program.log"
NOTED = 'rm -f "$0"; "$@"; code=$?; echo "$code" >"$0"; exit "$code"'  # a shell that leaves an exit code in a file
ENDLESS = (("sleep", "infinity"), ("tail", "-f", "/dev/null"))  # keep a container alive, and have no end to note
EXEC_LOG = f"{LOGS}/exec.log"
HEALTH_LOG = f"{LOGS}/health.log"


def start(node: LabNode, daemon: Daemon) -> None:
    """Start a daemon and wait until it is ready; Fault where it ends instead. Nothing for one that may be absent."""
    if daemon.optional and not os.path.exists(daemon.argv[0]):
        return
    pid = spawn(node, daemon.argv, f"{LOGS}/{daemon.name}.log", daemon.name)
    if daemon.ready:
        what = f"{daemon.name} ready on {node.name}"
        until(what, lambda: _silence(node, daemon, pid), within=START_SECONDS, every=0.005)


def start_own(node: LabNode, argv: Sequence[str]) -> int:
    """Start the node's own program and have its exit code noted when it ends; Fault where there is no such program."""
    program = as_user(node.user, argv)
    if tuple(argv) not in ENDLESS and _path(node, program[0]) and _path(node, "sh"):
        program = ("sh", "-c", NOTED, PROGRAM_END, *program)
    return spawn(node, program, PROGRAM_LOG)


def examine(node: LabNode, daemon: Daemon) -> None:
    """Fault where a daemon refused a line of its configuration; mgmtd, which has none, reads lines meant for others.

    FRR listens before it has read its configuration, but answers only afterwards: so it is asked something first. Zebra
    takes clients before there is anybody to ask.
    """
    if not daemon.config:
        return
    path = f"{os.path.dirname(daemon.ready)}/{daemon.name}.vty"
    until(
        f"{daemon.name} of {node.name} can be asked",
        lambda: "" if os.path.exists(path) else f"no {path}",
        within=START_SECONDS,
        every=0.005,
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.connect(path)
        vty.ask(sock, ["enable"], who=f"node {node.name}: {daemon.name}", timeout=START_SECONDS)
    taken = [_said(each) for each in node.daemons if each.name == daemon.shared_with and os.path.exists(each.argv[0])]
    if refused := vty.refused_by_all(_said(daemon), *taken):
        raise Fault(f"node {node.name}: {daemon.name} refused {'; '.join(_place(daemon, *each) for each in refused)}")


def command(node: LabNode, line: str) -> str:
    """Run one command line of a node to its end, as containerlab does without a shell; returns what went wrong."""
    argv = shlex.split(line)
    before = _size(EXEC_LOG)
    try:
        if frr.starts_frr(argv) and start_frr(node):
            return ""
        code = _ended(spawn(node, as_user(node.user, argv), EXEC_LOG))
    except Fault as error:
        return f"{error}, for exec {line!r}"
    if code:
        words = Path(EXEC_LOG).read_bytes()[before:].decode(errors="replace").strip()[-500:]
        return f"node {node.name}: exit code {code} from exec {line!r}: {words or 'it printed nothing'}"
    return ""


def start_frr(node: LabNode) -> bool:
    """Start FRR as its own script would, without that script's pauses; False where only the script can."""
    texts = [_text(path) for path in (frr.SETTINGS, frr.COMMON)]
    there = os.listdir(frr.PROGRAMS) if os.path.isdir(frr.PROGRAMS) else []
    wanted = frr.suite(texts[0], texts[1], there) if all(texts) else None
    if wanted is None:
        return False
    with _few_files():
        _start_suite(node, wanted)
    return True


@contextmanager
def _few_files() -> Iterator[None]:
    """As many open files as FRR's own service has: with a million FRR sets aside tables for as many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, frr.FILES), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _start_suite(node: LabNode, wanted: frr.Suite) -> None:
    for argv in wanted.first:  # each leaves a process behind and ends when that is ready
        _finish(node, [argv])
    _finish(node, wanted.others)
    if os.access(frr.INTEGRATED, os.R_OK):
        hasty = frr.hastens(_text(frr.INTEGRATED), _bgp(node, ()))
        _bgp(node, frr.HASTE if hasty else ())
        _finish(node, [("vtysh", "-b")])
        _bgp(node, frr.LEISURE if hasty else ())
    spawn(node, wanted.watcher, _log(wanted.watcher))


def health(node: LabNode, check: Healthcheck) -> str:
    """Ask a node whether it is well until it is; returns what it said last where it has not been in its time."""
    shell = check.test[0] == "CMD-SHELL"
    argv = ("sh", "-c", check.test[1]) if shell else check.test[1:] if check.test[0] == "CMD" else check.test

    def illness() -> str:
        pid = spawn(node, as_user(node.user, argv), HEALTH_LOG)
        code = _ended(pid, check.timeout)
        return f"exit code {code} from {shlex.join(argv)}" if code else ""

    try:
        within = check.start_period + check.retries * check.interval
        until(f"{node.name} healthy", illness, within=within, longest=min(check.interval, 1))
    except Fault as error:
        return str(error)
    return ""


def spawn(node: LabNode, argv: Sequence[str], log: str, name: str = "") -> int:
    """Start a program of the node with its environment and its words in a log; returns its pid."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    files = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, log, flags, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    environment = ENVIRONMENT | dict(node.env)
    defaults = (signal.SIGPIPE, signal.SIGINT, signal.SIGXFSZ)
    program = _path(node, argv[0])
    if program is None:
        raise Fault(f"node {node.name}: cannot start {name or 'a program'}: {argv[0]} is not there")
    return os.posix_spawn(program, tuple(argv), environment, file_actions=files, setsid=True, setsigdef=defaults)


def _path(node: LabNode, program: str) -> str | None:
    return shutil.which(program, path=dict(node.env).get("PATH", ENVIRONMENT["PATH"]))


def as_user(user: str, argv: Sequence[str]) -> tuple[str, ...]:
    """A command that runs as USER[:GROUP], names or numbers; Fault for a name that the node does not know."""
    if not user or user in ("root", "0"):
        return tuple(argv)
    name, _, group = user.partition(":")
    known, groups = numbers("/etc/passwd"), numbers("/etc/group")
    uid = name if name.isdigit() else known.get(name)
    gid = group if group.isdigit() else groups.get(group or name, uid)
    if uid is None or gid is None:
        raise Fault(f"no user {user!r}; there are {', '.join(known)}")
    return ("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--", *argv)


def _bgp(node: LabNode, lines: Sequence[str]) -> bool:
    """Say some lines to a node's bgpd; whether it has one."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.connect(frr.BGP)
            if lines:
                vty.ask(sock, lines, who=f"node {node.name}: bgpd", timeout=START_SECONDS)
    except FileNotFoundError:
        return False
    return True


def _finish(node: LabNode, programs: Sequence[Sequence[str]]) -> None:
    """Run programs side by side to their ends, a log each; Fault with the first words of one that failed."""
    begun = [(argv, _size(_log(argv)), spawn(node, argv, _log(argv))) for argv in programs]
    ended = [(argv, before, _ended(pid, START_SECONDS)) for argv, before, pid in begun]
    for argv, before, code in ended:
        if code:
            words = Path(_log(argv)).read_bytes()[before:].decode(errors="replace").strip()[:500]
            raise Fault(
                f"node {node.name}: {os.path.basename(argv[0])} did not start, exit code {code} from "
                f"{shlex.join(argv)}: {words or 'it printed nothing'}"
            )


def _log(argv: Sequence[str]) -> str:
    """The log of a program, by its name."""
    return f"{LOGS}/{os.path.basename(argv[0])}.log"


def _ended(pid: int, within: float | None = None) -> int:
    """Wait for a program's end and return its exit code; one that takes longer than `within` seconds is killed."""
    if within is not None:
        handle = os.pidfd_open(pid)
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        if not poll.poll(within * 1000):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _silence(node: LabNode, daemon: Daemon, pid: int) -> str:
    """Why a daemon takes no calls yet; Fault when it has ended."""
    if listens(daemon.ready):
        return ""
    ended, status = os.waitpid(pid, os.WNOHANG)
    if ended:
        code = os.waitstatus_to_exitcode(status)
        words = _said(daemon).strip()[-2000:] or "it printed nothing"
        raise Fault(f"node {node.name}: {daemon.name} ended at its start, exit code {code}: {words}")
    return f"nobody listens at {daemon.ready}"


def _said(daemon: Daemon) -> str:
    """What a daemon printed and logged so far."""
    places = [f"{LOGS}/{daemon.name}.log", *(a.partition("file:")[2] for a in daemon.argv if "file:" in a)]
    return "".join(_text(place) for place in places)


def _text(path: str) -> str:
    return Path(path).read_text(errors="replace") if os.path.exists(path) else ""


def _size(path: str) -> int:
    return os.path.getsize(path) if os.path.exists(path) else 0


def _place(daemon: Daemon, number: str, text: str, words: str) -> str:
    return f"{daemon.config}:{number}: {words}: {text}"
