"""Mistakes in containerlab files: each is named with its place, what is wrong and what there is instead."""

from pathlib import Path

import pytest
import yaml

from topologies.errors import Mistake
from topologies.files.clab.read import parse, read

TWO = """\
name: demo
topology:
  nodes:
    leaf1: {kind: linux, image: alpine}
    spine1: {kind: linux, image: alpine}
  links:
    - endpoints: ["leaf1:eth1", "spine1:eth1"]
"""
LINK = '    - endpoints: ["leaf1:eth1", "spine1:eth1"]\n'
CASES = yaml.safe_load((Path(__file__).parents[1] / "golden" / "clab" / "mistakes.yml").read_text())


def refusal(text: str) -> str:
    """What is said of a file."""
    with pytest.raises(Mistake) as raised:
        parse(text, place="f.clab.yml", folder="/labs", env={})
    return str(raised.value)


def test_there_are_cases() -> None:
    """An empty list must not pass."""
    assert len(CASES) > 30


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["says"].partition(": ")[2][:60])
def test_a_mistake_is_named_with_its_place(case: dict[str, str]) -> None:
    """Line, column, what is wrong and what there is instead."""
    changed = TWO.replace(case["old"], case["new"])

    assert changed != TWO
    assert refusal(changed).startswith(f"f.clab.yml:{case['says']}")


def test_a_mac_address_is_given_once() -> None:
    """The message names both ends that have it."""
    leaf = "{node: leaf1, interface: eth1, mac: '02:00:00:00:00:01'}"
    spine = "{node: spine1, interface: eth1, mac: '02-00-00-00-00-01'}"

    said = refusal(TWO.replace(LINK, f"    - {{type: veth, endpoints: [{leaf}, {spine}]}}\n"))

    assert said == "f.clab.yml:7:7: MAC address 02:00:00:00:00:01 is given to leaf1:eth1 and to spine1:eth1"


def test_waits_in_a_circle_are_refused_by_naming_the_circle() -> None:
    """Also where the circle goes through the order of a node's own stages."""
    text = """\
name: demo
topology:
  defaults: {kind: linux}
  nodes:
    a: {stages: {create: {wait-for: [{node: b, stage: healthy}]}}}
    b: {stages: {configure: {wait-for: [{node: c, stage: create}]}}}
    c: {stages: {create: {wait-for: [{node: a, stage: create}]}}}
"""

    circle = refusal(text).partition("in a circle: ")[2].split(" -> ")
    assert circle[0] == circle[-1]
    assert {"a create", "c create", "b configure", "b healthy"} <= set(circle)


def test_a_bind_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Unless it is one of the files that deploying makes in the lab's folder."""
    file = tmp_path / "x.clab.yml"
    file.write_text(TWO.replace("image: alpine", "binds: [clab-demo/topology-data.json:/t, nothere.conf:/x]"))

    with pytest.raises(Mistake, match=rf"node 'leaf1' binds {tmp_path}/nothere\.conf, which is not there"):
        read(file, {})


def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path: Path) -> None:
    """The message has the path and the reason."""
    with pytest.raises(Mistake, match=r"cannot read .*none\.clab\.yml: No such file or directory"):
        read(tmp_path / "none.clab.yml", {})
