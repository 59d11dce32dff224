"""A PostgreSQL server of a test's own, from Debian's packages: it is stopped, paused, followed by another, promoted."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from tempfile import mkdtemp

from topologies.waiting import until

WITHIN = 30
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "12",
    "superuser_reserved_connections": "1",
    "shared_buffers": "16MB",
    "wal_level": "replica",
    "max_wal_senders": "3",
    "wal_keep_size": "64MB",
}


def programs() -> Path | None:
    """Where the newest PostgreSQL's programs are, if any is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return found[-1].parent if found else None


def lack() -> str:
    """Why there can be no server here; "" where there can."""
    if programs() is None:
        return "no PostgreSQL in /usr/lib/postgresql: apt-get install postgresql"
    if os.geteuid() == 0 and "postgres" not in {each.pw_name for each in pwd.getpwall()}:
        return "PostgreSQL does not run as root, and there is no user postgres"
    return ""


def _user() -> str | None:
    """As whom it runs: it refuses root."""
    return "postgres" if os.geteuid() == 0 else None


@dataclass
class Postgres:
    """One server, at a port of 127.0.0.1, with the user and database `postgres`."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        """As a gateway's file has it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Have it run, and answer."""
        self._ctl("start", "--log", str(self.folder / "log"), "--options", f"-p {self.port} -k {self.folder}")

    def stop(self) -> None:
        """End it, with all its connections."""
        self._ctl("stop", "--mode", "immediate")

    def pause(self) -> None:
        """Stop all its processes in their tracks; connections stay, and nobody answers."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After a pause."""
        self._signal(signal.SIGCONT)

    def promote(self) -> None:
        """A follower takes over."""
        self._ctl("promote")

    def run(self, statement: str) -> str:
        """What psql prints of it."""
        words = [str(_there() / "psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-Atc", statement]
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=WITHIN).stdout.strip()

    @contextmanager
    def full(self) -> Iterator[None]:
        """All connections that are left are somebody's."""
        words = [str(_there() / "psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-At"]
        with ExitStack() as stack:
            while True:
                taken = stack.enter_context(
                    subprocess.Popen(words, stdin=PIPE, stdout=PIPE, stderr=subprocess.STDOUT, text=True)
                )
                stack.callback(taken.kill)
                assert taken.stdin is not None
                assert taken.stdout is not None
                taken.stdin.write("select 'here';\n")
                taken.stdin.flush()
                if "too many clients" in (said := taken.stdout.readline()):
                    break
                assert said == "here\n"
            yield

    def _pids(self) -> list[int]:
        first = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        below = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [first, *map(int, below)]

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._pids():
            os.kill(pid, number)

    def _ctl(self, *words: str) -> None:
        _run("pg_ctl", "--pgdata", str(self.folder / "data"), "--wait", "--timeout", str(WITHIN), *words)


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server that runs, until the test is over."""
    with _folder() as folder:
        _run("initdb", "--pgdata", str(folder / "data"), "--username", "postgres", "--auth", "trust", "--no-sync")
        with (folder / "data" / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        with _running(Postgres(folder, _free())) as server:
            yield server


@contextmanager
def follower(of: Postgres) -> Iterator[Postgres]:
    """A server that follows another by streaming replication."""
    with _folder() as folder:
        source = f"host=127.0.0.1 port={of.port} user=postgres"
        _run(
            "pg_basebackup", "--pgdata", str(folder / "data"), "--dbname", source, "--write-recovery-conf", "--no-sync"
        )
        with _running(Postgres(folder, _free())) as server:
            until(
                "it follows",
                lambda: "" if of.run("select count(*) from pg_stat_replication") == "1" else "not yet",
                within=WITHIN,
            )
            yield server


@contextmanager
def _running(server: Postgres) -> Iterator[Postgres]:
    server.start()
    try:
        yield server
    finally:
        if (server.folder / "data" / "postmaster.pid").exists():
            server.go_on()
            server.stop()


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder of the user as whom it runs; pytest's own are closed to others."""
    folder = Path(mkdtemp(prefix="closlab-pg-", dir="/tmp"))
    try:
        if (user := _user()) is not None:
            shutil.chown(folder, user, user)
        yield folder
    finally:
        shutil.rmtree(folder)


def _run(name: str, *words: str) -> None:
    command, user = [str(_there() / name), *words], _user()
    groups = None if user is None else []
    done = subprocess.run(
        command,
        user=user,
        group=user,
        extra_groups=groups,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}{done.stdout}"


def _there() -> Path:
    found = programs()
    assert found is not None, lack()
    return found


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])
