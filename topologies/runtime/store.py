"""Where labs are remembered: one folder a lab, written whole or not at all, and one claim at a time on each.

    STATE/NAME/record.json   what `down` needs, see `topologies.runtime.wire`
    STATE/NAME/before.json   the record before that one, for `down` where a bad disk spoilt the newer
    STATE/NAME/files/        what a runtime wants to keep beside it
    STATE/NAME/holder        who works on the lab now, for the message to whoever comes second

The claim is an flock on the folder itself, so that it needs no free disk and ends with its process. STATE is found
once, by `here()`: a rootless runtime may make this process root of a user namespace later, in its user's home.
"""

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

from topologies.durable import write_whole
from topologies.errors import Fault, Mistake
from topologies.runtime import wire
from topologies.runtime.model import LabRecord

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}")
RECORD, BEFORE, FILES, HOLDER = "record.json", "before.json", "files", "holder"


class Unreadable(Struct, frozen=True):
    """A lab whose record cannot be read: it is reported, never passed over, for it may still run."""

    name: str
    why: str


class Store(Struct, frozen=True):
    """The state folder of one user."""

    root: Path

    def folder(self, name: str) -> Path:
        """The folder of a lab, made or not; raises Mistake for a name that is none."""
        if not NAME.fullmatch(name):
            raise Mistake(f"{name!r} is no name for a lab: letters, digits, '.', '_' and '-', a letter or digit first")
        return self.root / name

    def files(self, name: str) -> Path:
        """The folder of a lab where a runtime keeps what it must find again."""
        return self.folder(name) / FILES

    def names(self) -> tuple[str, ...]:
        """The names of all labs, readable or not; raises Mistake where the state folder cannot be looked into."""
        try:
            if self.root.exists() and not self.root.is_dir():
                raise Mistake(f"the state folder {self.root} is no folder; CLOSLAB_STATE names another one")
            return tuple(sorted(entry.parent.name for entry in self.root.glob(f"*/{RECORD}")))
        except PermissionError as error:
            raise Mistake(_denied(self.root, error)) from error

    def exists(self, name: str) -> bool:
        """Whether there is a record of that lab."""
        return (self.folder(name) / RECORD).exists()

    def begun(self, name: str) -> bool:
        """Whether there is anything of that lab: an `up` killed before its first record leaves a folder without one."""
        try:
            return NAME.fullmatch(name) is not None and self.folder(name).exists()
        except PermissionError as error:
            raise Mistake(_denied(self.root, error)) from error

    def read(self, name: str) -> LabRecord:
        """The record of a lab; raises Mistake when there is none, Fault when it cannot be read."""
        try:
            return _decoded(self.folder(name) / RECORD)
        except FileNotFoundError as error:
            raise Mistake(f"no lab {name!r}; there is {', '.join(self.names()) or 'none at all'}") from error
        except Fault as error:
            raise Fault(f"{error}; `closlab down {name}` goes by the record before it") from error

    def written(self, name: str) -> int:
        """When the record of a lab was written last, in nanoseconds since the epoch; raises OSError without one."""
        return (self.folder(name) / RECORD).stat().st_mtime_ns

    def readable(self, name: str) -> LabRecord:
        """The record of a lab, or the one before where that is spoilt; raises Fault when neither can be read."""
        folder = self.folder(name)
        try:
            return _decoded(folder / RECORD)
        except Fault as spoilt:
            try:
                return _decoded(folder / BEFORE)
            except (FileNotFoundError, Fault) as error:
                rest = f"what still runs of lab {name} ends when the machine restarts, `rm -r {folder}` forgets it"
                raise Fault(f"{spoilt}; nor is there one before it: {rest}") from error

    def every(self) -> tuple[LabRecord | Unreadable, ...]:
        """All labs by name, those that cannot be read among them."""
        return tuple(self._entry(name) for name in self.names())

    def write(self, record: LabRecord) -> None:
        """Put a record on disk whole; raises Fault where that fails, the one before is then untouched."""
        folder = self.folder(record.name)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            data = wire.encode(record)
            _keep(folder / RECORD, folder / BEFORE)
            write_whole(folder / RECORD, data)
        except OSError as error:
            raise Fault(f"cannot write {folder / RECORD}: {error.strerror}") from error

    def remove(self, name: str) -> None:
        """Forget a lab; its record goes last, so that a removal cut short can be done again."""
        folder = self.folder(name)
        try:
            if (folder / FILES).exists():
                shutil.rmtree(folder / FILES)
            (folder / RECORD).unlink(missing_ok=True)
        except OSError as error:
            raise Fault(f"cannot remove {error.filename}: {error.strerror}") from error
        shutil.rmtree(folder, ignore_errors=True)

    def busy(self, name: str) -> bool:
        """Whether somebody works on that lab now."""
        with suppress(FileNotFoundError):
            fd = os.open(self.folder(name), os.O_RDONLY | os.O_DIRECTORY)
            try:
                return _claimed(fd)
            finally:
                os.close(fd)
        return False

    @contextmanager
    def claim(self, name: str, doing: str) -> Iterator[None]:
        """Be the only one to work on a lab; raises Mistake that names who is at it, where somebody is.

        A folder without a record at the end is removed: nothing came of it, or the lab is down.
        """
        folder = self.folder(name)
        fd = _lock(folder)
        try:
            _sign(folder / HOLDER, doing)
            yield
        finally:
            (folder / HOLDER).unlink(missing_ok=True)
            if not (folder / RECORD).exists():
                shutil.rmtree(folder, ignore_errors=True)
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)

    def _entry(self, name: str) -> LabRecord | Unreadable:
        try:
            return self.read(name)
        except (Mistake, Fault) as error:
            return Unreadable(name, str(error))


def here(env: Mapping[str, str] | None = None, uid: int | None = None) -> Store:
    """The store of this user: CLOSLAB_STATE, else /var/lib/closlab for root, else below XDG_STATE_HOME."""
    env = os.environ if env is None else env
    if named := env.get("CLOSLAB_STATE"):
        return Store(Path(named).absolute())
    if (os.geteuid() if uid is None else uid) == 0:
        return Store(Path("/var/lib/closlab"))
    home = env.get("XDG_STATE_HOME") or Path(env.get("HOME") or "~").expanduser() / ".local/state"
    return Store(Path(home) / "closlab")


def _keep(path: Path, before: Path) -> None:
    """Have another name for a file that is about to be replaced, so that it outlives that. Raises OSError."""
    with suppress(FileNotFoundError):
        before.unlink(missing_ok=True)
        os.link(path, before)


def _decoded(path: Path) -> LabRecord:
    """A record out of its file; raises FileNotFoundError where there is none, Fault where it cannot be read."""
    try:
        return wire.decode(path.read_bytes())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Fault(f"cannot read {path}: {error.strerror}") from error
    except Fault as error:
        raise Fault(f"cannot read {path}: {error}") from error


def _lock(folder: Path) -> int:
    """A file descriptor that holds the claim on a folder; whoever held it before may have removed it, so look again."""
    while True:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise Mistake(_denied(folder, error)) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(FileNotFoundError):
                if os.fstat(fd).st_ino == folder.stat().st_ino:
                    return fd
        except BlockingIOError as error:
            if _claimed(fd):
                os.close(fd)
                raise Mistake(f"lab {folder.name!r} is busy: {_holder(folder / HOLDER)}") from error
        os.close(fd)


def _claimed(fd: int) -> bool:
    """Whether somebody works on a lab: not who only looks, as we do here, which takes no longer than these lines."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _sign(path: Path, doing: str) -> None:
    """Say who works on the lab. It is for people only: a full disk must not keep `down` from its work."""
    with suppress(OSError):
        path.write_text(f"closlab {doing}, process {os.getpid()}, since {time.strftime('%H:%M:%S')}")


def _holder(path: Path) -> str:
    try:
        return path.read_text() or "another closlab is at it"
    except OSError:
        return "another closlab is at it"


def _denied(place: Path, error: OSError) -> str:
    return f"cannot use the state folder {place}: {error.strerror}; CLOSLAB_STATE names another one"
