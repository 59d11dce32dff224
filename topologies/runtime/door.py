"""The one door into a running node, the same for both runtimes: everything works from the node's first process.

Paths are resolved as inside the node (a symbolic link to /run means the node's /run). No container engine is asked.
"""

import os
import shlex
import signal
import socket as sockets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from msgspec import Struct

from topologies import process
from topologies.errors import Fault, Mistake
from topologies.lab import BRIDGE, HOST, Daemon, LabNode
from topologies.process import Finished
from topologies.runtime import identity, vty
from topologies.runtime.listening import listens
from topologies.runtime.model import LabRecord, NodeRecord, Process
from topologies.runtime.netlink import Netlink
from topologies.runtime.syscalls import NEWNET, NEWUSER, inside_netns, open_in_root, setns
from topologies.waiting import until

if TYPE_CHECKING:
    import subprocess

RUN_FOLDERS = ("/run/frr", "/var/run/frr")  # where FRR's sockets are; the second in images whose /var/run is no link
LOGS = "/var/log/closlab"  # what daemons print; the start scripts of containers write there too
PROGRAM_END = f"{LOGS}/program.end"  # the exit code of a node's own program once it has ended, on netns
KERNEL = "/proc/sys/net/"  # what a process finds there is its own network's
PROGRAMS, WATCHER = "/usr/lib/frr/", "watchfrr"
LEADER = "zebra"  # FRR's other daemons tell it their routes once, so they are started again with it, as watchfrr does
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}


class NodeProcess(Struct, frozen=True):
    """One process of a node: its number on the machine and inside the node."""

    pid: int
    inside: int
    name: str
    argv: tuple[str, ...]


def enter(record: LabRecord) -> None:
    """Join the user namespace of a rootless lab, and its network to have a place to come back to; else nothing.

    Call it once, early, while the process has one thread: what follows is then the same as for root.
    """
    if record.runtime != "netns" or record.init is None or not identity.alive(record.init, record.boot_id):
        return
    base = f"/proc/{record.init.pid}/ns"
    try:
        if os.readlink(f"{base}/user") == os.readlink("/proc/self/ns/user"):
            return
        for name, flag in (("user", NEWUSER), ("net", NEWNET)):
            fd = os.open(f"{base}/{name}", os.O_RDONLY | os.O_CLOEXEC)
            setns(fd, flag, f"{name} namespace of lab {record.name}")
            os.close(fd)
    except PermissionError as error:
        raise Mistake(f"lab {record.name} belongs to user id {record.uid}, and you are {os.geteuid()}") from error


def open_door(record: LabRecord, node: str) -> "Door":
    """The door of a node; Mistake for an unknown one, Fault where it does not run. That of a node of kind host leads to
    the machine, as this process sees it."""
    nodes = {each.name: each for each in record.nodes}
    wanted = {each.name: each for each in record.lab.nodes}
    if node not in wanted:
        raise Mistake(f"lab {record.name}: no node {node!r}; there are {', '.join(sorted(wanted))}")
    found = nodes.get(node)
    if found is not None and wanted[node].kind == HOST:
        return Door(record, found, wanted[node], identity.identify(os.getpid()))
    if found is None or found.init is None or not identity.alive(found.init, record.boot_id):
        raise Fault(f"lab {record.name}: node {node} does not run")
    return Door(record, found, wanted[node], found.init)


class Door:
    """All that can be done with one running node. A bridge has cables only: what needs programs or files is a Mistake,
    for its first process is the lab's own, whose files are the machine's."""

    def __init__(self, record: LabRecord | None, found: NodeRecord, wanted: LabNode, init: Process) -> None:
        self.node = found.name
        self.pid = init.pid
        # With whose end its network ends, which a node that is off keeps.
        self.holder = ((record and record.init) or init).pid
        self._long = found.long_name
        self._wanted = wanted

    def run(
        self,
        argv: Sequence[str],
        *,
        input: str | None = None,
        timeout: float = 60,
        check: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> Finished:
        """Run a program inside all the node's namespaces to its end; Fault and Mistake as `topologies.process.run`."""
        return process.run(self._enter(argv), input=input, timeout=timeout, check=check, env=self._environment(env))

    def attach(self, argv: Sequence[str]) -> int:
        """Run a program inside the node with this terminal; returns its exit code."""
        environment = {"TERM": os.environ.get("TERM", "dumb")}
        return process.attach(self._enter(argv), env=self._environment(environment))

    def gather(self, argv: Sequence[str]) -> Finished:
        """Run a program inside the node with this process's input, however long it takes; its output is gathered."""
        return process.gather(self._enter(argv), env=self._environment(None))

    def begin(self, argv: Sequence[str]) -> "subprocess.Popen[str]":
        """Start a program inside the node that we talk to by its input and output; it must end when its input does."""
        return process.begin(self._enter(argv), env=self._environment(None))

    def vty(self, daemon: str, command: str, *, timeout: float = 10) -> str:
        """Ask a daemon by its vty socket; lines of a configuration are sent one after another over one connection."""
        with self._connect(daemon, timeout) as sock:
            return vty.ask(sock, ["enable", *command.splitlines()], who=f"{self.node}: {daemon}", timeout=timeout)

    def read(self, path: str) -> bytes:
        """A file of the node."""
        with os.fdopen(self._open(path, os.O_RDONLY), "rb") as file:
            return file.read()

    def open(self, path: str) -> BinaryIO:
        """A file of the node, opened for reading; raises OSError where there is none."""
        return os.fdopen(self._open(path, os.O_RDONLY), "rb")

    def write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Put a file into the node, whole: readers see the old or the new one. A former file's owner is kept."""
        folder, name = os.path.split(path)
        spare = f"{folder}/.{name}.new"
        at = self._open(folder or "/", os.O_PATH | os.O_DIRECTORY)
        try:
            with os.fdopen(self._open(spare, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                owner = _owner(at, name)
                if owner is not None:
                    os.fchown(file.fileno(), *owner)
                os.fchmod(file.fileno(), mode)
            os.rename(f".{name}.new", name, src_dir_fd=at, dst_dir_fd=at)
        finally:
            os.close(at)

    @contextmanager
    def reachable(self, path: str) -> Iterator[str]:
        """For the length of a block, a path by which this process calls a unix socket of the node, whatever calls it.

        Raises Fault where there is no such socket.
        """
        try:
            where = self._open(path, os.O_PATH)
        except OSError as error:
            raise Fault(f"{self.node}: nobody listens at {path}: {error.strerror}") from error
        try:
            yield f"/proc/self/fd/{where}"
        finally:
            os.close(where)

    def socket(self, family: int, type: int, proto: int = 0) -> sockets.socket:
        """A socket made inside the node's network; it stays there, whoever uses it."""
        with inside_netns(self.netns):
            return sockets.socket(family, type, proto)

    def netlink(self) -> Netlink:
        """An rtnetlink socket inside the node's network."""
        return Netlink.open(self.netns)

    def link(self, interface: str, *, up: bool) -> None:
        """Raise or lower an interface of the node; Mistake where it has none of that name."""
        with self.netlink() as kernel:
            names = {each.name for each in kernel.links()}
            if interface not in names:
                raise Mistake(f"{self.node}: no interface {interface!r}; there are {', '.join(sorted(names))}")
            kernel.set_link(interface, up)

    @property
    def netns(self) -> str:
        """The path that names the node's network namespace while it runs."""
        return f"/proc/{self.pid}/ns/net"

    def daemons(self) -> tuple[str, ...]:
        """FRR's daemons that take calls on the node; none of them is called."""
        for folder in RUN_FOLDERS:
            sockets = [name for name in self._names(folder) if name.endswith(".vty")]
            if found := [name for name in sockets if listens(f"{folder}/{name}", self.pid)]:
                return tuple(sorted(name.removesuffix(".vty") for name in found))
        return ()

    def processes(self) -> tuple[NodeProcess, ...]:
        """The node's processes, its first one included."""
        self._refuse_bridge()
        home = os.readlink(f"/proc/{self.pid}/ns/pid")
        found = (_process(int(entry)) for entry in os.listdir("/proc") if entry.isdigit() and lives_in(entry, home))
        return tuple(each for each in found if each is not None)

    def restart_daemon(self, daemon: str, *, env: Mapping[str, str] | None = None) -> None:
        """Stop a daemon of the node and start it again with the same words, and with more in its environment; the
        node's links stay as they are.

        One that the lab does not declare is left to FRR's own script, which also loads its configuration again; it
        takes no environment (Mistake).
        """
        wanted = {each.name: each for each in self._wanted.daemons if not each.optional or self.has(each.argv[0])}
        if daemon not in wanted:
            own = {each.name for each in self.processes() if each.argv and each.argv[0].startswith(PROGRAMS)}
            if daemon in own - {WATCHER} and env:
                raise Mistake(f"{self.node}: {daemon} was started by FRR's own script, which takes no environment")
            if daemon in own - {WATCHER}:
                return self._restart_own(sorted(own - {WATCHER}) if daemon == LEADER else [daemon])
            there = sorted({*wanted, *own} - {WATCHER})
            raise Mistake(f"{self.node}: no daemon {daemon!r}; there are {', '.join(there) or 'none'}")
        names = list(wanted)
        again = names[names.index(daemon) :] if daemon == LEADER else [daemon]
        for name in reversed(again):
            self._stop(wanted[name])
        for name in again:
            self._start(wanted[name], env or {})

    def _restart_own(self, daemons: Sequence[str]) -> None:
        """Restart daemons that FRR's own scripts started, while its watcher looks away."""
        with ExitStack() as watched:
            if self.has(f"{RUN_FOLDERS[0]}/{WATCHER}.vty"):
                for daemon in daemons:
                    self.vty(WATCHER, f"watchfrr ignore {daemon}")
                    watched.callback(self.vty, WATCHER, f"no watchfrr ignore {daemon}")
            # What the daemons inherit must be no pipe of ours: FRR 10 never closes it, and its end is waited for.
            line = f"exec {PROGRAMS}watchfrr.sh restart {'all' if LEADER in daemons else daemons[0]}"
            self.run(["sh", "-c", f"mkdir -p {LOGS}; {line} >>{LOGS}/{WATCHER}.log 2>&1"])

    def _stop(self, daemon: Daemon) -> None:
        """Ask a daemon of the node to end, and wait until it has."""
        for running in self.processes():
            if running.argv and os.path.basename(running.argv[0]) == os.path.basename(daemon.argv[0]):
                identity.stop(running.pid, signal.SIGTERM, within=5)

    def _start(self, daemon: Daemon, env: Mapping[str, str]) -> None:
        """Start a daemon as a child of the node's first process, and wait until it is ready."""
        log = f"{LOGS}/{daemon.name}.log"
        stale = f"rm -f {shlex.quote(daemon.ready)}; " if daemon.ready else ""  # a killed one leaves its socket behind
        words = ["env", *(f"{name}={value}" for name, value in env.items()), *daemon.argv] if env else daemon.argv
        line = f"mkdir -p {LOGS}; {stale}{shlex.join(words)} </dev/null >>{log} 2>&1 &"
        self.run(["sh", "-c", line])
        if daemon.ready:
            silence = f"nobody listens at {daemon.ready}"
            until(
                f"{daemon.name} ready on {self.node}",
                lambda: "" if listens(daemon.ready, self.pid) else silence,
                within=20,
            )

    def _connect(self, daemon: str, timeout: float) -> sockets.socket:
        for folder in RUN_FOLDERS:
            try:
                return self._dial(f"{folder}/{daemon}.vty", timeout)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise Fault(f"{self.node}: {daemon} does not answer: {error.strerror or error}") from error
        there = sorted(name.removesuffix(".vty") for name in self._names(RUN_FOLDERS[0]) if name.endswith(".vty"))
        raise Fault(f"{self.node}: no daemon {daemon!r} to ask; there are {', '.join(there) or 'none'}")

    def has(self, path: str) -> bool:
        """Whether the node has a file."""
        try:
            os.close(self._open(path, os.O_PATH))
        except FileNotFoundError:
            return False
        return True

    def _names(self, folder: str) -> list[str]:
        try:
            fd = self._open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return []
        try:
            return os.listdir(fd)
        finally:
            os.close(fd)

    def _dial(self, path: str, timeout: float) -> sockets.socket:
        where = self._open(path, os.O_PATH)
        sock = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
        try:
            sock.settimeout(timeout)
            sock.connect(f"/proc/self/fd/{where}")
        except OSError:
            sock.close()
            raise
        finally:
            os.close(where)
        return sock

    def _refuse_bridge(self) -> None:
        if self._wanted.kind == BRIDGE:
            raise Mistake(f"node {self.node} is a bridge: it has cables, and no programs or files of its own")

    def _open(self, path: str, flags: int, mode: int = 0) -> int:
        self._refuse_bridge()
        root = os.open(f"/proc/{self.pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if os.path.normpath(path).startswith(KERNEL):
                with inside_netns(self.netns):
                    return open_in_root(root, path, flags, mode)
            return open_in_root(root, path, flags, mode)
        finally:
            os.close(root)

    def _enter(self, argv: Sequence[str]) -> list[str]:
        self._refuse_bridge()
        if self._wanted.kind == HOST:  # where it would outlive both closlab and the lab
            return ["setpriv", "--pdeathsig=KILL", "--", *argv]
        return ["nsenter", f"--target={self.pid}", "--mount", "--uts", "--ipc", "--net", "--pid", "--", *argv]

    def _environment(self, env: Mapping[str, str] | None) -> dict[str, str]:
        """What programs in the node see: never the caller's own environment."""
        return _ENVIRONMENT | dict(self._wanted.env) | dict(env or {})


def _owner(folder: int, name: str) -> tuple[int, int] | None:
    try:
        former = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return former.st_uid, former.st_gid


def lives_in(pid: str, namespace: str) -> bool:
    """Whether a process is in a PID namespace, named as its link under /proc reads."""
    try:
        return os.readlink(f"/proc/{pid}/ns/pid") == namespace
    except OSError:  # gone meanwhile, or somebody else's
        return False


def _process(pid: int) -> NodeProcess | None:
    folder = Path(f"/proc/{pid}")
    try:
        status = (folder / "status").read_text()
        argv = tuple((folder / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1])
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return NodeProcess(pid, int(fields["NSpid"].split()[-1]), fields["Name"].strip(), argv)
