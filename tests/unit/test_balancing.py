"""Modes of load balancing: words in and out, the fabric file, what follows for plan, lab and containerlab file."""

import pytest

from telemetry.compare import polarised
from telemetry.model import NodeFacts
from topologies import conditions
from topologies.balancing import programs, switches
from topologies.balancing.model import Balance, Mode, balance, balance_of, labelled
from topologies.balancing.reading import Shown, modes, summary
from topologies.bpf.assembler import assemble
from topologies.errors import Mistake
from topologies.files.clab.read import parse
from topologies.files.fabric import json_schema, parse_fabric
from topologies.planning import plan
from topologies.planning.identity import ONE_SEED
from topologies.render.assemble import lab
from topologies.runtime.probe.capability import Capability

FABRIC = "name: f\ndesign: leaf-spine\nspines: 2\nleaves: 2\nhosts_per_leaf: 1\nunderlay:\n"


@pytest.mark.parametrize(
    "wanted", [*(balance(mode) for mode in Mode), balance("flowlet", 1), balance("flowlet", 10**7)]
)
def test_a_mode_is_read_back_from_its_text(wanted: Balance) -> None:
    """As the names of filters and the labels of nodes have it."""
    assert balance_of(wanted.text()) == wanted


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no mode ''; there are kernel, five-tuple, "),
        ("Spray", "no mode 'Spray'"),
        ("spray 5", "a gap is of mode flowlet only, not of spray"),
        ("flowlet 0", "a gap is from 1 to 10000000 microseconds, not 0"),
        ("flowlet 10000001", "a gap is from 1 to 10000000 microseconds, not 10000001"),
        ("flowlet -1", "a gap is a whole number of microseconds, not '-1'"),
        ("flowlet 1.5", "a gap is a whole number"),
        ("flowlet ²", "a gap is a whole number"),
        ("flowlet 5 6", "a gap is a whole number of microseconds, not '5 6'"),
    ],
)
def test_what_is_no_mode_is_refused(text: str, why: str) -> None:
    """By name, with what there is."""
    with pytest.raises(Mistake) as refused:
        balance_of(text)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("  balance: bogus\n", "7:12: $.underlay.balance: "),
        ("  balance: 5\n", "7:12: $.underlay.balance: "),
        ("  balance: spray\n  flowlet_gap_us: 5\n", "8:19: $.underlay.flowlet_gap_us: a gap is of mode flowlet only"),
        ("  flowlet_gap_us: 5\n", "7:19: $.underlay.flowlet_gap_us: a gap is of mode flowlet only, not of kernel"),
        ("  balance: flowlet\n  flowlet_gap_us: 0\n", "8:19: $.underlay.flowlet_gap_us: "),
        ("  balance: flowlet\n  flowlet_gap_us: 1.5\n", "8:19: $.underlay.flowlet_gap_us: "),
        ("  balancing: spray\n", "7:3: "),
    ],
)
def test_a_fabric_file_is_held_to_the_modes(lines: str, why: str) -> None:
    """The place of what is wrong, down to line and column."""
    with pytest.raises(Mistake) as refused:
        parse_fabric(FABRIC + lines, "f.yml")
    assert f"f.yml:{why}" in str(refused.value)


def test_the_schema_for_editors_has_the_modes() -> None:
    """As an enumeration."""
    assert json_schema()["$defs"]["Mode"]["enum"] == sorted(Mode)


def test_switches_get_the_mode_and_hosts_do_not() -> None:
    """In the lab, and as a label for containerlab files."""
    fabric = parse_fabric(FABRIC + "  balance: flowlet\n  flowlet_gap_us: 20\n", "f.yml")
    made = {node.name: node for node in lab(fabric, plan(fabric)).nodes}

    assert {name: node.balance for name, node in made.items() if node.balance != Balance()} == dict.fromkeys(
        ("spine1", "spine2", "leaf1", "leaf2"), Balance(Mode.FLOWLET, 20)
    )
    assert dict(made["leaf1"].labels)["closlab-balance"] == "flowlet 20"
    assert "closlab-balance" not in dict(made["leaf1-host1"].labels)


def test_a_polarised_fabric_is_planned_with_one_seed_and_is_no_difference() -> None:
    """Also where facts agree: what is on purpose is not reported. By default each switch has a seed of its own."""
    plain, meant = (plan(parse_fabric(f"{FABRIC}  balance: {mode}\n", "f.yml")) for mode in ("kernel", "polarised"))
    alike = {name: NodeFacts(name, sysctls={"net.ipv4.fib_multipath_hash_seed": str(ONE_SEED)}) for name in plain.nodes}

    assert (plain.polarised, meant.polarised) == (False, True)
    assert {each.hash_seed for each in meant.nodes.values() if each.sessions} == {ONE_SEED}
    assert len(list(polarised(plain, alike))) == 3
    assert list(polarised(meant, alike)) == []


def test_what_kernels_show_becomes_modes() -> None:
    """A filter's name tells the mode; without one, a seed that another switch has too is polarised."""
    shown = {
        "a": Shown("7", {"eth1": "closlab-balance flowlet 20", "eth2": ""}),
        "b": Shown("7", {"eth1": "closlab-balance of another version", "eth2": "somebody's"}),
        "c": Shown("8", {"eth1": ""}),
        "d": Shown("0", {"eth1": ""}),
        "e": Shown("9", {}),
    }

    found = modes(shown)

    assert found["a"] == {"eth1": "flowlet 20", "eth2": "polarised"}
    assert found["b"] == {"eth1": "polarised", "eth2": "polarised"}
    assert (found["c"], found["d"], found["e"]) == ({"eth1": "kernel"}, {"eth1": "polarised"}, {})
    assert modes({"only": Shown("0", {"eth1": ""})}) == {"only": {"eth1": "kernel"}}
    assert [summary(found[name]) for name in "abe"] == ["flowlet 20 on eth1; polarised on eth2", "polarised", ""]


@pytest.mark.parametrize("mode", programs.PROGRAMMED)
def test_programs_are_short_and_end(mode: Mode) -> None:
    """All jumps lead somewhere, the last instruction leaves, and a salt changes those that hash."""
    ours, other = (assemble(programs.program(balance(mode), salt=salt, flows=3)) for salt in (1, 2))

    assert len(ours) < 300 * 8
    assert ours[-8] == 0x95
    assert (ours != other) == (mode in (Mode.DESTINATION_QP, Mode.FLOWLET))


def test_a_machine_without_bpf_refuses_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is made, with the file's name; modes that need no program go on."""
    monkeypatch.setattr(switches.kernel, "bpf", lambda: Capability("bpf", "", lack="not for you"))
    asked = {mode: parse_fabric(f"{FABRIC}  balance: {mode}\n", "f.yml") for mode in ("spray", "polarised", "kernel")}
    made = {mode: lab(fabric, plan(fabric), file="f.yml") for mode, fabric in asked.items()}

    with pytest.raises(Mistake, match=r"f\.yml: balance spray needs BPF: not for you; without it there are kernel, "):
        conditions.refuse_impossible(made["spray"])
    conditions.refuse_impossible(made["polarised"])
    conditions.refuse_impossible(made["kernel"])


def test_only_what_is_not_the_default_is_labelled() -> None:
    """So that files of fabrics without a mode stay as they were."""
    assert [labelled(balance(mode)) for mode in ("kernel", "spray")] == ["", "spray"]


CLAB = """\
name: demo
topology:
  nodes:
    leaf1: {{kind: linux, image: alpine, labels: {{closlab-balance: {text}}}}}
    leaf2: {{kind: linux, image: alpine}}
"""


def test_a_containerlab_file_says_the_mode_by_a_label() -> None:
    """As a fabric file that was written as one does; what is no mode is named with its place."""
    read = parse(CLAB.format(text="flowlet 20"), place="f.clab.yml", folder="/labs", env={})

    assert [node.balance for node in read.nodes] == [Balance(Mode.FLOWLET, 20), Balance()]
    with pytest.raises(Mistake, match=r"f\.clab\.yml:4:.*: closlab-balance: no mode 'fast'; there are kernel"):
        parse(CLAB.format(text="fast"), place="f.clab.yml", folder="/labs", env={})
