"""How much of a lab is there. Pure."""

from collections.abc import Mapping

from telemetry.compare_lab import cables, end_differences, silent_ends
from telemetry.model import NodeFacts
from topologies.lab import Lab


def counts(lab: Lab, facts: Mapping[str, NodeFacts]) -> dict[str, int]:
    """Nodes that run, cables that are up and lead where the file says, ends of Established sessions and of BFD sessions
    that are up, and routes in kernels."""
    every = facts.values()
    dead = {seen.name for seen in every if "node" in dict(seen.lacks)}
    silent = silent_ends(lab)
    whole = [link for link in cables(lab) if not any(end_differences(link, silent, facts))]
    return {
        "nodes": len(facts) - len(dead),
        "links": sum(not dead & {link.a.node, link.b.node} for link in whole),
        "sessions": sum(session.established for seen in every for session in seen.sessions.values()),
        "bfd": sum(peer.status == "up" for seen in every for peer in seen.bfd),
        "routes": sum(len(seen.routes) for seen in every),
    }
