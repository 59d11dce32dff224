"""What munet is told so that it runs the same lab: its own file; scripts, addresses, settings of nodes. Pure."""

import yaml

from topologies.lab import Lab, LabNode, Veth

FOLDERS = {"etc": "/etc/frr", "run": "/run/frr", "log": "/var/log/frr", "tmp": "/var/tmp"}


def config(lab: Lab, folder: str) -> str:
    """munet's file for a lab whose nodes' files are below `folder`."""
    connections: dict[str, list[dict[str, str]]] = {node.name: [] for node in lab.nodes}
    for link in lab.links:
        if isinstance(link, Veth):
            for here, there in ((link.a, link.b), (link.b, link.a)):
                far = {"to": there.node, "name": here.interface, "remote-name": there.interface}
                connections[here.node].append(far)
    nodes = [
        {
            "name": node.name,
            "connections": connections[node.name],
            "volumes": [f"{folder}/{node.name}/{inside}:{path}" for inside, path in FOLDERS.items()],
            "cmd": f"sh {folder}/{node.name}/start",
        }
        for node in lab.nodes
    ]
    return yaml.safe_dump({"version": 1, "topology": {"nodes": nodes}}, sort_keys=False)


def files(lab: Lab, node: LabNode, folder: str) -> dict[str, str]:
    """The files of one node below its `folder`, by relative path."""
    daemons = [" ".join((*daemon.argv, "-d")) for daemon in node.daemons]
    start = [f"sysctl -e -q -p {folder}/sysctls", f"ip -batch {folder}/addresses", *daemons]
    rendered = {f"etc/{file.path.removeprefix('/etc/frr/')}": file.text for file in node.files}
    return {
        "start": "\n".join(start) + "\n",
        "sysctls": "".join(f"{name}={value}\n" for name, value in node.sysctls),
        "addresses": "\n".join(_addresses(lab, node)) + "\n",
        **rendered,
    }


def _addresses(lab: Lab, node: LabNode) -> list[str]:
    """Lines for `ip -batch`."""
    lines = ["link set lo up", *(f"address add {address} dev {name}" for name, address in node.addresses)]
    for end in (end for link in lab.links if isinstance(link, Veth) for end in (link.a, link.b)):
        if end.node == node.name:
            lines += [f"address add {address} dev {end.interface}" for address in end.addresses]
            lines.append(f"link set {end.interface} up")
    return lines
