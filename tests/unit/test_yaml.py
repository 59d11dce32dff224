"""Strict YAML: what is refused, and how exactly the message says where."""

from typing import Literal

import msgspec
import pytest

from topologies.errors import Mistake
from topologies.files.yaml import load, parse


class Port(msgspec.Struct, forbid_unknown_fields=True, rename="kebab"):
    speed: Literal["fast", "slow"] = "fast"
    link_mtu: int = 1500


class Switch(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    ports: dict[str, Port] = {}
    tags: list[str] = []


GOOD = """\
name: leaf1
ports:
  eth1: {speed: slow}
  eth2: {link-mtu: 9000}
"""


def test_a_good_file_becomes_a_value() -> None:
    """Text that fits the type decodes."""
    switch = load(GOOD, "s.yml", Switch)

    assert switch == Switch("leaf1", {"eth1": Port(speed="slow"), "eth2": Port(link_mtu=9000)})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            GOOD.replace("link-mtu", "link-mut"),
            "s.yml:4:10: $.ports.eth2: unknown key 'link-mut', did you mean 'link-mtu'?; allowed: speed, link-mtu",
        ),
        (
            GOOD.replace("slow", "slwo"),
            "s.yml:3:17: $.ports.eth1.speed: unknown value 'slwo', did you mean 'slow'?; allowed: fast, slow",
        ),
        (GOOD.replace("9000", "big"), "s.yml:4:20: $.ports.eth2.link-mtu: expected `int`, got `str`"),
        (GOOD.replace("name: leaf1", "tags: [a]"), "s.yml:1:1: $: the key 'name' is missing"),
        (GOOD + "tags: [a, 2]\n", "s.yml:5:11: $.tags[1]: expected `str`, got `int`"),
        (GOOD + "name: leaf2\n", "s.yml:5:1: 'name' is given twice here"),
        ("name: [\n", "s.yml:2:1: not YAML: did not find expected node content"),
        ("", "s.yml: the file is empty"),
        ("[" * 3000 + "]" * 3000, "s.yml: nested too deep to be read"),
        ("a: &x [*x]\n", "s.yml:1:4: this alias names a part that contains it"),
        ("<<: 3\n", "s.yml:1:5: only a mapping can be merged by <<"),
        ("{a: 1}: 2\n", "s.yml:1:1: a key must be a single word or number"),
        ("a: !python/object:os.system x\n", "s.yml:1:4: not YAML: could not determine a constructor"),
    ],
)
def test_a_mistake_has_its_place(text: str, message: str) -> None:
    """Line, column, path, what is wrong and what is allowed are all in the message."""
    with pytest.raises(Mistake) as raised:
        load(text, "s.yml", Switch)

    assert str(raised.value).startswith(message)


def test_merged_mappings_yield_to_what_stands_beside_them() -> None:
    """`<<` brings in keys of an anchored mapping; own keys win, and their place is that of the anchor."""
    document = parse("base: &b {speed: slow, link-mtu: 1}\nport: {<<: *b, link-mtu: 2}\n", "s.yml")

    assert document.value == {
        "base": {"speed": "slow", "link-mtu": 1},
        "port": {"speed": "slow", "link-mtu": 2},
    }
    assert document.at("port", "speed") == "s.yml:1:18"


def test_scalars_can_stay_as_written() -> None:
    """Where the wanted type decides, a text keeps its spelling and a number is still a number."""
    document = parse(
        "name: 010\nports: {eth1: {link-mtu: 10}, eth2: {}}\ntags: [yes, 1.10]\n", "s.yml", as_written=True
    )

    assert document.decode(Switch) == Switch("010", {"eth1": Port(link_mtu=10), "eth2": Port()}, ["yes", "1.10"])


def test_a_place_outside_of_the_file_is_that_of_its_parent() -> None:
    """Asking for a part that is not there names the nearest part that is."""
    document = parse(GOOD, "s.yml")

    assert document.at("ports", "eth2", "speed") == "s.yml:4:9"
    assert document.at_key("ports", "eth2") == "s.yml:4:3"
