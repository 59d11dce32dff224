"""The inventories that containerlab leaves beside a lab, line by line as it writes them: Ansible's and Nornir's."""

from collections.abc import Iterable, Iterator

from topologies.files.clab.outputs import Shown
from topologies.lab import LabNode
from topologies.runtime.model import NodeRecord

NO_HOST = "ansible-no-host-var"  # a node with this label "true" is reached by its name
GROUP = "ansible-group"


def ansible(shown: Shown) -> str:
    """ansible-inventory.yml: one child per kind, then one per value of the label ansible-group."""
    kinds: dict[str, list[tuple[LabNode, NodeRecord]]] = {}
    groups: dict[str, list[tuple[LabNode, NodeRecord]]] = {}
    for node, record in shown.pairs:
        kinds.setdefault(node.kind, []).append((node, record))
        if group := dict(node.labels).get(GROUP):
            groups.setdefault(group, []).append((node, record))
    lines = ["all:", "  vars:", "    ansible_httpapi_use_proxy: false", "  children:"]
    for children in (kinds, groups):
        for name in sorted(children):
            lines += [f"    {name}:", "      hosts:", *hosts(children[name])]
    return "\n".join(lines) + "\n"


def hosts(members: Iterable[tuple[LabNode, NodeRecord]]) -> Iterator[str]:
    """The hosts of one child, by their long names."""
    for node, record in members:
        yield f"        {record.long_name}:"
        if dict(node.labels).get(NO_HOST) != "true":
            yield f"          ansible_host: {record.mgmt_ipv4.partition('/')[0]}".rstrip()


def nornir(shown: Shown) -> str:
    """nornir-simple-inventory.yml: hosts by their short names. The platform is the kind under every scheme of names
    that containerlab knows, for the kinds that closlab runs."""
    lines = ["---"]
    for node, record in sorted(shown.pairs, key=lambda pair: (pair[0].kind, pair[0].name)):
        lines += [
            f"{node.name}:",
            "    username:",
            "    password:",
            f"    platform: {node.kind}",
            f"    hostname: {record.mgmt_ipv4.partition('/')[0]}".rstrip(),
        ]
        if groups := [value for key, value in sorted(node.labels) if key.startswith("nornir-group") and value]:
            lines += ["    groups:", *(f"      - {group}" for group in groups)]
    return "\n".join(lines) + "\n"
