"""The fabric in other tools' words: Kubernetes, JSON and YAML. Inventories are held by golden files."""

import json

import pytest
import yaml

from topologies.errors import Mistake
from topologies.render import kubernetes
from topologies.render.kubernetes import manifest
from topologies.render.text import json_lines
from topologies.render.text import yaml as spelt

TOPOLOGY = """\
name: My_Lab
topology:
  nodes:
    leaf1:
      binds: [nodes/leaf1:/etc/closlab:ro, extra.txt:/extra.txt]
    leaf10:
      binds: [nodes/leaf10:/etc/closlab:ro]
    host1:
"""
FILES = {"nodes/leaf1/start.sh": "#!/bin/sh\n", "nodes/leaf1/f/a.conf": "a\n", "nodes/leaf10/start.sh": "x\n"}


def test_every_bound_file_comes_to_its_node_by_a_config_map() -> None:
    """A bound folder brings all its files; a folder of a similar name and files from elsewhere stay out."""
    topology, *maps = yaml.safe_load_all(manifest("My_Lab", TOPOLOGY, FILES))

    mounts = topology["spec"]["deployment"]["filesFromConfigMap"]
    assert topology["kind"] == "Topology"
    assert topology["spec"]["definition"]["containerlab"] == TOPOLOGY
    assert [mount["filePath"] for mount in mounts["leaf1"]] == ["nodes/leaf1/start.sh", "nodes/leaf1/f/a.conf"]
    assert set(mounts) == {"leaf1", "leaf10"}
    found = {m["metadata"]["name"]: m["data"] for m in maps}
    assert all(found[m["configMapName"]][m["configMapPath"]] == FILES[m["filePath"]] for m in mounts["leaf1"])


def test_names_are_such_as_kubernetes_takes() -> None:
    """RFC 1123: no capitals, no underscores."""
    topology, first, _ = yaml.safe_load_all(manifest("My_Lab", TOPOLOGY, FILES))

    assert topology["metadata"]["name"] == "my-lab"
    assert first["metadata"]["name"] == "my-lab-leaf1"


def test_a_lab_on_kubernetes_is_exposed_to_nobody() -> None:
    """Sealed also there, until its user opens it."""
    topology = next(iter(yaml.safe_load_all(manifest("My_Lab", TOPOLOGY, FILES))))

    assert topology["spec"]["expose"] == {"disableExpose": True}


def test_files_too_large_for_a_config_map_are_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """The node and both sizes are named, before anybody asks a cluster."""
    monkeypatch.setattr(kubernetes, "LARGEST", 10)

    with pytest.raises(Mistake, match=r"node leaf1 take 12 bytes.* at most 10"):
        manifest("l", TOPOLOGY, FILES)


def test_json_has_one_item_a_line_below_the_depth() -> None:
    """What is deep stays on one line, so that one change is one line of a diff; nothing is lost."""
    value = {"nodes": {"a": [1, {"b": []}]}, "empty": {}}

    text = json_lines(value, depth=2)

    assert json.loads(text) == value
    assert text.splitlines() == ["{", '  "nodes": {', '    "a": [1, {"b": []}]', "  },", '  "empty": {}', "}"]


def test_yaml_has_no_anchors_and_keeps_texts_as_blocks() -> None:
    """Equal lists are spelt out, long texts stay readable, and words that look like numbers stay words."""
    shared = ["x"]

    text = spelt({"a": shared, "b": shared, "text": "1\n2\n", "word": "0x10"}, head="one\ntwo")

    assert text.startswith("# one\n# two\na:")
    assert "&" not in text
    assert "text: |\n  1\n  2\n" in text
    assert yaml.safe_load(text)["word"] == "0x10"
