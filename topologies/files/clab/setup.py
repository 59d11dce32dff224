"""What makes a container of a plain image the node that the lab says: files, addresses, routes, daemons in order.

containerlab itself sets links, MAC addresses, MTUs and kernel settings. The rest is one script, run by `exec` once all
links are there: daemons started as the container's own command would race the links.

The files come in a folder that nodes cannot write to and are copied from there, so that a node may change its own
configuration, and the daemons, which give up root first, may read it.
"""

import shlex
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_interface
from pathlib import PurePosixPath

from topologies.lab import MANAGEMENT, Daemon, End, File, LabNode, Neighbour, Route, Rule

HERE = "/etc/closlab"  # where the folder is seen in the node
COMMAND = f"sh {HERE}/start.sh"
OWNER = "frr"  # whom FRR's daemons become before they read or write anything

SCRIPT = """\
#!/bin/sh
# Makes this container the node {name}. May run again after a restart: it then keeps the files as they are.
set -eu

start() {{
    name=$1
    ready=$2
    shift 2
    if [ -n "$ready" ]; then rm -f "$ready"; fi
    "$@" </dev/null >"/var/log/closlab/$name.log" 2>&1 &
    pid=$!
    tries=1500
    until [ -z "$ready" ] || [ -S "$ready" ]; do
        if [ "$tries" -eq 0 ] || ! [ -d "/proc/$pid" ] || grep -q '^State:.Z' "/proc/$pid/status"; then
            echo "$name did not start:" >&2
            cat "/var/log/closlab/$name.log" >&2
            exit 1
        fi
        tries=$((tries - 1))
        sleep 0.02
    done
}}

mkdir -p /var/log/closlab /var/lib/closlab{folders}
if ! [ -e /var/lib/closlab/installed ]; then
{install}    : >/var/lib/closlab/installed
fi
{own}# Sealed: no way out but through the fabric.
while ip -4 route del default 2>/dev/null; do :; done
while ip -6 route del default 2>/dev/null; do :; done
{bare}{network}{daemons}"""
BARE = f"""\
# {MANAGEMENT} is as a switch has it: with one MAC address for ever, where an engine may give another at each start, and
# with no address that nobody on its network gave. Nor is anybody asked for names: the engine can be silent for seconds.
ip link set dev {MANAGEMENT} address {{mac}}
ip address flush dev {MANAGEMENT} scope global
: >/etc/resolv.conf
"""


def needed(node: LabNode, ends: Iterable[End]) -> bool:
    """Whether the lab says anything of a node that containerlab cannot."""
    own = node.files or node.addresses or node.routes or node.rules or node.neighbours or node.daemons
    return node.kind in {"linux", "frr"} and bool(own or node.role or any(end.addresses for end in ends))


def setup(node: LabNode, ends: Iterable[End], *, bare: str = "") -> dict[str, str]:
    """The files of the folder that a node sees as HERE, by their paths in it. `bare` is the MAC address of a management
    interface that is to be without what the engine gives; "" leaves it as it is."""
    batches = {f"ip{family}.batch": "".join(batch(node, ends, family)) for family in (4, 6)}
    found = {name: text for name, text in batches.items() if text}
    found |= {f"files{file.path}": file.text for file in node.files}
    return {"start.sh": script(node, found, bare=bare), **found}


def script(node: LabNode, found: Mapping[str, str], *, bare: str) -> str:
    """The script that runs once all links are there."""
    folders = sorted(run_folders(node.daemons) | {str(PurePosixPath(file.path).parent) for file in node.files})
    owned = [folder for folder in folders if OWNER in PurePosixPath(folder).parts]
    chown = f"chown -R {OWNER}:{OWNER} {shlex.join(owned)}"
    # The kernel has no `replace` for rules, and a second `add` fails.
    rules = [
        f"ip -{ip_interface(entry.source).version} rule del {rule(entry)} 2>/dev/null || :\n" for entry in node.rules
    ]
    network = [f"ip -{family} -batch {HERE}/ip{family}.batch\n" for family in (4, 6) if f"ip{family}.batch" in found]
    return SCRIPT.format(
        name=node.name,
        folders="".join(f" {shlex.quote(folder)}" for folder in folders),
        install="".join(f"    {line}\n" for line in install(node.files)),
        own=f"if id {OWNER} >/dev/null 2>&1; then {chown}; fi\n" if owned else "",
        bare=BARE.format(mac=bare) if bare else "",
        network="".join([*rules, *network]),
        daemons="".join(started(daemon) for daemon in node.daemons),
    )


def started(daemon: Daemon) -> str:
    """A line that starts a daemon, where the node has it."""
    line = f"start {shlex.join((daemon.name, daemon.ready, *daemon.argv))}\n"
    return f"if [ -x {shlex.quote(daemon.argv[0])} ]; then {line.rstrip()}; fi\n" if daemon.optional else line


def run_folders(daemons: Iterable[Daemon]) -> set[str]:
    """The folders that daemons make sockets and logs in."""
    sockets = [daemon.ready for daemon in daemons if daemon.ready]
    logs = [word.removeprefix("file:") for daemon in daemons for word in daemon.argv if word.startswith("file:/")]
    return {str(PurePosixPath(path).parent) for path in (*sockets, *logs)}


def install(files: tuple[File, ...]) -> Iterator[str]:
    """Shell lines that copy files to their places, with their modes."""
    if files:
        yield f"cp -R {HERE}/files/. /"
    for mode in sorted({file.mode for file in files}):
        yield f"chmod {mode:o} {shlex.join(file.path for file in files if file.mode == mode)}"


def batch(node: LabNode, ends: Iterable[End], family: int) -> Iterator[str]:
    """Lines for `ip -batch`, of one family; each may be given again without harm."""
    addresses = [*node.addresses, *((end.interface, text) for end in ends for text in end.addresses)]
    for interface, text in addresses:
        if ip_interface(text).version == family:
            yield f"address replace {text} dev {interface}\n"
    yield from (neighbour(entry) for entry in node.neighbours if ip_interface(entry.address).version == family)
    yield from (route(entry) for entry in node.routes if ip_interface(entry.prefix).version == family)
    yield from (f"rule add {rule(entry)}\n" for entry in node.rules if ip_interface(entry.source).version == family)


def neighbour(entry: Neighbour) -> str:
    """A permanent neighbour."""
    return f"neighbour replace {entry.address} lladdr {entry.mac} dev {entry.interface} nud permanent\n"


def route(entry: Route) -> str:
    """A route over one or several next hops.

    They are told to be on their links: the kernel refuses a gateway that it reaches over nothing yet, and until it has
    seen the carrier of a new cable it reaches nothing over that.
    """
    version = ip_interface(entry.prefix).version
    hops = [
        f"{gateway(address, version)}dev {interface}{' onlink' if address else ''}" for address, interface in entry.via
    ]
    ways = hops[0] if len(hops) == 1 else " ".join(f"nexthop {hop}" for hop in hops)
    return f"route replace {entry.prefix} table {entry.table} {ways}\n"


def gateway(address: str, version: int) -> str:
    """`via ADDRESS `, naming the family where it is not the route's own (RFC 8950); nothing for a link without one."""
    if not address:
        return ""
    return f"via {address} " if ip_interface(address).version == version else f"via inet6 {address} "


def rule(entry: Rule) -> str:
    """A rule of policy routing, as `ip rule add` and `del` take it."""
    return f"from {entry.source} table {entry.table}"
