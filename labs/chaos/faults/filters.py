"""Faults of packet filters: one rule too many on the way."""

from labs.chaos.faults.model import AclDrop
from labs.chaos.live import Injected, Live

TABLE = "closlab-chaos"
ROCE = "udp dport 4791 @th,104,24"  # the destination queue pair: bytes 5 to 7 of the BTH, behind eight of UDP


def acl_drop(live: Live, step: AclDrop) -> Injected:
    """Drop what is forwarded to a node's addresses, or to a queue pair. Seen where the rule has dropped something."""
    table = f"{TABLE}-{step.name}"
    rules = "\n".join(f"{match} counter drop" for match in _matches(live, step))
    made = f"table inet {table} {{\nchain way {{\ntype filter hook forward priority 0;\n{rules}\n}}\n}}\n"
    live.tool(step.node, ["nft", "-f", "-"], made)

    def unseen() -> str:
        shown = live.tool(step.node, ["nft", "list", "table", "inet", table])
        return "" if shown.count("packets 0 ") < shown.count("counter") else f"no packet met the filter on {step.node}"

    return Injected(
        f"{step.node}, {step.to or f'queue pair {step.queue_pair}'}",
        unseen,
        lambda: _remove(live, step.node, table),
        lambda: f"{step.node} still has the filter" if table in live.tool(step.node, ["nft", "list", "tables"]) else "",
    )


def _matches(live: Live, step: AclDrop) -> list[str]:
    if step.queue_pair:
        return [f"{ROCE} {step.queue_pair}"]
    return [f"{'ip6' if ':' in address else 'ip'} daddr {address}" for address in live.node(step.to).probe_addresses]


def _remove(live: Live, node: str, table: str) -> None:
    live.tool(node, ["nft", "delete", "table", "inet", table])
