"""What a node is in the end: node over group over kind over defaults, as containerlab merges them.

Most keys: the most specific level that gives one wins. Mappings and lists named below are merged instead.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from topologies.files.clab.schema import NodeSpec, StageCommand, StageCommands, StageSpec, StagesSpec, TopologySpec

T = TypeVar("T")
MAPPINGS = ("env", "labels", "sysctls", "tmpfs")  # key by key
LISTS = ("exec", "env_files", "devices", "cap_add", "security_opts")  # one after the other, each item once
MOUNTS = ("binds", "volumes")  # one per path inside of the node
STRUCTS = ("certificate", "credentials")  # key by key
NODE_ONLY = ("mgmt_ipv4", "mgmt_ipv6", "aliases")


def effective(topology: TopologySpec, name: str) -> NodeSpec:
    """The node of that name with all that it inherits; `kind` and `group` are filled in."""
    node = topology.nodes[name] or NodeSpec()
    defaults = topology.defaults or NodeSpec()
    groups, kinds = topology.groups or {}, topology.kinds or {}
    kind = kind_of(node, defaults, groups)
    kind_spec = kinds.get(kind) or NodeSpec()
    group = node.group or kind_spec.group or defaults.group or ""
    merged = merge((defaults, kind_spec, groups.get(group) or NodeSpec(), node))
    return msgspec.structs.replace(
        merged, kind=kind, group=group or None, **{name: getattr(node, name) for name in NODE_ONLY}
    )


def kind_of(node: NodeSpec, defaults: NodeSpec, groups: dict[str, NodeSpec | None]) -> str:
    """The kind in lower case, "" where none is given: the node's, its group's, the default group's, the default."""
    own_group = groups.get(node.group or "") or NodeSpec()
    default_group = groups.get(defaults.group or "") or NodeSpec()
    return (node.kind or own_group.kind or default_group.kind or defaults.kind or "").lower()


def merge(levels: Sequence[NodeSpec]) -> NodeSpec:
    """Levels in one, the least specific first."""
    return NodeSpec(**{name: merged(name, levels) for name in NodeSpec.__struct_fields__})


def merged(name: str, levels: Sequence[NodeSpec]) -> Any:
    """One key over all levels; None where no level gives it."""
    given = [value for level in levels if (value := getattr(level, name)) is not None]
    rule: Callable[[list[Any]], Any] = RULES.get(name, most_specific)
    return rule(given) if given else None


def most_specific(given: Sequence[T]) -> T:
    """The last value that is not empty, as containerlab takes an empty one for not given."""
    return next((value for value in reversed(given) if value or value is False), given[-1])


def mapping(given: Sequence[dict[str, T]]) -> dict[str, T]:
    """Key by key, the most specific wins."""
    return {key: value for level in given for key, value in level.items()}


def items(given: Iterable[list[str]]) -> list[str]:
    """Items of all levels in order, each once."""
    return list(dict.fromkeys(item for level in given for item in level))


def mounts(given: Iterable[list[str]]) -> list[str]:
    """Mounts of all levels; of those with the same path inside of the node, the most specific."""
    return list({inner_path(item): item for level in given for item in level}.values())


def inner_path(mount: str) -> str:
    """The path inside of the node of SOURCE:TARGET[:OPTIONS], or of a TARGET alone."""
    parts = mount.split(":")
    return parts[1] if len(parts) > 1 else parts[0]


def struct(given: Sequence[msgspec.Struct]) -> msgspec.Struct:
    """Key by key within a struct, the most specific that is given wins."""
    names = given[0].__struct_fields__
    return type(given[0])(**{name: next(_set(reversed(given), name), None) for name in names})


def _set(levels: Iterable[msgspec.Struct], name: str) -> Iterator[Any]:
    return (value for level in levels if (value := getattr(level, name)) is not None)


def config(given: Sequence[Any]) -> Any:
    """Configuration variables, key by key."""
    return type(given[0])(vars=mapping([level.vars or {} for level in given]))


def stages(given: Sequence[StagesSpec]) -> StagesSpec:
    """Stage by stage: waits of all levels, each once; commands of all levels, one after the other."""
    names = StagesSpec.__struct_fields__
    return StagesSpec(**{name: stage([spec for level in given if (spec := getattr(level, name))]) for name in names})


def stage(given: Sequence[StageSpec]) -> StageSpec | None:
    """One stage over all levels."""
    if not given:
        return None
    waits = list(dict.fromkeys(wait for level in given for wait in level.wait_for or ()))
    return StageSpec(wait_for=waits, exec=[command for level in given for command in commands(level)])


def commands(spec: StageSpec) -> list[StageCommand]:
    """The commands of a stage in the list form, whichever form the file uses."""
    if not isinstance(spec.exec, StageCommands):
        return spec.exec or []
    return [
        *(StageCommand(command=command, phase="on-enter") for command in spec.exec.on_enter or ()),
        *(StageCommand(command=command, phase="on-exit") for command in spec.exec.on_exit or ()),
    ]


RULES: dict[str, Callable[[list[Any]], Any]] = {
    **dict.fromkeys(MAPPINGS, mapping),
    **dict.fromkeys(LISTS, items),
    **dict.fromkeys(MOUNTS, mounts),
    **dict.fromkeys(STRUCTS, struct),
    "config": config,
    "stages": stages,
}
