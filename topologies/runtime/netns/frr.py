"""What FRR's own start script would start, without its pauses: read off /etc/frr/daemons. A pure function of texts.

`frrinit.sh start` has watchfrr start the daemons one after another and look seconds later whether they are there. Here
the same programs get the same options, zebra first and the others beside each other; then vtysh sends the integrated
configuration as it would, and watchfrr watches as it would.
"""

import re
import shlex
from collections.abc import Collection

from msgspec import Struct

PROGRAMS = "/usr/lib/frr"
SETTINGS = "/etc/frr/daemons"
COMMON = f"{PROGRAMS}/frrcommon.sh"
INTEGRATED = "/etc/frr/frr.conf"
STARTS = (f"{PROGRAMS}/frrinit.sh start", f"{PROGRAMS}/docker-start", "/etc/init.d/frr start", "service frr start")
FIRST = ("mgmtd", "zebra")  # all others are their clients
ALWAYS = (*FIRST, "staticd")  # started whatever the file says
PROFILE = "traditional"  # of defaults, where the file names none
FILES = 1024  # open files of a daemon, as the service of FRR's own packages allows
BGP = "/run/frr/bgpd.vty"
# After a configuration bgpd opens no session until route-maps that changed had their delay, five seconds. While the
# first one is read it is one second; with none at all FRR 8.4 takes the maps for unread, and announces nothing.
HASTE = ("enable", "configure terminal", "bgp route-map delay-timer 1")
LEISURE = ("enable", "configure terminal", "no bgp route-map delay-timer")
_LIST = re.compile(r'^DAEMONS="([^"]*)"', re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_]\w*")
_BEYOND = ("_wrap", "_instances", "MAX_FDS", "FRR_NO_ROOT")  # what only FRR's own script knows how to heed


class Suite(Struct, frozen=True):
    """The daemons of a node in order of start: those one after another, then those side by side, then the watcher."""

    first: tuple[tuple[str, ...], ...]
    others: tuple[tuple[str, ...], ...]
    watcher: tuple[str, ...]


def starts_frr(argv: Collection[str]) -> bool:
    """Whether a command is one that starts FRR."""
    return " ".join(argv) in STARTS


def suite(settings: str, common: str, installed: Collection[str]) -> Suite | None:
    """What the file of settings asks for; None where it says what only FRR's own script understands.

    `common` is the text of frrcommon.sh, which lists all daemons there are; `installed` are the programs in the node.
    """
    values, listed = assignments(settings), _LIST.search(common)
    if values is None or listed is None or any(v and k.endswith(_BEYOND) for k, v in values.items()):
        return None
    known = [name for name in listed[1].split() if name in installed]
    names = [name for name in known if name in ALWAYS or values.get(name, "no") not in ("", "no", "0")]
    shared = (*shlex.split(values.get("frr_global_options", "")), "-F", values.get("frr_profile") or PROFILE)

    def command(name: str) -> tuple[str, ...]:
        return (f"{PROGRAMS}/{name}", "-d", *shared, *shlex.split(values.get(f"{name}_options", "")))

    first = tuple(command(name) for name in FIRST if name in names)
    others = tuple(command(name) for name in names if name not in FIRST)
    return Suite(first, others, (*command("watchfrr"), *names))


def hastens(integrated: str, has_bgp: bool) -> bool:
    """Whether the delay of route-maps may be left out while a configuration is read that does not set it itself."""
    return has_bgp and "route-map delay-timer" not in integrated


def assignments(text: str) -> dict[str, str] | None:
    """The variables that a file of shell assignments sets; None where it is more than that."""
    found = {}
    for line in text.splitlines():
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            return None
        if not words:
            continue
        name, equals, value = words[0].partition("=")
        if len(words) > 1 or not equals or not _NAME.fullmatch(name) or any(sign in line for sign in "$`("):
            return None
        found[name] = value
    return found
