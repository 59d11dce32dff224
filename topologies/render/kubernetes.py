"""The same fabric past one machine: a clabernetes Topology, with every file that the nodes bind in ConfigMaps."""

import re
from collections.abc import Mapping
from typing import Any

from topologies.errors import Mistake
from topologies.render.text import yaml

LARGEST = 1_000_000  # bytes; the API server refuses a ConfigMap of more than 1 MiB


def manifest(name: str, topology: str, files: Mapping[str, str]) -> str:
    """The manifest of a containerlab topology text; `files` holds what its nodes bind, by path beside the topology.

    Raises Mistake where the files of one node are too large for a ConfigMap.
    """
    import yaml as library

    nodes = library.load(topology, Loader=library.CSafeLoader)["topology"]["nodes"]
    bound = {node: bound_files(spec or {}, files) for node, spec in nodes.items()}
    documents = [topology_resource(name, topology, bound)]
    documents += [config_map(name, node, paths, files) for node, paths in bound.items() if paths]
    return "---\n".join(yaml(document) for document in documents)


def bound_files(spec: Mapping[str, Any], files: Mapping[str, str]) -> list[str]:
    """Those of the files that a node binds, alone or with the folder that they are in."""
    sources = [bind.split(":")[0].removeprefix("./").rstrip("/") for bind in spec.get("binds", ())]
    return [path for path in files if any(path == source or path.startswith(source + "/") for source in sources)]


def topology_resource(name: str, topology: str, bound: Mapping[str, list[str]]) -> dict[str, Any]:
    """The Topology itself. Nothing of it is exposed: a lab stays sealed unless its user opens it."""
    mounts = {
        node: [
            {"filePath": path, "configMapName": resource(name, node), "configMapPath": key(path), "mode": "read"}
            for path in paths
        ]
        for node, paths in bound.items()
        if paths
    }
    return {
        "apiVersion": "clabernetes.containerlab.dev/v1alpha1",
        "kind": "Topology",
        "metadata": {"name": resource(name)},
        "spec": {
            "definition": {"containerlab": topology},
            "deployment": {"filesFromConfigMap": mounts},
            "expose": {"disableExpose": True},
        },
    }


def config_map(name: str, node: str, paths: list[str], files: Mapping[str, str]) -> dict[str, Any]:
    """The files of one node."""
    size = sum(len(files[path].encode()) for path in paths)
    if size > LARGEST:
        raise Mistake(f"the files of node {node} take {size} bytes; a ConfigMap holds at most {LARGEST}")
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": resource(name, node)},
        "data": {key(path): files[path] for path in paths},
    }


def resource(*words: str) -> str:
    """A name that Kubernetes takes (RFC 1123): small letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9-]+", "-", "-".join(words).lower()).strip("-")


def key(path: str) -> str:
    """A path as the key of a ConfigMap, which knows no slashes."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", path.strip("/"))
