"""Every key that a containerlab topology file may have (0.79), and nothing else.

Scalars come as they are written (see `topologies.files.yaml`), because containerlab lets the wanted type decide: a
number where a text is wanted is that text. None means "not given", which inheritance needs to know.
"""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta

from topologies.files.clab.schema_links import AnyLink, Mtu, Spec, Texts

Flag: TypeAlias = Literal["true", "false", "True", "False", "TRUE", "FALSE", "yes", "no", "on", "off"]
StageName: TypeAlias = Literal["create", "create-links", "configure", "healthy", "exit"]
STAGES: tuple[StageName, ...] = ("create", "create-links", "configure", "healthy", "exit")


class Credentials(Spec, frozen=True, kw_only=True):
    """How to log in."""

    username: str | None = None
    password: str | None = None
    identity_file: str | None = None


class ConfigVars(Spec, frozen=True, kw_only=True):
    """Variables for containerlab's own configuration templates."""

    vars: dict[str, Any] | None = None


class Dns(Spec, frozen=True, kw_only=True):
    """Name servers of a node."""

    servers: list[str] | None = None
    search: list[str] | None = None
    options: list[str] | None = None


class Certificate(Spec, frozen=True, kw_only=True):
    """A certificate that containerlab issues for a node."""

    issue: Flag | None = None
    sans: list[str] | None = None
    key_size: int | None = None
    validity_duration: str | None = None


class HealthcheckSpec(Spec, frozen=True, kw_only=True):
    """How a node is asked whether it is well, in whole seconds."""

    test: list[str] | None = None
    start_period: int | None = None
    interval: int | None = None
    timeout: int | None = None
    retries: int | None = None


class WaitSpec(Spec, frozen=True, kw_only=True):
    """A stage begins when another node has finished one of its own."""

    node: str
    stage: StageName


class StageCommand(Spec, frozen=True, kw_only=True):
    """A command of a stage, in the list form."""

    command: str
    target: Literal["container", "host"] = "container"
    phase: Literal["on-enter", "on-exit"] = "on-enter"


class StageCommands(Spec, frozen=True, kw_only=True):
    """Commands of a stage, in the form with one list per phase."""

    on_enter: list[str] | None = None
    on_exit: list[str] | None = None


class StageSpec(Spec, frozen=True, kw_only=True):
    """What ties one stage of a node's deployment to other nodes, and what runs in it."""

    wait_for: list[WaitSpec] | None = None
    exec: list[StageCommand] | StageCommands | None = None


class StagesSpec(Spec, frozen=True, kw_only=True):
    """The stages of a node's deployment, in their order."""

    create: StageSpec | None = None
    create_links: StageSpec | None = None
    configure: StageSpec | None = None
    healthy: StageSpec | None = None
    exit: StageSpec | None = None


class FrrExtras(Spec, frozen=True, kw_only=True):
    """What kind frr is told besides."""

    daemons: list[str] | None = None


class Extras(Spec, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """What some kinds are told besides; of most kinds it is containerlab's to judge."""

    frr: FrrExtras | None = None


class NodeSpec(Spec, frozen=True, kw_only=True):
    """A node, and also what defaults, kinds and groups may say of nodes."""

    image: str | None = None
    image_pull_policy: Literal["IfNotPresent", "ifnotpresent", "Never", "never", "Always", "always"] | None = None
    restart_policy: (
        Literal["no", "No", "on-failure", "On-failure", "always", "Always", "unless-stopped", "Unless-stopped"] | None
    ) = None
    kind: str | None = None
    license: str | None = None
    type: str | None = None
    group: str | None = None
    position: str | None = None
    startup_config: str | None = None
    startup_delay: Annotated[int, Meta(ge=0)] | None = None
    enforce_startup_config: Flag | None = None
    suppress_startup_config: Flag | None = None
    auto_remove: Flag | None = None
    exec: list[str] | None = None
    binds: list[str] | None = None
    volumes: list[str] | None = None
    ports: list[str] | None = None
    env: Texts | None = None
    env_files: list[str] | None = None
    credentials: Credentials | None = None
    username: str | None = None  # the older spelling of credentials
    password: str | None = None
    user: str | None = None
    hostname: str | None = None
    entrypoint: str | None = None
    cmd: str | None = None
    labels: Texts | None = None
    runtime: str | None = None
    mgmt_ipv4: str | None = None
    mgmt_ipv6: str | None = None
    network_mode: str | None = None
    link_apply_mode: Literal["live", "restart", "recreate"] | None = None
    cpu: float | None = None
    memory: str | None = None
    cpu_set: str | None = None
    shm_size: str | None = None
    cap_add: list[str] | None = None
    privileged: Flag | None = None
    cgroupns_mode: Literal["host", "private"] | None = None
    cgroup_parent: str | None = None
    pid_mode: str | None = None
    tmpfs: Texts | None = None
    security_opts: list[str] | None = None
    sysctls: Texts | None = None
    devices: list[str] | None = None
    extras: Extras | None = None
    config: ConfigVars | None = None
    stages: StagesSpec | None = None
    dns: Dns | None = None
    certificate: Certificate | None = None
    healthcheck: HealthcheckSpec | None = None
    components: list[dict[str, Any]] | None = None
    aliases: list[str] | None = None


class TopologySpec(Spec, frozen=True, kw_only=True):
    """Nodes and links, and what nodes inherit."""

    nodes: dict[str, NodeSpec | None]
    defaults: NodeSpec | None = None
    kinds: dict[str, NodeSpec | None] | None = None
    groups: dict[str, NodeSpec | None] | None = None
    links: list[AnyLink] | None = None


class MgmtSpec(Spec, frozen=True, kw_only=True):
    """The management network."""

    network: str | None = None
    bridge: str | None = None
    ipv4_subnet: str | None = None
    ipv6_subnet: str | None = None
    ipv4_gw: str | None = None
    ipv6_gw: str | None = None
    ipv4_range: str | None = None
    ipv6_range: str | None = None
    mtu: Mtu | None = None
    external_access: Flag | None = None
    skip_when_unused: Flag | None = None
    driver_opts: Texts | None = None


class CertificateAuthority(Spec, frozen=True, kw_only=True):
    """The lab's certificate authority."""

    cert: str | None = None
    key: str | None = None
    key_size: int | None = None
    validity_duration: str | None = None


class Settings(Spec, frozen=True, kw_only=True):
    """Settings of the whole lab."""

    certificate_authority: CertificateAuthority | None = None


class ClabFile(Spec, frozen=True, kw_only=True):
    """A whole topology file."""

    name: str
    topology: TopologySpec
    prefix: str | None = None
    mgmt: MgmtSpec | None = None
    settings: Settings | None = None
    debug: Flag | None = None


def on(flag: str | None) -> bool:
    """Whether a flag is given and true."""
    return flag is not None and flag.lower() in {"true", "yes", "on"}
