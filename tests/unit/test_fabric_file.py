"""Fabric files: what they may say, and what is said of those that are wrong."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from topologies.errors import Mistake
from topologies.files.fabric import json_schema, parse_fabric
from topologies.model import Attachment, Numbering, Role

FABRICS = Path(__file__).parents[2] / "topologies" / "fabrics"
SHIPPED = sorted(path for path in FABRICS.glob("*.yml") if not path.name.endswith(".clab.yml"))
HEAD = "name: x\ndesign: leaf-spine\nspines: 2\nleaves: 4\n"


def test_fabrics_are_shipped() -> None:
    """The cases of the tests below are there."""
    assert {"small.yml", "three-tier.yml", "rail.yml"} <= {path.name for path in SHIPPED}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_each_shipped_fabric_says_its_purpose_and_fits_the_schema(path: Path) -> None:
    """It begins with a comment, is named after its file, and both the reader and editors accept it."""
    text = path.read_text()

    jsonschema.validate(yaml.safe_load(text), json_schema())
    assert text.startswith("# ")
    assert parse_fabric(text, str(path)).name == path.stem


def test_only_name_design_and_sizes_must_be_said() -> None:
    """All else has a default: unnumbered, both address families, no BFD, static hosts, 9500 bytes."""
    fabric = parse_fabric(HEAD, "x.yml")

    underlay = fabric.underlay
    assert (underlay.numbering, underlay.hosts) == (Numbering.UNNUMBERED, Attachment.STATIC)
    assert (underlay.ipv4, underlay.ipv6, underlay.bfd) == (True, True, False)
    assert {(link.mtu, link.rate_mbps) for link in fabric.links} == {(9500, None)}
    assert fabric.design == "leaf-spine"


def test_links_to_hosts_may_differ() -> None:
    """Host links have an MTU and a rate of their own where the file says so."""
    fabric = parse_fabric(HEAD + "hosts_per_leaf: 1\nlinks: {mtu: 9000, rate_mbps: 400, host_mtu: 1500}\n", "x.yml")

    kinds = {(fabric.by_name[link.a.node].role, link.mtu, link.rate_mbps) for link in fabric.links}
    assert kinds == {(Role.LEAF, 9000, 400), (Role.HOST, 1500, 400)}


WRONG = {
    "an unknown design": ("name: x\ndesign: ring\n", "x.yml:2:9", "no design 'ring'; there are leaf-spine"),
    "no design": ("name: x\n", "x.yml:1:1", "'design' is missing; there are leaf-spine"),
    "not a mapping": ("- x\n", "x.yml:1:1", "is a mapping"),
    "a misspelt key": ("name: x\ndesign: leaf-spine\nspine: 2\n", "x.yml:3:1", "did you mean 'spines'?"),
    "a key of another design": (HEAD + "pods: 2\n", "x.yml:5:1", "unknown key 'pods'"),
    "no spines": ("name: x\ndesign: leaf-spine\nspines: 0\nleaves: 1\n", "x.yml:3:9", ">= 1"),
    "a bad name": (HEAD.replace("x", "X_"), "x.yml:1:7", "$.name"),
    "no family": (HEAD + "underlay: {ipv4: false, ipv6: false}\n", "x.yml:5:11", "both off"),
    "half a pair": (HEAD.replace("4", "3") + "hosts_per_leaf: 1\nnics: 2\n", "x.yml:6:7", "a multiple of 2"),
    "too many hosts": (HEAD + "hosts_per_leaf: 64\nnics: 2\n", "x.yml:5:17", "128 ports of a leaf; there are 127"),
    "no prefix": (HEAD + "underlay: {pools: {hosts6: 10.0.0.0/8}}\n", "x.yml:5:28", "not an IPv6 prefix"),
    "a public ASN": (HEAD + "underlay: {asn_base: 65000}\n", "x.yml:5:22", ">= 4200000000"),
    "a small pool": (
        HEAD + "underlay: {numbering: numbered, pools: {links4: 10.9.0.0/24}}\n",
        "x.yml:5:49",
        "$.underlay.pools.links4: 10.9.0.0/24 is too small for this fabric; it needs /23 or larger",
    ),
    "pools that overlap": (
        HEAD + "underlay: {numbering: numbered, pools: {links4: 10.0.0.0/10}}\n",
        "x.yml:5:49",
        "10.0.0.0/10 overlaps loopbacks4, 10.0.0.0/12",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named_with_its_place(case: str) -> None:
    """A Mistake gives file, line and column, what is wrong, and what there is instead."""
    text, place, words = WRONG[case]

    with pytest.raises(Mistake) as raised:
        parse_fabric(text, "x.yml")
    assert str(raised.value).startswith(f"{place}: ")
    assert words in str(raised.value)


def test_a_pool_of_the_size_that_was_asked_for_is_enough() -> None:
    """The size that the message names is right."""
    fabric = parse_fabric(HEAD + "underlay: {numbering: numbered, pools: {links4: 10.128.0.0/23}}\n", "x.yml")

    assert fabric.underlay.pools.links4.prefixlen == 23


def test_a_pool_that_is_not_used_is_not_judged() -> None:
    """An unnumbered fabric needs no link pool, so a tiny one does no harm."""
    assert parse_fabric(HEAD + "underlay: {pools: {links4: 10.0.0.0/30}}\n", "x.yml").links
