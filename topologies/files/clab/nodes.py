"""Nodes of a topology file become nodes of a lab: texts are split, paths made absolute, variables filled in."""

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath

from msgspec import Struct

from topologies.balancing.model import BALANCE_LABEL, Balance, balance_of
from topologies.errors import Mistake
from topologies.files.clab.inherit import commands
from topologies.files.clab.kinds import FOREIGN_KINDS, KINDS
from topologies.files.clab.ports import ports
from topologies.files.clab.schema import STAGES, HealthcheckSpec, NodeSpec, StagesSpec, on
from topologies.files.clab.substitute import magic
from topologies.files.complaint import nearest
from topologies.files.yaml import Document
from topologies.lab import Bind, Healthcheck, LabNode, StageExec, WaitFor
from topologies.model import Role

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-._|]*")
IMPORT = "__IMPORT_ENVS"
LONGEST_HOSTNAME = 64  # HOST_NAME_MAX of Linux
ENV_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][\w.]*)\s*=\s*(.*)")


class Surroundings(Struct, frozen=True, kw_only=True):
    """What a topology file is read in. `lab_dir` is the folder that containerlab would make for the lab."""

    document: Document
    folder: PurePosixPath
    lab_dir: str
    env: Mapping[str, str]
    read_text: Callable[[str], str]

    def at(self, node: str, *path: str | int) -> str:
        """Where a part of a node stands in the file; of what is inherited, where the node stands."""
        return self.document.at("topology", "nodes", node, *path)

    def path(self, text: str) -> str:
        """A path of the file as an absolute one: `~` is the user's home, others are relative to the file."""
        if text == "~" or text.startswith("~/"):
            text = self.env.get("HOME", "/root") + text[1:]
        return str(self.folder / text)


def lab_node(name: str, spec: NodeSpec, around: Surroundings) -> LabNode:
    """One node with all that it inherited. Raises Mistake for names and values that cannot be."""
    check_name(name, spec.kind or "", around)
    check_hostname(name, spec.hostname or "", around)
    labels = texts(spec.labels)
    return LabNode(
        name=name,
        kind=spec.kind or "",
        image=spec.image or "",
        group=spec.group or "",
        role=role(dict(labels).get("closlab-role") or spec.group or ""),
        hostname=spec.hostname or name,
        cmd=words(spec.cmd or "", around.at(name, "cmd")),
        entrypoint=words(spec.entrypoint or "", around.at(name, "entrypoint")),
        env=environment(name, spec, around),
        exec=executed(name, spec.exec or (), around),
        binds=tuple(bind(name, text, around) for text in spec.binds or ()),
        ports=tuple(
            port for n, text in enumerate(spec.ports or ()) for port in ports(text, around.at(name, "ports", n))
        ),
        labels=labels,
        sysctls=texts(spec.sysctls),
        network_mode=network_mode(name, spec.network_mode or "", around),
        mgmt_ipv4=spec.mgmt_ipv4 or "",
        mgmt_ipv6=spec.mgmt_ipv6 or "",
        startup_config=startup_config(name, spec.startup_config or "", around),
        startup_delay=spec.startup_delay or 0,
        waits=waits(spec.stages),
        stage_execs=stage_execs(name, spec.stages, around),
        healthcheck=healthcheck(spec.healthcheck),
        dns_servers=tuple((spec.dns.servers if spec.dns else None) or ()),
        dns_search=tuple((spec.dns.search if spec.dns else None) or ()),
        cap_add=tuple(spec.cap_add or ()),
        user=spec.user or "",
        balance=labelled_balance(name, dict(labels), around),
    )


def check_name(name: str, kind: str, around: Surroundings) -> None:
    """Refuse names that containerlab would, and kinds that nobody knows."""
    place = around.document.at_key("topology", "nodes", name)
    if not NAME.fullmatch(name):
        raise Mistake(f"{place}: {name!r} is no name for a node; allowed: letters, digits, - . _ |, no sign first")
    if not kind:
        raise Mistake(f"{place}: node {name!r} has no kind, and none to inherit; allowed: {', '.join(KINDS)}")
    if kind not in KINDS and kind not in FOREIGN_KINDS:
        known = (*KINDS, *FOREIGN_KINDS)
        raise Mistake(f"{place}: node {name!r} has no known kind: {kind!r}{nearest(kind, known)}; {known_kinds()}")


def check_hostname(name: str, hostname: str, around: Surroundings) -> None:
    """Refuse what is too long for a host name: the node's own name, where no other is given."""
    if len(hostname or name) > LONGEST_HOSTNAME:
        place = around.at(name, "hostname") if hostname else around.document.at_key("topology", "nodes", name)
        told = f"host name {hostname!r}" if hostname else f"node name {name!r}"
        raise Mistake(f"{place}: {told} has {len(hostname or name)} characters; Linux allows {LONGEST_HOSTNAME}")


def known_kinds() -> str:
    """The kinds there are, for messages."""
    return f"closlab runs {', '.join(KINDS)}; containerlab knows also {', '.join(FOREIGN_KINDS)}"


def role(word: str) -> Role | None:
    """What a node is for, where its label or its group says so."""
    return Role(word.lower()) if word.lower() in {role.value for role in Role} else None


def labelled_balance(name: str, labels: Mapping[str, str], around: Surroundings) -> Balance:
    """How a node chooses among paths of equal cost, where its label says so."""
    if not (text := labels.get(BALANCE_LABEL, "")):
        return Balance()
    try:
        return balance_of(text)
    except Mistake as error:
        raise Mistake(f"{around.at(name, 'labels', BALANCE_LABEL)}: {BALANCE_LABEL}: {error}") from None


def texts(given: Mapping[str, str | None] | None) -> tuple[tuple[str, str], ...]:
    """A mapping as pairs; nothing given is the empty text."""
    return tuple((key, value or "") for key, value in (given or {}).items())


def words(text: str, place: str) -> tuple[str, ...]:
    """A command as words. Raises Mistake where its quotes do not end."""
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise Mistake(f"{place}: cannot split {text!r} into words: {str(error).lower()}") from None


def executed(name: str, given: Iterable[str], around: Surroundings) -> tuple[str, ...]:
    """Commands that run in a node once its links are there; each must split into words, for there is no shell."""
    found = []
    for n, text in enumerate(given):
        command = magic(text, node=name, lab_dir=around.lab_dir)
        if not words(command, around.at(name, "exec", n)):
            raise Mistake(f"{around.at(name, 'exec', n)}: an empty command")
        found.append(command)
    return tuple(found)


def environment(name: str, spec: NodeSpec, around: Surroundings) -> tuple[tuple[str, str], ...]:
    """Variables of a node: those of the caller where asked for, then its files, then its own."""
    own = dict(texts(spec.env))
    imported = dict(around.env) if on(own.pop(IMPORT, None)) else {}
    for text in spec.env_files or ():
        imported |= env_file(around.read_text(around.path(magic(text, node=name, lab_dir=around.lab_dir))))
    return tuple((imported | own).items())


def env_file(text: str) -> dict[str, str]:
    """The variables of a KEY=VALUE file; # begins a comment line, quotes around a value are dropped."""
    lines = (ENV_LINE.fullmatch(line.strip()) for line in text.splitlines())
    return {match[1]: unquoted(match[2]) for match in lines if match}


def unquoted(value: str) -> str:
    """A value without the pair of quotes around it."""
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value.partition(" #")[0].rstrip()


def bind(name: str, text: str, around: Surroundings) -> Bind:
    """SOURCE:TARGET[:OPTIONS]."""
    parts = text.split(":")
    place = around.at(name, "binds")
    if len(parts) not in (2, 3) or not all(parts[:2]):
        raise Mistake(f"{place}: {text!r} is no bind; allowed: SOURCE:TARGET or SOURCE:TARGET:OPTIONS")
    if not parts[1].startswith("/"):
        raise Mistake(f"{place}: in {text!r} the path inside of the node is not absolute")
    if not parts[1].strip("/"):
        raise Mistake(f"{place}: {text!r} would be the whole of the node; bind to a folder or file below /")
    source = around.path(magic(parts[0], node=name, lab_dir=around.lab_dir))
    return Bind(source, parts[1], read_only=len(parts) > 2 and "ro" in parts[2].split(","))


def network_mode(name: str, mode: str, around: Surroundings) -> str:
    """How a node is attached to the management network."""
    if mode in {"", "none", "host"} or (mode.startswith("container:") and len(mode) > len("container:")):
        return mode
    raise Mistake(f"{around.at(name, 'network-mode')}: no network mode {mode!r}; allowed: none, host, container:NAME")


def startup_config(name: str, text: str, around: Surroundings) -> str:
    """A path made absolute; an address of a server, or a configuration written into the file itself, as it is."""
    if not text or "\n" in text or "://" in text:
        return text
    return around.path(magic(text, node=name, lab_dir=around.lab_dir))


def waits(spec: StagesSpec | None) -> tuple[WaitFor, ...]:
    """What each stage of a node waits for."""
    return tuple(
        WaitFor(stage, wait.node, wait.stage)
        for stage in STAGES
        if spec and (part := getattr(spec, stage.replace("-", "_")))
        for wait in part.wait_for or ()
    )


def stage_execs(name: str, spec: StagesSpec | None, around: Surroundings) -> tuple[StageExec, ...]:
    """Commands tied to the stages of a node."""
    found = []
    for stage in STAGES:
        part = getattr(spec, stage.replace("-", "_")) if spec else None
        for command in commands(part) if part else ():
            text = magic(command.command, node=name, lab_dir=around.lab_dir)
            words(text, around.at(name, "stages", stage, "exec"))
            found.append(StageExec(text, stage, command.phase, command.target))
    return tuple(found)


def healthcheck(spec: HealthcheckSpec | None) -> Healthcheck | None:
    """How a node is asked whether it is well, with Docker's defaults."""
    if spec is None or not spec.test:
        return None
    return Healthcheck(
        tuple(spec.test), spec.interval or 30, spec.timeout or 30, spec.retries or 3, spec.start_period or 0
    )
