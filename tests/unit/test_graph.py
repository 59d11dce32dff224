"""Pictures: tiers, places and looks, of our fabrics and of other people's files."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from topologies.lab import End, Lab, LabNode, Veth
from topologies.model import Role
from topologies.render.graph.dot import dot
from topologies.render.graph.drawing import Drawing, State, States, drawing
from topologies.render.graph.layout import Size, layout
from topologies.render.graph.mermaid import mermaid
from topologies.render.graph.svg import svg


def cable(a: str, b: str) -> Veth:
    (a_node, a_interface), (b_node, b_interface) = a.split(":"), b.split(":")
    return Veth(a=End(a_node, a_interface), b=End(b_node, b_interface))


def clos(spines: int, leaves: int) -> Lab:
    nodes = [
        LabNode(name=f"spine{s}", role=Role.SPINE, labels=(("closlab-asn", "65000"),)) for s in range(1, spines + 1)
    ]
    nodes += [LabNode(name=f"leaf{leaf}", role=Role.LEAF) for leaf in range(1, leaves + 1)]
    links = [
        cable(f"leaf{leaf}:eth{spine}", f"spine{spine}:eth{leaf}")
        for leaf in range(1, leaves + 1)
        for spine in range(1, spines + 1)
    ]
    return Lab("clos", tuple(nodes), tuple(links))


def tiers(picture: Drawing) -> list[list[str]]:
    return [[box.name for box in tier] for tier in picture.tiers]


def test_roles_make_the_tiers() -> None:
    """Spines are above leaves, in the order of the lab."""
    assert tiers(drawing(clos(2, 3))) == [["spine1", "spine2"], ["leaf1", "leaf2", "leaf3"]]


def test_labels_of_a_containerlab_file_make_the_tiers() -> None:
    """`graph-level` decides, whatever the names say; 1 is the top."""
    nodes = (
        LabNode(name="leaf1", labels=(("graph-level", "1"),)),
        LabNode(name="spine1", labels=(("graph-level", "2"),)),
    )

    assert tiers(drawing(Lab("odd", nodes, ()))) == [["leaf1"], ["spine1"]]


def test_group_and_name_tell_the_role_in_other_peoples_files() -> None:
    """Without labels the group is asked first, then the name."""
    nodes = (
        LabNode(name="r1", group="leaf"),
        LabNode(name="super-spine-1"),
        LabNode(name="SPINE2"),
        LabNode(name="leaf1-host1"),
    )

    picture = drawing(Lab("theirs", nodes, ()))

    assert tiers(picture) == [["super-spine-1"], ["SPINE2"], ["r1"], ["leaf1-host1"]]
    assert [role for role, _ in picture.roles] == ["superspine", "spine", "leaf", "host"]


def test_without_any_hint_the_distance_from_the_edge_makes_the_tiers() -> None:
    """Nodes with the fewest cables are at the bottom, what they hang on is above."""
    nodes = tuple(LabNode(name=name) for name in ("a", "b", "c", "x", "y"))
    links = tuple(cable(f"{low}:{high}", f"{high}:{low}") for low in "abc" for high in "xy")

    assert tiers(drawing(Lab("plain", nodes, links))) == [["x", "y"], ["a", "b", "c"]]


def test_a_lab_without_nodes_or_cables_can_be_drawn() -> None:
    """Nothing divides by the number of what is not there."""
    assert "0 links" in svg(drawing(Lab("empty", (), ())))
    assert "1 linux" in svg(drawing(Lab("single", (LabNode(name="n1"),), ())))


@pytest.mark.parametrize(("spines", "leaves"), [(2, 4), (4, 16), (8, 64), (8, 192)])
def test_boxes_never_overlap(spines: int, leaves: int) -> None:
    """From 6 to 200 nodes every box has its own place, inside the picture."""
    places = layout(drawing(clos(spines, leaves)))

    rows = {place.y for place in places.boxes}
    for row in rows:
        boxes = sorted((p for p in places.boxes if p.y == row), key=lambda place: place.x)
        assert all(a.x + a.width / 2 < b.x - b.width / 2 for a, b in pairwise(boxes))
    assert all(p.width / 2 < p.x < places.width - p.width / 2 for p in places.boxes)
    assert max(p.y + p.height for p in places.boxes) < places.height


def test_boxes_show_less_as_they_become_many() -> None:
    """Facts go first, then names stand upright."""
    sizes = [{p.size for p in layout(drawing(clos(2, n))).boxes if p.box.role == "leaf"} for n in (4, 24, 64)]

    assert sizes == [{Size.FULL}, {Size.NAME}, {Size.UPRIGHT}]


def test_cables_of_one_box_do_not_cross_each_other() -> None:
    """The ends at a spine stand in the order of the leaves that they lead to."""
    drawn = [d for d in layout(drawing(clos(2, 8))).cables if d.cable.b == "spine1"]

    by_leaf = sorted(drawn, key=lambda d: int(d.cable.a.removeprefix("leaf")))
    assert [d.x1 for d in by_leaf] == sorted(d.x1 for d in drawn)


def test_hosts_hang_close_below_their_leaves() -> None:
    """A mesh gets height, single cables do not."""
    base = clos(2, 4)
    hosts = tuple(LabNode(name=f"h{n}", role=Role.HOST) for n in range(1, 5))
    links = tuple(cable(f"h{n}:eth1", f"leaf{n}:eth3") for n in range(1, 5))

    rows = sorted({(p.y, p.height) for p in layout(drawing(Lab("l", base.nodes + hosts, base.links + links))).boxes})

    (spine, h1), (leaf, h2), (host, _) = rows
    assert leaf - spine - h1 > host - leaf - h2


def test_the_svg_is_well_formed_and_tells_everything_by_tooltip() -> None:
    """Names with markup in them are harmless, and each node and cable has a title."""
    lab = Lab("<lab> & co", (LabNode(name="a<b"), LabNode(name="c")), (cable("a<b:eth1", "c:eth2"),))

    root = ElementTree.fromstring(svg(drawing(lab)))

    titles = [element.text for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["a<b:eth1 - c:eth2", "a<b · linux", "c · linux"]


def test_states_are_drawn_and_counted() -> None:
    """A known state colours nodes and cables; either end names a cable; the summary counts links that are up."""
    states = States(
        {"leaf1": State.DOWN}, {"leaf1:eth1": State.DOWN, "spine2:eth1": State.IMPAIRED, "leaf2:eth1": State.UP}
    )

    text = svg(drawing(clos(2, 2), states))

    assert "1 of 3 links up" in text
    assert 'class="node leaf down"' in text
    assert re.findall(r'<path class="(\w+)"', text)[:4] == ["unknown", "up", "impaired", "down"]
    assert "session down</title>" in text


def test_pods_get_a_panel_each() -> None:
    """Boxes of one pod share a ground when there is more than one pod."""
    nodes = tuple(LabNode(name=f"leaf{n}", role=Role.LEAF, labels=(("closlab-pod", str(n % 2 + 1)),)) for n in range(4))

    places = layout(drawing(Lab("pods", nodes, ())))

    assert [panel.name for panel in places.panels] == ["pod 1", "pod 2"]
    assert [place.box.name for place in places.boxes] == ["leaf0", "leaf2", "leaf1", "leaf3"]


def test_mermaid_takes_any_name() -> None:
    """Names that differ only in marks stay different, and the word `end` closes nothing."""
    lab = Lab("m", (LabNode(name="end"), LabNode(name="a-b"), LabNode(name="a.b")), (cable("a-b:e1", "end:e1"),))

    text = mermaid(drawing(lab))

    assert len(set(re.findall(r"(n_\w+)\[", text))) == 3
    assert "\n    end[" not in text


def test_dot_quotes_names_and_keeps_tiers_in_order() -> None:
    """The higher end of each cable comes first, and quotes in names are harmless."""
    lab = Lab('d"q', clos(1, 1).nodes, clos(1, 1).links)

    text = dot(drawing(lab))

    assert text.startswith('graph "d\\"q" {')
    assert '"spine1" -- "leaf1"' in text
