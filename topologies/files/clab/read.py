"""A topology file becomes a lab. `parse` decides from values alone; `read` also opens the file and what it names."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from topologies.errors import Mistake
from topologies.files import yaml
from topologies.files.clab import schema
from topologies.files.clab.advice import CONFIGS, advise
from topologies.files.clab.check import check
from topologies.files.clab.inherit import effective
from topologies.files.clab.links import LinkReader
from topologies.files.clab.nodes import Surroundings, lab_node
from topologies.files.clab.substitute import Git, magic_name, substitute
from topologies.lab import Lab, Mgmt

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-._]*")
PREFIX = re.compile(r"|__lab-name|[a-zA-Z0-9][a-zA-Z0-9\-._]*")
LAB_DIR_BASE = "CLAB_LABDIR_BASE"  # containerlab's variable for where lab folders are made


class Topology(Struct, frozen=True):
    """A file as read: the lab, and what the lab has no words for. `specs` are the nodes with what they inherited."""

    lab: Lab
    file: schema.ClabFile
    specs: Mapping[str, schema.NodeSpec]
    document: yaml.Document
    lab_dir: str


def refuse(path: str) -> str:
    """The reader of files for a parser that may open none."""
    raise Mistake(f"{path}: cannot be read here")


def parse(
    text: str,
    *,
    place: str,
    folder: str,
    env: Mapping[str, str],
    git: Git | None = None,
    read_text: Callable[[str], str] = refuse,
) -> Lab:
    """The lab that a topology file describes. Raises Mistake with the place of what is wrong."""
    return topology(text, place=place, folder=folder, env=env, git=git, read_text=read_text).lab


def topology(
    text: str,
    *,
    place: str,
    folder: str,
    env: Mapping[str, str],
    git: Git | None = None,
    read_text: Callable[[str], str] = refuse,
) -> Topology:
    """As `parse`, with all that the file says. `folder` is where the file is; env-files are read by `read_text`."""
    document = prepared(yaml.parse(substitute(text, env), place, as_written=True))
    file = document.decode(schema.ClabFile)
    name = checked_name(magic_name(file.name, git or Git()), file.prefix, document)
    lab_dir = f"{env.get(LAB_DIR_BASE) or folder}/clab-{name}"
    around = Surroundings(
        document=document, folder=PurePosixPath(folder), lab_dir=lab_dir, env=env, read_text=read_text
    )
    specs = {node: effective(file.topology, node) for node in file.topology.nodes}
    links = LinkReader(document, {node: spec.kind or "" for node, spec in specs.items()})
    lab = Lab(
        name=name,
        nodes=tuple(lab_node(node, spec, around) for node, spec in specs.items()),
        links=tuple(links.read(index, spec) for index, spec in enumerate(file.topology.links or ())),
        prefix="clab" if file.prefix is None else file.prefix,
        mgmt=mgmt(file.mgmt or schema.MgmtSpec()),
        file=place,
    )
    check(lab, document)
    return Topology(lab, file, specs, document, lab_dir)


def read(path: Path, env: Mapping[str, str]) -> Lab:
    """The lab of a topology file on disk; relative paths in it are relative to the file. Raises Mistake."""
    return open_topology(path, env).lab


def open_topology(path: Path, env: Mapping[str, str]) -> Topology:
    """As `read`, with all that the file says. What its nodes bind must be there."""
    text = read_file(str(path))
    folder = str(path.absolute().parent)
    git = checkout(Path(folder)) if "__git" in text else None
    found = topology(text, place=str(path), folder=folder, env=env, git=git, read_text=read_file)
    for node in found.lab.nodes:
        for bind in node.binds:
            if not bind.source.startswith(found.lab_dir) and not os.path.lexists(bind.source):
                place = found.document.at("topology", "nodes", node.name, "binds")
                raise Mistake(f"{place}: node {node.name!r} binds {bind.source}, which is not there")
    advice = advise(found.lab, configs(found.lab))
    return replace(found, lab=replace(found.lab, file=str(path.absolute()), warnings=advice))


def configs(lab: Lab) -> dict[str, str]:
    """The configurations of FRR that nodes bind, by node; several files of a node one after another."""
    found: dict[str, str] = {}
    for node in lab.nodes:
        files = [bind.source for bind in node.binds if bind.target.endswith(CONFIGS) and os.path.isfile(bind.source)]
        if files:
            found[node.name] = "\n".join(map(read_file, files))
    return found


def read_file(path: str) -> str:
    """The text of a file. Raises Mistake where it cannot be read."""
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise Mistake(f"cannot read {path}: {reason}") from error


def checkout(folder: Path) -> Git | None:
    """The branch and the short hash of the checkout that a folder is in; None outside of one."""
    from topologies.process import run

    branch = run(["git", "-C", str(folder), "rev-parse", "--abbrev-ref", "HEAD"], check=False)
    commit = run(["git", "-C", str(folder), "rev-parse", "--short", "HEAD"], check=False)
    return Git(branch.stdout.strip(), commit.stdout.strip()) if branch.code == commit.code == 0 else None


def prepared(document: yaml.Document) -> yaml.Document:
    """The document with `type: brief` written into the links that have no type, as containerlab understands them."""
    value = document.value
    if not isinstance(value, dict) or not isinstance(part := value.get("topology"), dict):
        return document
    links = part.get("links")
    if not isinstance(links, list):
        return document
    typed = [link if not isinstance(link, dict) or "type" in link else {"type": "brief", **link} for link in links]
    return yaml.Document(
        document.place, document.root, {**value, "topology": {**part, "links": typed}}, document.as_written
    )


def checked_name(name: str, prefix: str | None, document: yaml.Document) -> str:
    """The lab's name. Raises Mistake for names and prefixes that containerlab would refuse."""
    if not NAME.fullmatch(name):
        raise Mistake(
            f"{document.at('name')}: {name!r} is no name for a lab; allowed: letters, digits, - . _, no sign first"
        )
    if not PREFIX.fullmatch(prefix or ""):
        raise Mistake(f"{document.at('prefix')}: {prefix!r} is no prefix; allowed: as a name, empty, or __lab-name")
    return name


def mgmt(spec: schema.MgmtSpec) -> Mgmt:
    """The management network with containerlab's defaults for what is not given."""
    plain = Mgmt()
    return Mgmt(
        network=spec.network or plain.network,
        bridge=spec.bridge or "",
        ipv4_subnet=spec.ipv4_subnet or ("" if spec.ipv6_subnet else plain.ipv4_subnet),
        ipv6_subnet=spec.ipv6_subnet or ("" if spec.ipv4_subnet else plain.ipv6_subnet),
        ipv4_gw=spec.ipv4_gw or "",
        ipv6_gw=spec.ipv6_gw or "",
        mtu=spec.mtu or plain.mtu,
        skip_when_unused=schema.on(spec.skip_when_unused),
    )
