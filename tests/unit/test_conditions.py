"""Impairments in files: the fabric file's keys, a containerlab file's link vars, and what a machine refuses at `up`."""

from pathlib import Path

import pytest

from topologies import conditions, deploy
from topologies.errors import Mistake
from topologies.files.clab.read import parse
from topologies.files.clab.write import write
from topologies.files.fabric import json_schema, parse_fabric
from topologies.impairments import backends
from topologies.impairments.model import Impairment, Marking, Queue
from topologies.lab import Lab, Veth
from topologies.planning import plan
from topologies.render.assemble import lab
from topologies.runtime import store

FABRIC = "name: f\ndesign: leaf-spine\nspines: 1\nleaves: 1\nhosts_per_leaf: 1\n"
CLAB = """\
name: demo
topology:
  nodes:
    a: {{kind: linux, image: alpine}}
    b: {{kind: linux, image: alpine}}
    br: {{kind: bridge}}
  links:
    - endpoints: ["a:eth1", "{other}:eth1"]
      vars: {vars}
"""
LOSSY, SLOW = Impairment(loss_percent=1), Impairment(rate_mbps=10, ecn=Marking(1_000, 2_000, 20))


def made(lines: str) -> Lab:
    """The lab of a fabric file with these lines."""
    fabric = parse_fabric(FABRIC + lines, "f.yml")
    return lab(fabric, plan(fabric), file="f.yml")


def impaired(made: Lab) -> dict[str, Impairment]:
    """What is said of which end."""
    ends = [end for link in made.links if isinstance(link, Veth) for end in (link.a, link.b)]
    return {str(end): end.impaired for end in ends if end.impaired is not None}


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("", {}),
        ("links: {impaired: {}}\n", {}),
        (
            "links: {impaired: {loss_percent: 1}}\n",
            dict.fromkeys(("leaf1:eth1", "spine1:eth1", "leaf1:eth2", "leaf1-host1:eth1"), LOSSY),
        ),
        (
            "links: {impaired: {loss_percent: 1}, host_impaired: {}}\n",
            dict.fromkeys(("leaf1:eth1", "spine1:eth1"), LOSSY),
        ),
        (
            "links: {host_impaired: {rate_mbps: 10, ecn: {kmin: 1000, kmax: 2000, pmax: 20}}}\n",
            dict.fromkeys(("leaf1:eth2", "leaf1-host1:eth1"), SLOW),
        ),
        (
            "links:\n  impaired: {loss_percent: 1}\n  host_impaired: {}\n  ends: {'leaf1:eth1': {}, 'leaf1:eth2': "
            "{rate_mbps: 10, ecn: {kmin: 1000, kmax: 2000, pmax: 20}}}\n",
            {"spine1:eth1": LOSSY, "leaf1:eth2": SLOW},
        ),
    ],
)
def test_a_fabric_file_says_what_leaves_which_end(lines: str, found: dict[str, Impairment]) -> None:
    """Both ends of all cables, those to hosts by themselves, single ends in place of both."""
    assert impaired(made(lines)) == found


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("links: {impaired: {loss: 1}}\n", "6:20: $.links.impaired: unknown key 'loss'"),
        ("links: {impaired: {loss_percent: often}}\n", "6:34: $.links.impaired.loss_percent: "),
        ("links: {impaired: 1}\n", "6:19: $.links.impaired: "),
        (
            "links: {impaired: {loss_percent: 101}}\n",
            "6:19: $.links.impaired: loss 101: it is 0, or from 0.0001 to 100",
        ),
        ("links: {impaired: {loss_percent: -1}}\n", "6:19: $.links.impaired: loss -1: "),
        ("links: {impaired: {loss_percent: .nan}}\n", "6:19: $.links.impaired: loss nan: "),
        ("links: {impaired: {jitter_ms: 1}}\n", "6:19: $.links.impaired: jitter needs delay"),
        ("links: {host_impaired: {rate_mbps: .inf}}\n", "6:24: $.links.host_impaired: rate inf: "),
        ("links: {impaired: {ecn: {kmin: 1}}}\n", "6:25: $.links.impaired.ecn: the key 'kmax' is missing"),
        ("links: {impaired: {ecn: {kmin: 2, kmax: 1, pmax: 1}}}\n", "6:19: $.links.impaired: ecn kmin 2, kmax 1: "),
        ("links: {impaired: {ecn: {kmin: 1.5, kmax: 2, pmax: 1}}}\n", "6:32: $.links.impaired.ecn.kmin: "),
        ("links: {impaired: {queues: [{share: 80}]}}\n", "6:29: $.links.impaired.queues[0]: the key 'dscp' is missing"),
        ("links: {impaired: {queues: [{dscp: 64}]}}\n", "6:19: $.links.impaired: queue 64=first: a DSCP is from 0"),
        ("links: {impaired: {queues: {dscp: 4}}}\n", "6:28: $.links.impaired.queues: "),
        (
            "links: {ends: {'leaf9:eth1': {}}}\n",
            "6:16: $.links.ends: no cable ends at 'leaf9:eth1', did you mean 'leaf1:eth1'?",
        ),
        ("links: {ends: {'leaf1:eth1': {loss_percent: 200}}}\n", "6:30: $.links.ends.leaf1:eth1: loss 200: "),
        ("links: {ends: {'leaf1:eth1': {}, 'leaf1:eth1': {}}}\n", "6:34: 'leaf1:eth1' is given twice here"),
    ],
)
def test_what_cannot_be_has_its_place_in_the_file(lines: str, why: str) -> None:
    """Line, column, path, what is wrong and what is allowed."""
    with pytest.raises(Mistake) as refused:
        made(lines)
    assert str(refused.value).startswith(f"f.yml:{why}")


def test_the_schema_for_editors_has_impairments() -> None:
    """With their keys, and no others."""
    parts = json_schema()["$defs"]

    assert parts["Impairment"]["additionalProperties"] is False
    assert set(parts["Impairment"]["properties"]) == set(Impairment.__struct_fields__)
    assert parts["Marking"]["required"] == ["kmin", "kmax", "pmax"]


def test_what_is_written_for_containerlab_reads_back() -> None:
    """In the vars of links, where its schema lets anything be."""
    ours = made(
        "links: {rate_mbps: 100, impaired: {loss_percent: 1}, ends: {'leaf1:eth1': {delay_ms: 2, jitter_ms: 1}, "
        "'spine1:eth1': {queues: [{dscp: 26, share: 80}]}}}\n"
    )
    text = write(ours, image="alpine", folder="configs").text

    read = parse(text, place="f.clab.yml", folder="/labs", env={})

    assert impaired(read) == impaired(ours)
    assert impaired(read)["spine1:eth1"] == Impairment(queues=(Queue(26, 80),))
    assert impaired(read)["leaf1:eth1"] == Impairment(delay_ms=2, jitter_ms=1)


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ("{closlab-impaired: 1}", "9:32: closlab-impaired is a mapping with what leaves a:eth1 and b:eth1"),
        (
            "{closlab-impaired: {'c:eth1': {}}}",
            "9:32: closlab-impaired is a mapping with what leaves a:eth1 and b:eth1",
        ),
        (
            "{closlab-impaired: {'a:eth1': {loss: 1}}}",
            "9:50: closlab-impaired: a:eth1: $: unknown key 'loss'; allowed: rate_mbps, ",
        ),
        ("{closlab-impaired: {'a:eth1': {loss_percent: x}}}", "9:58: closlab-impaired: a:eth1: $.loss_percent: "),
        ("{closlab-impaired: {'a:eth1': {loss_percent: 101}}}", "9:43: closlab-impaired: a:eth1: loss 101: "),
        ("{closlab-impaired: {'a:eth1': [1]}}", "9:43: closlab-impaired: a:eth1: $: "),
    ],
)
def test_a_containerlab_files_key_is_strict_too(variables: str, why: str) -> None:
    """Its place is that of the value."""
    with pytest.raises(Mistake) as refused:
        parse(CLAB.format(vars=variables, other="b"), place="f.clab.yml", folder="/labs", env={})
    assert why in str(refused.value)


def test_what_the_machine_cannot_is_refused_by_name_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end, what it lacks and what there is; no record, no lab."""
    monkeypatch.setattr(backends, "chosen", lambda: backends.Fake("rate", "loss"))
    delayed = made("links: {ends: {'leaf1:eth1': {delay_ms: 1}}}\n")
    at = store.Store(tmp_path)

    with pytest.raises(Mistake, match=r"f\.yml: leaf1:eth1: delay: this kernel has no netem queue .* there are rate, "):
        deploy.up(deploy.Source("f.yml", delayed), "netns", say=print, at=at)
    assert list(at.names()) == []
    with pytest.raises(Mistake, match=r"f\.yml: leaf1:eth1: ecn needs rate: "):
        conditions.refuse_impossible(
            made("links: {ends: {'leaf1:eth1': {ecn: {kmin: 1, kmax: 2, pmax: 3}}}}\n"),
        )
    conditions.refuse_impossible(made("links: {ends: {'leaf1:eth1': {loss_percent: 1}}}\n"))


def test_a_bridge_is_not_impaired() -> None:
    """Its ports may be the machine's; the cable's other end is the lab's."""
    text = CLAB.format(vars="{closlab-impaired: {'br:eth1': {loss_percent: 1}}}", other="br")
    read = parse(text, place="f.clab.yml", folder="/labs", env={})

    with pytest.raises(Mistake, match="br:eth1: a node of kind bridge sends unimpaired; impair the other end"):
        conditions.refuse_impossible(read)
