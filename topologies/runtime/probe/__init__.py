"""What this machine can do, found by trying it in throw-away namespaces, never assumed; `closlab doctor` prints it.

Each answer is a value and is found once a process. Nothing is left behind: the kernel frees what a trial made.
"""

from functools import cache

from topologies.runtime.probe import kernel, programs
from topologies.runtime.probe.capability import Capability, first_lack

__all__ = ["Capability", "all", "lack_of_containerlab", "lack_of_netns", "lack_of_ztp", "lack_of_ztp_in"]


@cache
def all() -> tuple[Capability, ...]:
    """All capabilities, in the order in which `closlab doctor` shows them."""
    return (
        kernel.namespaces(),
        kernel.user_namespaces(),
        kernel.rootless_overlay(),
        programs.nsenter(),
        programs.ping(),
        programs.frr(),
        programs.gobgp(),
        programs.ztp(),
        programs.faketime(),
        programs.docker(),
        programs.containerlab(),
        programs.frr_image(),
        *kernel.trials(),
        kernel.bpf(),
        kernel.hash_seed(),
        kernel.neighbour_table(),
    )


@cache
def lack_of_netns() -> str:
    """What is missing for the netns runtime with FRR, and its cure; "" when nothing is."""
    rooted, rootless = kernel.namespaces(), kernel.user_namespaces()
    namespaces = rooted if rooted.present or not rootless.present else rootless
    return first_lack(namespaces, programs.nsenter(), programs.frr())


@cache
def lack_of_ztp() -> str:
    """What is missing for labs that provision themselves, and its cure; "" when nothing is."""
    return first_lack(programs.ztp())


def lack_of_ztp_in(image: str) -> str:
    """The same for nodes of an image; raises Mistake where there is no Docker to ask."""
    return first_lack(programs.ztp_image(image))


@cache
def lack_of_containerlab() -> str:
    """What is missing for the containerlab runtime, and its cure; "" when nothing is."""
    ours = (programs.docker(), programs.containerlab(), programs.frr_image(), programs.nsenter())
    return first_lack(*ours, kernel.trial("nft"))
