"""Who is born before whom when a lab comes up: stages of nodes, and who opens sessions after whom it calls."""

from msgspec.structs import replace

from topologies.lab import Daemon, End, Lab, LabNode, Veth, WaitFor
from topologies.model import Role
from topologies.runtime.netns.stages import CREATE, Step, callers, steps

BGP = (Daemon("bgpd", ("bgpd",)),)
SPINE = LabNode(name="spine", role=Role.SPINE, daemons=BGP)
LEAF = LabNode(name="leaf", role=Role.LEAF, daemons=BGP)
HOST = LabNode(name="host", role=Role.HOST)


def cable(a: str, b: str) -> Veth:
    return Veth(a=End(a, f"to-{b}"), b=End(b, f"to-{a}"))


LAB = Lab("lab", (LEAF, SPINE, HOST), (cable("spine", "leaf"), cable("leaf", "host")))


def test_who_opens_sessions_comes_after_whom_it_calls() -> None:
    """A spine is born after the leaves that it is cabled to, whichever end of the cable is named first."""
    assert callers(LAB) == [("spine", "leaf")]
    assert Step("leaf", CREATE) in steps(LAB)[Step("spine", CREATE)]


def test_nodes_without_daemons_wait_for_nobody() -> None:
    """A host that does not speak BGP is born whenever there is room."""
    assert steps(LAB)[Step("host", CREATE)] == set()


def test_nodes_without_a_role_wait_for_nobody() -> None:
    """A containerlab file says nothing of tiers."""
    assert not callers(replace(LAB, nodes=tuple(replace(node, role=None) for node in LAB.nodes)))


def test_an_order_that_the_file_asks_for_is_kept() -> None:
    """A leaf that waits for its spine would never be born if the spine waited for it as well."""
    patient = replace(LEAF, waits=(WaitFor(CREATE, "spine", CREATE),))

    assert not callers(replace(LAB, nodes=(patient, SPINE)))
