"""What containerlab's kind frr adds to a node: the three files that FRR's own start script reads, and forwarding.

It is newer than containerlab 0.79. `startup-config` is frr.conf; `extras.frr.daemons` names the daemons to start, all
there are where it names none. Files that the node binds itself are its own.
"""

from collections.abc import Collection

from msgspec.structs import replace

from topologies.errors import Mistake
from topologies.files.complaint import nearest
from topologies.lab import File, LabNode

FOLDER = "/etc/frr"
CONFIG = "frr defaults traditional\n!\nlog stdout\n!\n"  # where there is no startup-config
VTYSH = "service integrated-vtysh-config\n"
ALWAYS = ("zebra", "staticd", "mgmtd", "watchfrr")  # may be named, and start in any case
ON_IPV6 = ("ospf6d", "ripngd", "pim6d")  # daemons whose vty is at ::1
DAEMONS = (
    *("bgpd", "ospfd", "ospf6d", "ripd", "ripngd", "isisd", "pimd", "pim6d", "ldpd", "nhrpd", "eigrpd", "babeld"),
    *("sharpd", "pbrd", "bfdd", "fabricd", "vrrpd", "pathd"),
)
SYSCTLS = (("net.ipv4.ip_forward", "1"), ("net.ipv6.conf.all.forwarding", "1"))
TEMPLATE = "{{"


def furnished(node: LabNode, config: str, named: Collection[str], place: str) -> LabNode:
    """A node of kind frr with its files. `config` is the text of its startup-config, "" for none; `named` are daemons.

    Raises Mistake for a text that must be filled in first, and for daemons that FRR does not have.
    """
    if TEMPLATE in config:
        raise Mistake(
            f"{place}: node {node.name!r} has a startup-config with {TEMPLATE}, and no templates are filled in"
        )
    for name in named:
        if name not in DAEMONS and name not in ALWAYS:
            known = ", ".join((*DAEMONS, *ALWAYS))
            raise Mistake(f"{place}: node {node.name!r}: no daemon {name!r}{nearest(name, DAEMONS)}; FRR has {known}")
    texts = {"frr.conf": config or CONFIG, "daemons": daemons(named), "vtysh.conf": VTYSH}
    bound = {bind.target for bind in node.binds}
    files = tuple(
        File(f"{FOLDER}/{name}", text)
        for name, text in texts.items()
        if FOLDER not in bound and f"{FOLDER}/{name}" not in bound
    )
    ours = () if node.on_machine else SYSCTLS  # the machine's own settings stay as they are
    return replace(node, files=(*node.files, *files), sysctls=tuple({**dict(ours), **dict(node.sysctls)}.items()))


def daemons(named: Collection[str]) -> str:
    """The file that says which daemons to start, and that they listen to this node alone."""
    switches = [f"{name}={'yes' if name in named else 'no'}\n" for name in DAEMONS]
    own = [f'{name}_options="-A {"::1" if name in ON_IPV6 else "127.0.0.1"}"\n' for name in (*DAEMONS, *ALWAYS[1:3])]
    return "".join([*switches, "vtysh_enable=yes\n", 'zebra_options="-A 127.0.0.1 -s 90000000"\n', *own])
