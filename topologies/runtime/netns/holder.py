"""A node's first process: it furnishes the node, starts its daemons, and then idles for as long as the node lives.

It begins in the node's network with new mount, UTS, IPC and PID namespaces. When all is ready it replaces itself by
`sleep`, so that an idle node is small; its children are reaped by the kernel from then on.
"""

import os
import re
import shlex
import shutil
import signal
import socket
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import msgspec

from topologies.errors import ClosError, Fault, Mistake
from topologies.lab import Bind, Daemon, File, LabNode
from topologies.runtime import syscalls, vty
from topologies.runtime.identity import stat_fields
from topologies.runtime.netns.channel import Channel, Here, Refused
from topologies.runtime.netns.profiles import program_of
from topologies.runtime.netns.root import WORK, Base, assemble, move_in
from topologies.runtime.syscalls import MS_BIND, MS_REC
from topologies.waiting import until

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
IDLE = ("sleep", "infinity")
LOGS = "/var/log/closlab"
START_SECONDS = 60  # for one daemon on a busy machine
FRR = "/etc/frr"
REFUSED_LINE = re.compile(r"(?:\[[^]]*\]\s*)*([^\]:]+?) on config line (\d+): ?(.*)")
# What a node's root may not do to the machine: load modules, set the clock, reboot, raw disks, kernel log, audit.
_NOT_GIVEN = (16, 17, 22, 25, 27, 30, 34)


@dataclass(frozen=True, slots=True)
class Birth:
    """All that a node's first process must know. `fresh` is False when the node comes back after a power-off."""

    node: LabNode
    base: Base
    hosts: str
    fresh: bool = True


def hold(birth: Birth, channel: Channel) -> NoReturn:
    """Be a node's first process; says Here or Refused over the channel. Never returns."""
    try:
        here = _furnish(birth)
        for daemon in birth.node.daemons:
            _start(birth.node, daemon)
        for daemon in birth.node.daemons:
            _examine(birth.node, daemon)
        if program := program_of(birth.node):
            _spawn(birth.node, program, f"{LOGS}/program.log")
        warnings = tuple(filter(None, [_exec(birth.node, line) for line in birth.node.exec if birth.fresh]))
        channel.say(msgspec.structs.replace(here, warnings=warnings))
        _idle()
    except Mistake as error:
        channel.say(Refused(str(error), mistake=True))
    except (ClosError, OSError) as error:
        channel.say(Refused(f"node {birth.node.name}: {error}"))
    except BaseException:  # noqa: BLE001 - the end of a process of its own: nothing may unwind into the caller's copy
        channel.say(Refused(f"node {birth.node.name}: {traceback.format_exc()}"))
    os._exit(1)


def _furnish(birth: Birth) -> Here:
    """Make the node's root and move in; returns who this process is by the machine's numbers."""
    node = birth.node
    pid = int(os.readlink("/proc/self"))  # the machine's /proc is still there
    started = int(stat_fields(Path("/proc/self/stat").read_text())[19])
    socket.sethostname(node.hostname or node.name)
    place = f"{WORK}/nodes/{node.name}"
    root = assemble(place, birth.base)
    _own_settings(root, place, node)
    for bind in node.binds:
        _bind(root, bind)
    move_in(root)
    if birth.fresh:
        owners = _owners()
        for file in (*_standard_files(node, birth.hosts), *node.files):
            _write(file, owners)
    _sockets_folder()
    for number in _NOT_GIVEN:
        syscalls.drop_capability(number)
    return Here(node.name, pid, started)


def _own_settings(root: str, place: str, node: LabNode) -> None:
    """A node whose FRR files are given sees only those, not the machine's."""
    if any(file.path.startswith(f"{FRR}/") for file in node.files):
        os.makedirs(f"{place}/frr", 0o755, exist_ok=True)
        os.makedirs(root + FRR, exist_ok=True)
        syscalls.mount(f"{place}/frr", root + FRR, "", MS_BIND)


def _bind(root: str, bind: Bind) -> None:
    """Show a file or folder of the machine in the node."""
    if not os.path.exists(bind.source):
        raise Mistake(f"bind {bind.source}:{bind.target}: there is no {bind.source}")
    fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    at = Path(bind.target)
    syscalls.make_folders(fd, str(at if os.path.isdir(bind.source) else at.parent))
    if not os.path.isdir(bind.source):
        os.close(syscalls.open_in_root(fd, bind.target, os.O_CREAT | os.O_WRONLY, 0o644))
    place = syscalls.open_in_root(fd, bind.target, os.O_PATH)
    syscalls.mount(bind.source, f"/proc/self/fd/{place}", "", MS_BIND | MS_REC)
    os.close(place)
    if bind.read_only:
        place = syscalls.open_in_root(fd, bind.target, os.O_PATH)
        syscalls.make_read_only(f"/proc/self/fd/{place}")
        os.close(place)
    os.close(fd)


def _standard_files(node: LabNode, hosts: str) -> tuple[File, ...]:
    servers = "".join(f"nameserver {server}\n" for server in node.dns_servers)
    search = f"search {' '.join(node.dns_search)}\n" if node.dns_search else ""
    return (
        File("/etc/hosts", hosts, 0o644),
        File("/etc/hostname", f"{node.hostname or node.name}\n", 0o644),
        File("/etc/resolv.conf", servers + search, 0o644),
    )


def _owners() -> Mapping[str, tuple[int, int]]:
    """Number of FRR's user with its own group, and with that of vtysh; {} where there is no FRR."""
    users = _numbers("/etc/passwd")
    groups = _numbers("/etc/group")
    if "frr" not in users:
        return {}
    own = groups.get("frr", users["frr"])
    return {"frr": (users["frr"], own), "vty": (users["frr"], groups.get("frrvty", own))}


def _numbers(path: str) -> dict[str, int]:
    try:
        lines = Path(path).read_text().splitlines()
    except FileNotFoundError:
        return {}
    fields = [line.split(":") for line in lines]
    return {each[0]: int(each[2]) for each in fields if len(each) > 2 and each[2].isdigit()}


def _write(file: File, owners: Mapping[str, tuple[int, int]]) -> None:
    place = Path(file.path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)  # a symbolic link there would lead elsewhere
    place.write_text(file.text)
    place.chmod(file.mode)
    if file.path.startswith(f"{FRR}/") and owners:
        os.chown(place, *owners["vty" if place.name == "vtysh.conf" else "frr"])


def _sockets_folder() -> None:
    """The folders that FRR's own start script would make."""
    owners = _owners()
    for folder in ("/run/frr", "/var/log/frr", LOGS):
        os.makedirs(folder, 0o755, exist_ok=True)
    if owners:
        for folder in ("/run/frr", "/var/log/frr", FRR):
            if os.path.isdir(folder):
                os.chown(folder, *owners["frr"])


def _start(node: LabNode, daemon: Daemon) -> None:
    """Start a daemon and wait until it is ready; Fault where it ends instead."""
    pid = _spawn(node, daemon.argv, f"{LOGS}/{daemon.name}.log", daemon.name)
    if daemon.ready:
        until(
            f"{daemon.name} ready on {node.name}",
            lambda: _silence(node, daemon, pid),
            within=START_SECONDS,
            every=0.005,
        )


def _examine(node: LabNode, daemon: Daemon) -> None:
    """Fault where a daemon refused a line of its configuration.

    FRR listens before it has read its configuration, but answers only afterwards: so it is asked something first.
    """
    path = f"{os.path.dirname(daemon.ready)}/{daemon.name}.vty"
    if os.path.exists(path):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.connect(path)
            vty.ask(sock, ["enable"], who=f"node {node.name}: {daemon.name}", timeout=START_SECONDS)
    if refused := refused_lines(_said(daemon)):
        raise Fault(f"node {node.name}: {daemon.name} refused {'; '.join(_place(daemon, *each) for each in refused)}")


def _exec(node: LabNode, line: str) -> str:
    """Run one of a node's exec lines to its end, as containerlab does without a shell; returns what went wrong."""
    log = f"{LOGS}/exec.log"
    before = os.path.getsize(log) if os.path.exists(log) else 0
    try:
        pid = _spawn(node, shlex.split(line), log)
    except Fault as error:
        return f"{error}, for exec {line!r}"
    _, status = os.waitpid(pid, 0)
    if code := os.waitstatus_to_exitcode(status):
        words = Path(log).read_bytes()[before:].decode(errors="replace").strip()[-500:]
        return f"node {node.name}: exit code {code} from exec {line!r}: {words or 'it printed nothing'}"
    return ""


def _spawn(node: LabNode, argv: Sequence[str], log: str, name: str = "") -> int:
    """Start a program of the node with its environment and its words in a log; returns its pid."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    files = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, log, flags, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    environment = ENVIRONMENT | dict(node.env)
    defaults = (signal.SIGPIPE, signal.SIGINT, signal.SIGXFSZ)
    program = shutil.which(argv[0], path=environment["PATH"])
    if program is None:
        raise Fault(f"node {node.name}: cannot start {name or 'a program'}: {argv[0]} is not there")
    return os.posix_spawn(program, tuple(argv), environment, file_actions=files, setsid=True, setsigdef=defaults)


def _silence(node: LabNode, daemon: Daemon, pid: int) -> str:
    """Why a daemon does not answer yet; Fault when it has ended."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.connect(daemon.ready)
        return ""
    except OSError as error:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            words = _said(daemon).strip()[-2000:] or "it printed nothing"
            raise Fault(f"node {node.name}: {daemon.name} ended at its start, exit code {code}: {words}") from error
        return f"{daemon.ready}: {error.strerror}"
    finally:
        sock.close()


def _said(daemon: Daemon) -> str:
    """What a daemon printed and logged so far."""
    places = [f"{LOGS}/{daemon.name}.log", *(a.partition("file:")[2] for a in daemon.argv if "file:" in a)]
    return "".join(Path(place).read_text(errors="replace") for place in places if os.path.exists(place))


def refused_lines(log: str) -> tuple[tuple[str, str, str], ...]:
    """The lines of a configuration that an FRR daemon refused: line number, text, FRR's words."""
    found = (REFUSED_LINE.search(line) for line in log.splitlines())
    return tuple(dict.fromkeys((hit[2], hit[3].strip(), hit[1].strip()) for hit in found if hit))


def _place(daemon: Daemon, number: str, text: str, words: str) -> str:
    return f"{daemon.config}:{number}: {words}: {text}"


def _idle() -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with suppress(ChildProcessError):  # those that ended before
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    for number in (signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    os.execvpe(IDLE[0], IDLE, ENVIRONMENT)
