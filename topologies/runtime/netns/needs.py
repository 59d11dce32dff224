"""What a lab needs of the machine, looked at before anything of it is made."""

import os
import resource

from topologies.errors import Mistake
from topologies.lab import Lab
from topologies.runtime.netns.profiles import folder_of

EACH, BESIDE = 3, 40  # files that the lab's first process has open for each node at most, and for itself


def programs(lab: Lab) -> None:
    """Raise Mistake for the first daemon that is not on this machine; root file system folders have their own."""
    for node in lab.nodes:
        if folder_of(node.image) or node.binds:  # what is bound may bring them
            continue
        for daemon in node.daemons:
            if not daemon.optional and not os.access(daemon.argv[0], os.X_OK):
                raise Mistake(f"node {node.name}: there is no {daemon.argv[0]}; `closlab doctor` says what installs it")


def open_files(spaces: int) -> None:
    """Let this process open enough files for its nodes; Mistake where it may not."""
    wanted = EACH * spaces + BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if wanted > hard:
        told = f"{spaces} nodes need up to {wanted} open files"
        raise Mistake(f"{told}, and this process may have {hard} (ulimit -Hn)")
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
