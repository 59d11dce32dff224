from topologies.lab import LabNode
from topologies.model import Role
from topologies.runtime.netns.init import AT_ONCE, by_tier, may_start


def nodes(*roles: Role | None) -> list[LabNode]:
    return [LabNode(name=f"n{number}", role=role) for number, role in enumerate(roles)]


def test_tiers_are_born_from_the_top() -> None:
    """Sessions are opened from below, so super-spines come before spines, and those before leaves and hosts."""
    wanted = nodes(Role.HOST, Role.LEAF, Role.SPINE, Role.LEAF, Role.SUPERSPINE)

    assert [node.name for node in by_tier(wanted)] == ["n4", "n2", "n1", "n3", "n0"]


def test_nodes_without_a_role_keep_their_order() -> None:
    """A containerlab file says nothing of tiers, so its nodes are born as it lists them."""
    assert [node.name for node in by_tier(nodes(None, None, None))] == ["n0", "n1", "n2"]


def test_a_tier_waits_for_the_one_above() -> None:
    """A leaf may begin beside leaves, but not while a spine is being born."""
    leaf, spine = nodes(Role.LEAF, Role.SPINE)

    assert may_start(leaf, [])
    assert may_start(leaf, [leaf])
    assert not may_start(leaf, [leaf, spine])


def test_only_a_few_are_born_at_once() -> None:
    """Beyond a number of nodes at once, starting more only makes all of them slower."""
    leaf = nodes(Role.LEAF)[0]

    assert may_start(leaf, [leaf] * (AT_ONCE - 1))
    assert not may_start(leaf, [leaf] * AT_ONCE)
