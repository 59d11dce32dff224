"""FRRouting: one file per daemon, read with `-f` at start, which is much faster than vtysh pushing an integrated one.

The daemons stay in the foreground, so that whoever starts them sees them die, and listen on no TCP port.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from topologies.lab import Daemon, File
from topologies.render.policy import Router

if TYPE_CHECKING:
    import jinja2

PROGRAMS = Path("/usr/lib/frr")
SETTINGS = Path("/etc/frr")
SOCKETS = Path("/run/frr")
LOGS = Path("/var/log/frr")
TEMPLATES = Path(__file__).parent / "templates"
REPLACE6 = "--v6-rr-semantics"  # zebra else takes an IPv6 route away before it puts in the one that follows it
MOST_FILES = "4096"  # open files per daemon; a limit of a million makes FRR set aside tables for as many


class Frr:
    """FRR as Debian and the public image ship it, 8.4 and later."""

    name = "frr"

    def files(self, router: Router) -> tuple[File, ...]:
        """One configuration per daemon, and what vtysh and FRR's own start script look for."""
        names = programs(router)
        return (
            *(File(str(SETTINGS / f"{name}.conf"), text(f"{name}.conf.j2", router)) for name in names),
            File(str(SETTINGS / "vtysh.conf"), text("vtysh.conf.j2", router)),
            File(str(SETTINGS / "daemons"), text("daemons.j2", router)),
        )

    def daemons(self, router: Router) -> tuple[Daemon, ...]:
        """zebra before all its clients; bgpd last, so that bfdd is there when sessions ask for it.

        From FRR 9 on, mgmtd reads what zebra's file says of route-maps, and must be there before zebra does.
        """
        return (mgmtd(self.vty("mgmtd")), *(daemon(name, self.vty(name)) for name in programs(router)))

    def vty(self, daemon: str) -> str:
        """Path of a daemon's vty socket in the node."""
        return str(SOCKETS / f"{daemon}.vty")


def programs(router: Router) -> tuple[str, ...]:
    """The daemons that a router needs, in order of start."""
    return ("zebra", "bfdd", "bgpd") if router.bfd else ("zebra", "bgpd")


def daemon(name: str, vty: str) -> Daemon:
    """One FRR daemon. zebra is ready when its clients can reach it, the others when they answer questions."""
    config = str(SETTINGS / f"{name}.conf")
    log = f"file:{LOGS / name}.log"
    argv = (str(PROGRAMS / name), "-f", config, "-P", "0", "--limit-fds", MOST_FILES, "--log", log)
    if name == "zebra":
        return Daemon(name, (*argv, REPLACE6), ready=str(SOCKETS / "zserv.api"), config=config, shared_with="mgmtd")
    return Daemon(name, argv, ready=vty, config=config)


def mgmtd(vty: str) -> Daemon:
    """The daemon that keeps part of the others' configurations from FRR 9 on; older ones have none."""
    argv = (str(PROGRAMS / "mgmtd"), "-P", "0", "--limit-fds", MOST_FILES, "--log", f"file:{LOGS / 'mgmtd'}.log")
    return Daemon("mgmtd", argv, ready=vty, optional=True)


def text(template: str, router: Router) -> str:
    """A template filled in for one router."""
    return templates().get_template(template).render(router=router)


@cache
def templates() -> "jinja2.Environment":
    """The templates of FRR's files; a name that a template misspells is an error, not an empty string."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES / "frr"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
