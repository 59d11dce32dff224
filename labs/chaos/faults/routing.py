"""Faults of routing: what a tired operator types, and what a daemon or a kernel gets wrong without a word."""

from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_interface, ip_network

from labs.chaos.faults.model import (
    BlackHole,
    DuplicateAddress,
    LeakedPrefix,
    PolarisedHash,
    WrongAsn,
    WrongPolicy,
    WrongStatic,
)
from labs.chaos.live import Injected, Live
from telemetry.frr import parse_own, parse_states
from telemetry.model import ESTABLISHED
from topologies.errors import Mistake
from topologies.plan import IPV4, IPV6, PlannedInterface
from topologies.render.assemble import link_local
from topologies.render.policy import OWN

PREFERENCE = "10"  # of the rule that eats packets: before the tables that BGP fills
METRIC = "1"  # of the wrong static route: better than BGP's 20
BGP = 186  # the protocol number of its routes in the kernel
REFUSE_ALL = "CLOSLAB-CHAOS"
SEED = "net.ipv4.fib_multipath_hash_seed"
LEAK_LENGTHS = {4: 24, 6: 64}


def wrong_asn(live: Live, step: WrongAsn) -> Injected:
    """Expect another AS number of a peer, on every session with it."""
    sessions = [each for each in live.node(step.node).sessions if each.peer == step.peer]
    right = sessions[0].peer_asn

    def expect(asn: int) -> None:
        live.bgp(step.node, *(f"neighbor {each.neighbor}{_kind(each.neighbor)} remote-as {asn}" for each in sessions))

    def states() -> list[str]:
        seen = parse_states(live.door(step.node).vty("bgpd", "show bgp summary json"))
        return [seen.get(each.neighbor, "") for each in sessions]

    expect(right + 1)
    return Injected(
        f"{step.node} towards {step.peer}",
        lambda: "a session is still Established" if ESTABLISHED in states() else "",
        lambda: expect(right),
        lambda: "" if set(states()) == {ESTABLISHED} else f"{step.node} has a session in {', '.join(states())}",
    )


def wrong_policy(live: Live, step: WrongPolicy) -> Injected:
    """Have every outgoing filter refuse everything; seen where no peer sends anything to the node any more."""
    filters = _outgoing(live.running(step.node))
    if not filters:
        raise Mistake(f"step {step.name!r}: {step.node} has no outgoing filter to get wrong")
    lists = [f"{family} prefix-list {REFUSE_ALL} seq 5 deny any" for family in ("ip", "ipv6")]

    def use(choose: Callable[[str], str]) -> None:
        lines = [line for (family, group), name in filters.items() for line in _filter(family, group, choose(name))]
        live.bgp(step.node, *lines)

    def believing() -> str:
        return next(
            (
                f"{peer} still sends to {step.node}"
                for peer, port in _ports_to(live, step.node)
                if _sends(live, peer, port)
            ),
            "",
        )

    def heal() -> None:
        use(lambda name: name)
        live.configure(step.node, *(f"no {line}" for line in lists))

    live.configure(step.node, *lists)
    use(lambda _: REFUSE_ALL)
    return Injected(
        step.node,
        believing,
        heal,
        lambda: "" if _outgoing(live.running(step.node)) == filters else f"{step.node} has other filters",
    )


def leaked_prefix(live: Live, step: LeakedPrefix) -> Injected:
    """Announce what is nobody's, with a hole in the filter where it is to pass; seen in the node's own table of BGP, or
    where a peer has the route."""
    prefix = step.prefix or _nobodys(live)
    family = IPV6 if ":" in prefix else IPV4
    allow = f"{'ipv6' if family == IPV6 else 'ip'} prefix-list {OWN} seq 900 permit {prefix}"
    peers = [each.peer for each in live.node(step.node).routing_sessions]

    def announce(word: str) -> None:
        live.bgp(step.node, f"address-family {family} unicast", f"{word}network {prefix}")

    def heal() -> None:
        announce("no ")
        if step.past_filter:
            live.configure(step.node, f"no {allow}")

    def having() -> list[str]:
        own = parse_own(live.door(step.node).vty("bgpd", f"show bgp {family} unicast json"))
        return [step.node] * (prefix in own) + [peer for peer in peers if prefix in _prefixes(live, peer)]

    def unseen() -> str:
        return "" if len(having()) > step.past_filter else f"it is not in the tables of {step.node} and its peers"

    if step.past_filter:
        live.configure(step.node, allow)
    announce("")
    return Injected(
        f"{prefix} by {step.node}",
        unseen,
        heal,
        lambda: f"{', '.join(having())} still has {prefix}" if having() else "",
    )


def black_hole(live: Live, step: BlackHole) -> Injected:
    """Eat what goes to a node's prefixes, by a rule that comes before all tables."""
    rules = [(prefix, ["to", prefix, "blackhole", "pref", PREFERENCE]) for prefix in _prefixes_of(live, step.to)]

    def rule(verb: str) -> None:
        for prefix, words in rules:
            live.tool(step.node, ["ip", _family(prefix), "rule", verb, *words])

    def listed() -> str:
        return "".join(
            live.tool(step.node, ["ip", family, "rule", "list", "pref", PREFERENCE]) for family in ("-4", "-6")
        )

    rule("add")
    return Injected(
        f"{step.node} towards {step.to}",
        lambda: "" if len(listed().splitlines()) >= len(rules) else f"{step.node} lacks a rule",
        lambda: rule("del"),
        lambda: f"{step.node} still has a rule" if listed() else "",
    )


def wrong_static(live: Live, step: WrongStatic) -> Injected:
    """Send what goes to a node's prefixes out of another interface, whatever BGP says."""
    port = next(each for each in live.node(step.node).interfaces if each.name == step.interface)
    prefixes = _prefixes_of(live, step.to)

    def route(verb: str) -> None:
        for prefix in prefixes:
            words = ["route", verb, prefix, *_via(port, prefix), "metric", METRIC]
            live.tool(step.node, ["ip", _family(prefix), *words])

    def having() -> list[str]:
        with live.door(step.node).netlink() as kernel:
            wrong = {each.prefix for each in kernel.routes() if str(each.metric) == METRIC}
        return [prefix for prefix in prefixes if prefix in wrong]

    route("add")
    return Injected(
        f"{step.node} towards {step.to}",
        lambda: "" if having() == prefixes else f"{step.node} lacks a route",
        lambda: route("del"),
        lambda: f"{step.node} still has {', '.join(having())}" if having() else "",
    )


def duplicate_address(live: Live, step: DuplicateAddress) -> Injected:
    """Give a node the addresses by which another one is probed."""
    taken = [f"{address}/{ip_address(address).max_prefixlen}" for address in live.node(step.of).probe_addresses]

    def address(verb: str) -> None:
        for each in taken:
            live.tool(
                step.node,
                ["ip", "address", verb, each, "dev", "lo", *(["nodad"] if verb == "add" and ":" in each else [])],
            )

    def having() -> list[str]:
        with live.door(step.node).netlink() as kernel:
            own = {each.cidr for each in kernel.addresses()}
        return [each for each in taken if each in own]

    address("add")
    return Injected(
        f"{', '.join(taken)} on {step.node}",
        lambda: "" if having() == taken else f"{step.node} lacks an address",
        lambda: address("del"),
        lambda: f"{step.node} still has {', '.join(having())}" if having() else "",
    )


def polarised_hash(live: Live, step: PolarisedHash) -> Injected:
    """Give all switches one seed."""
    planned = {name: live.node(name).hash_seed for name in live.plan.switches}
    same = dict.fromkeys(planned, next(iter(planned.values())))

    def put(seeds: Mapping[str, int]) -> None:
        for node, seed in seeds.items():
            live.tool(node, ["sysctl", "-qw", f"{SEED}={seed}"])

    def lacks(seeds: Mapping[str, int]) -> str:
        found = {node: live.tool(node, ["sysctl", "-n", SEED]).strip() for node in seeds}
        return ", ".join(f"{node} has seed {seed}" for node, seed in found.items() if seed != str(seeds[node]))

    put(same)
    return Injected("all switches", lambda: lacks(same), lambda: put(planned), lambda: lacks(planned))


def _kind(neighbor: str) -> str:
    """FRR wants the word `interface` for a session by interface, and none for one by address."""
    return " interface" if not neighbor[0].isdigit() and ":" not in neighbor else ""


def _filter(family: str, group: str, name: str) -> list[str]:
    return [f"address-family {family} unicast", f"neighbor {group} prefix-list {name} out", "exit-address-family"]


def _outgoing(lines: list[str]) -> dict[tuple[str, str], str]:
    """The prefix lists of a running configuration that filter what is announced: (family, group) -> name."""
    found: dict[tuple[str, str], str] = {}
    family = ""
    for line in lines:
        words = line.split()
        if words[:1] == ["address-family"]:
            family = words[1]
        elif words[:1] == ["neighbor"] and words[2:3] == ["prefix-list"] and words[-1] == "out":
            found[family, words[1]] = words[3]
    return found


def _ports_to(live: Live, node: str) -> list[tuple[str, str]]:
    """Where a node's BGP peers have their cables to it: (peer, interface)."""
    peers = {session.peer for session in live.node(node).routing_sessions}
    return [(peer, each.name) for peer in peers for each in live.node(peer).interfaces if each.peer.node == node]


def _sends(live: Live, node: str, interface: str) -> bool:
    """Whether a node has a route of BGP over an interface."""
    with live.door(node).netlink() as kernel:
        index = next(link.index for link in kernel.links() if link.name == interface)
        return any(hop.ifindex == index for each in kernel.routes() if each.protocol == BGP for hop in each.hops)


def _nobodys(live: Live) -> str:
    """The last prefix of the hosts' pool; hosts are given theirs from its begin."""
    pools = live.fabric.underlay.pools
    pool = pools.hosts4 if live.fabric.underlay.ipv4 else pools.hosts6
    length = max(LEAK_LENGTHS[pool.version], pool.prefixlen)
    last = pool.broadcast_address
    return str(ip_interface(f"{last}/{length}").network)


def _prefixes(live: Live, node: str) -> set[str]:
    with live.door(node).netlink() as kernel:
        return {route.prefix for route in kernel.routes()}


def _prefixes_of(live: Live, node: str) -> list[str]:
    """What leads to a node: its probe addresses, each by itself."""
    return [str(ip_network(address)) for address in live.node(node).probe_addresses]


def _family(prefix: str) -> str:
    return "-6" if ":" in prefix else "-4"


def _via(port: PlannedInterface, prefix: str) -> list[str]:
    """The far end of a cable as a gateway: its address of that family, else its link-local one (RFC 8950)."""
    same = [each for each in port.peer_addresses if (":" in each) == (":" in prefix)]
    gateway = same[0].partition("/")[0] if same else link_local(port.peer_mac)
    return ["via", *(["inet6"] if ":" in gateway and ":" not in prefix else []), gateway, "dev", port.name]
