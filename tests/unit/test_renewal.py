"""Whether a new version of a fabric file is another configuration, or another lab."""

import pytest
from msgspec.structs import replace

from automation.renewal import rebuilding, refuse_rebuilding
from topologies.errors import Mistake
from topologies.files.fabric import parse_fabric
from topologies.lab import Lab, Mgmt
from topologies.planning import plan
from topologies.render.assemble import lab

FILE = "name: f\ndesign: leaf-spine\nspines: 2\nleaves: 2\nhosts_per_leaf: 1\nunderlay:\n  {}\n"


def made(underlay: str = "ecmp: 8", text: str = FILE) -> Lab:
    """The lab of a fabric file."""
    fabric = parse_fabric(text.format(underlay), "f.yml")
    return lab(fabric, plan(fabric))


@pytest.mark.parametrize("underlay", ["ecmp: 4", "asn_base: 4200100000"])
def test_another_configuration_is_no_other_lab(underlay: str) -> None:
    """What routers read changes, and what others are told of them."""
    assert list(rebuilding(made(), made(underlay))) == []


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (made(text=FILE.replace("leaves: 2", "leaves: 3")), "node leaf3 is new"),
        (made(text=FILE.replace("spines: 2", "spines: 1")), "cable leaf2:eth2-spine2:eth2 is gone"),
        (made("numbering: numbered"), "cable leaf1:eth1-spine1:eth1 changed"),
        (made("bfd: true"), "daemons of leaf1 changed"),
        (made(text=FILE.replace("name: f", "name: g")), "it is called g, the lab f"),
        (replace(made(), mgmt=Mgmt(network="x")), "the management network changed"),
    ],
)
def test_what_needs_another_lab_is_named(new: Lab, reason: str) -> None:
    """With the way to get one."""
    with pytest.raises(Mistake) as raised:
        refuse_rebuilding(made(), new, "f.yml")

    assert reason in str(raised.value) or "more" in str(raised.value)
    assert reason in list(rebuilding(made(), new))
    assert str(raised.value).endswith("`closlab down f`, then `closlab up f.yml`")
