"""How a host without BGP finds its way: a default route over all its NICs, and what comes from a NIC leaves by it."""

from collections.abc import Iterator

from topologies.plan import PlannedInterface, SourceRule, StaticRoute

FIRST_TABLE = 101  # the routing table of the first NIC; the others follow


def static_routes(interfaces: tuple[PlannedInterface, ...]) -> tuple[StaticRoute, ...]:
    """A default route per address family: in the main table over all NICs, with several NICs also one table each."""
    main: dict[str, list[tuple[str, str]]] = {}
    for interface in interfaces:
        for gateway in _gateways(interface):
            main.setdefault(_default(gateway), []).append((gateway, interface.name))
    return (
        *(StaticRoute(prefix, tuple(via)) for prefix, via in main.items()),
        *(
            StaticRoute(_default(gateway), ((gateway, interface.name),), table)
            for table, interface in _tables(interfaces)
            for gateway in _gateways(interface)
        ),
    )


def source_rules(interfaces: tuple[PlannedInterface, ...]) -> tuple[SourceRule, ...]:
    """With several NICs, each NIC's own address looks up its own table first."""
    return tuple(
        SourceRule(f"{_bare(address)}/{128 if ':' in address else 32}", table)
        for table, interface in _tables(interfaces)
        for address in interface.addresses
    )


def _tables(interfaces: tuple[PlannedInterface, ...]) -> Iterator[tuple[int, PlannedInterface]]:
    """The table of each NIC; none where there is but one."""
    return iter(enumerate(interfaces, FIRST_TABLE) if len(interfaces) > 1 else ())


def _gateways(interface: PlannedInterface) -> Iterator[str]:
    return (_bare(address) for address in interface.peer_addresses)


def _bare(address: str) -> str:
    return address.partition("/")[0]


def _default(gateway: str) -> str:
    return "::/0" if ":" in gateway else "0.0.0.0/0"
