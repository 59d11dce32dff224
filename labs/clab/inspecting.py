"""`inspect`, `inspect interfaces`, `graph` and `version`: running labs in the real program's shapes."""

import hashlib
import json
import os
import re
import time
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from labs import pictures
from labs.clab import folder
from labs.clab.labs import node_of, one_record, records, topology
from labs.cli import screen
from topologies import deploy
from topologies.errors import EXIT_FINE
from topologies.files.clab import outputs
from topologies.files.clab.outputs import Interface, Shown
from topologies.runtime import store
from topologies.runtime.door import enter, open_door
from topologies.runtime.model import LabRecord, Life
from topologies.version import VERSION

COMPATIBLE = "0.79.0"  # the containerlab whose shapes these are


def inspect(asked: Namespace) -> int:
    """Show the containers of the labs that are meant."""
    found = [shown(record) for record in records(asked, store.here())]
    if asked.details:
        screen.result(json.dumps({each.lab.name: details(each) for each in found}, indent=2))
    else:
        show(found, asked.format, every=asked.all, wide=asked.wide)
    return EXIT_FINE


def interfaces(asked: Namespace) -> int:
    """Show the interfaces of the nodes of a lab, or of one."""
    record, names = _nodes(asked)
    enter(record)
    found = {record.lab.long_name(name): _interfaces(record, name) for name in names}
    if asked.format == "json":
        screen.result(json.dumps(outputs.interfaces(found), indent=2))
        return EXIT_FINE
    rows = [
        [name, link.name, link.alias or "N/A", link.mac, str(link.index), str(link.mtu), link.type, link.state]
        for name, links in found.items()
        for link in links
    ]
    screen.boxed(("Container Name", "Name", "Alias", "MAC", "Index", "MTU", "Type", "State"), rows)
    return EXIT_FINE


def graph(asked: Namespace) -> int:
    """Draw a topology file, or a deployed lab with its state."""
    at = store.here()
    found = records(asked, at) if "name" in asked or "topo" in asked else [one_record(asked)]
    if asked.kind == "json":
        drawn = shown(found[0]) if found else _undeployed(asked)
        screen.result(json.dumps(outputs.graph(drawn), indent=2))
    elif found:
        enter(found[0])
        screen.result(pictures.picture(found[0].lab, asked.kind, pictures.running(found[0])).rstrip("\n"))
    else:
        screen.result(pictures.picture(deploy.load(topology(asked)).lab, asked.kind).rstrip("\n"))
    return EXIT_FINE


def version(asked: Namespace) -> int:
    """The containerlab version that this front answers as, and closlab's own."""
    own = VERSION
    if asked.json:
        screen.result(json.dumps({"version": COMPATIBLE, "commit": "", "date": "", "repository": "", "closlab": own}))
    elif asked.short:
        screen.result(COMPATIBLE)
    else:
        screen.result(f"version: {COMPATIBLE}\ncloslab: {own}")
    return EXIT_FINE


def shown(record: LabRecord) -> Shown:
    """A deployed lab with how it stands now."""
    _, lives = deploy.standing(record, busy=False)
    return Shown(
        lab=record.lab,
        nodes=[replace(node, container=node.container or identity(record.id, node.name)) for node in record.nodes],
        lives=lives,
        lab_dir=str(folder.place(record.lab.file, record.name, os.environ)),
        owner=_owner(record.uid),
        uptime=time.time() - record.created,
    )


def identity(lab: str, node: str) -> str:
    """What stands for a container's id where there is no container: unique, and always the same."""
    return hashlib.sha256(f"{lab}/{node}".encode()).hexdigest()


def show(found: Iterable[Shown], form: str, *, every: bool = False, wide: bool = False) -> None:
    """The containers of these labs in one of the formats of `inspect`."""
    labs = list(found)
    here = str(Path.cwd())
    if form == "csv":
        screen.result(outputs.inspect_csv(labs, relative_to=here).rstrip("\n"))
        return
    containers = outputs.inspect(labs, relative_to=here)
    if form == "json":
        screen.result(json.dumps(containers, indent=2) if containers else "{}")
        return
    rows = [cells(row, every=every, wide=wide) for rows in containers.values() for row in rows]
    if not rows:
        screen.remark("no containers found")
        return
    first = (["Topology", "Lab Name"] if every else []) + (["Owner"] if wide else [])
    screen.boxed([*first, "Name", "Kind/Image", "State", "IPv4/6 Address"], rows)


def cells(row: dict[str, object], *, every: bool, wide: bool) -> list[str]:
    """A container as a row of the table; only a health is worth its status there."""
    joint = " " if wide else "\n"
    first = ([str(row["labPath"]), str(row["lab_name"])] if every else []) + ([str(row["owner"])] if wide else [])
    health = f"{joint}({row['status']})" if "health" in str(row["status"]) else ""
    addresses = joint.join(re.sub(r"/\d+$", "", str(row[family])) for family in ("ipv4_address", "ipv6_address"))
    return [*first, str(row["name"]), f"{row['kind']}{joint}{row['image']}", f"{row['state']}{health}", addresses]


def details(lab: Shown) -> list[dict[str, object]]:
    """The containers of a lab as `inspect --details` has them."""
    rows = []
    for node, record in outputs.containers(lab):
        found = outputs.container(lab, node, record, str(Path.cwd()))
        networks = {"IPv4addr": record.mgmt_ipv4.partition("/")[0], "IPv6addr": record.mgmt_ipv6.partition("/")[0]}
        rows.append(
            {
                "Names": [record.long_name],
                "ID": record.container,
                "ShortID": record.container[:12],
                "Image": node.image,
                "State": found["state"],
                "Status": found["status"],
                "Labels": outputs.container_labels(lab, node),
                "Pid": record.init.pid if record.init else 0,
                "NetworkSettings": networks,
                "Ports": found.get("ports", []),
            }
        )
    return rows


def _nodes(asked: Namespace) -> tuple[LabRecord, list[str]]:
    if asked.node:
        record, name = node_of(asked, asked.node)
        return record, [name]
    record = one_record(asked)
    return record, sorted(node.name for node in record.lab.nodes)


def _interfaces(record: LabRecord, node: str) -> list[Interface]:
    with open_door(record, node).netlink() as kernel:
        links = kernel.links()
    return [
        Interface(link.name, link.mac, link.index, link.mtu, link.kind or "device", "up" if link.carrier else "down")
        for link in links
    ]


def _undeployed(asked: Namespace) -> Shown:
    """A topology file as if all its nodes were off."""
    lab = deploy.load(topology(asked)).lab
    lives = {node.name: Life.DEAD for node in lab.nodes}
    return Shown(lab=lab, nodes=(), lives=lives, lab_dir="", owner=_owner(os.getuid()), uptime=0)


def _owner(uid: int) -> str:
    """The user's name, else the number."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
