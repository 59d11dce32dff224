"""Names of a lab's networks under /run/netns, so that `ip netns exec` works as users of containerlab expect. Root only.

They are symbolic links to the lab's own references, which outlive a node's processes; a link is removed only while it
is ours, which its target says.
"""

import errno
import os

from topologies.errors import Mistake
from topologies.runtime.model import LabRecord
from topologies.runtime.netns.root import PINS
from topologies.runtime.netns.wiring import space_of

FOLDER = "/run/netns"


def target(record: LabRecord, space: str) -> str:
    """The lab's own reference to a network, named by its space."""
    if record.init is None:
        return ""
    return f"/proc/{record.init.pid}/root{PINS}/{space}"


def wanted(record: LabRecord) -> tuple[str, ...]:
    """The paths that a lab makes outside its folder: links, and the folder of them where there is none yet."""
    links = [f"{FOLDER}/{record.lab.long_name(n.name)}" for n in record.lab.nodes if n.has_processes]
    return tuple(links) if os.path.isdir(FOLDER) else (*links, FOLDER)


def make(record: LabRecord) -> None:
    """Make all links; Mistake where a name is taken."""
    os.makedirs(FOLDER, 0o755, exist_ok=True)
    for node in record.lab.nodes:
        if not node.has_processes:
            continue
        link = f"{FOLDER}/{record.lab.long_name(node.name)}"
        if os.path.islink(link) and not os.path.exists(link):
            os.unlink(link)  # leads nowhere: left by a lab that did not survive a reboot
        try:
            os.symlink(target(record, space_of(node)), link)
        except FileExistsError as error:
            raise Mistake(f"{link} exists already; is there a lab of the same name by another tool?") from error


def remove(record: LabRecord) -> None:
    """Remove what is ours of the record's paths."""
    ours = target(record, "")
    for path in record.host_paths:
        if os.path.islink(path) and os.readlink(path).startswith(ours):
            os.unlink(path)
        elif path == FOLDER and os.path.isdir(path):
            _remove_unused(path)


def _remove_unused(folder: str) -> None:
    """Remove a folder, unless others use it by now: it has names of theirs, or is a mount of `ip netns add`."""
    try:
        os.rmdir(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EBUSY):
            raise
