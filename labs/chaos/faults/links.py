"""Faults of cables: down, flapping, dark in one direction, lossy, slow, too small, swapped."""

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from labs.chaos.faults.impairing import asked
from labs.chaos.faults.model import AnyFault, Flapping, LinkDown, LossyRail, MtuMismatch, SwappedCables
from labs.chaos.live import Injected, Live, endpoint
from labs.impairing import impair, impaired
from topologies.impairments.model import Impairment
from topologies.model import Endpoint
from topologies.waiting import until

KNOWN = 5.0  # seconds that zebra may take to hear of a new name


def link_down(live: Live, step: LinkDown) -> Injected:
    """Lower the end of a cable."""
    near = endpoint(step.link)
    live.door(near.node).link(near.interface, up=False)
    return _carrier(live, near, heal=lambda: live.door(near.node).link(near.interface, up=True))


def flapping(live: Live, step: Flapping) -> Injected:
    """Lower the end of a cable; each beat then turns it over."""
    near = endpoint(step.link)
    live.door(near.node).link(near.interface, up=False)

    def beat() -> None:
        live.door(near.node).link(near.interface, up=not live.link(near).up)

    return _carrier(live, near, heal=lambda: live.door(near.node).link(near.interface, up=True), beat=beat)


def impairing(live: Live, step: AnyFault) -> Injected:
    """Impair what leaves some ends beside what is done there already; at the end, put back what was changed alone."""
    wanted = asked(step, live.fabric)
    if wanted is None:
        raise TypeError(f"{step!r} impairs no cable")
    ends, fields = wanted.ends, tuple(wanted.changes)
    before = impaired(live.record, ends)

    def put(values: Mapping[str, Mapping[str, object]]) -> None:
        for end, now in impaired(live.record, ends).items():
            impair(live.record, [end], replace(now, **values[end]))

    def lacks(values: Mapping[str, Mapping[str, object]]) -> str:
        found = impaired(live.record, ends).items()
        wrong = (f"{end} sends with {now.text() or 'nothing'}" for end, now in found if _of(now, fields) != values[end])
        return next(wrong, "")

    during, after = dict.fromkeys(ends, wanted.changes), {end: _of(each, fields) for end, each in before.items()}
    where = f"rail {step.rail}" if isinstance(step, LossyRail) else ", ".join(ends)
    put(during)
    return Injected(where, lambda: lacks(during), lambda: put(after), lambda: lacks(after))


def mtu_mismatch(live: Live, step: MtuMismatch) -> Injected:
    """Have one end of a cable take smaller packets."""
    near = endpoint(step.link)
    before = live.link(near).mtu

    def put(mtu: int) -> None:
        live.tool(near.node, ["ip", "link", "set", "dev", near.interface, "mtu", str(mtu)])

    def lacks(mtu: int) -> str:
        found = live.link(near).mtu
        return "" if found == mtu else f"{near} has MTU {found}"

    put(step.mtu)
    return Injected(step.link, lambda: lacks(step.mtu), lambda: put(before), lambda: lacks(before))


def swapped_cables(live: Live, step: SwappedCables) -> Injected:
    """Have the cables of two ports change places. What the ports have stays theirs: names, MAC and IP addresses."""
    first, second = (Endpoint(step.node, each) for each in step.interfaces)
    before = {each: live.link(each).index for each in (first, second)}

    def swapped() -> bool:
        return live.link(first).index == before[second]

    _exchange(live, first, second)
    return Injected(
        f"{first} and {second}",
        lambda: "" if swapped() else "the cables did not change places",
        lambda: _exchange(live, first, second),
        lambda: "the cables are still swapped" if swapped() else "",
    )


def _carrier(
    live: Live, near: Endpoint, *, heal: Callable[[], None], beat: Callable[[], None] = lambda: None
) -> Injected:
    """A cable that was cut: seen where the far end has no carrier, over where both ends have."""
    far = live.far(near)

    def unhealed() -> str:
        dark = [str(end) for end in (near, far) if not live.link(end).carrier]
        return f"{', '.join(dark)} has no carrier" if dark else ""

    return Injected(
        str(near), lambda: f"{far} still has its carrier" if live.link(far).carrier else "", heal, unhealed, beat
    )


def _of(impairment: Impairment, fields: tuple[str, ...]) -> dict[str, object]:
    return {field: getattr(impairment, field) for field in fields}


def _exchange(live: Live, first: Endpoint, second: Endpoint) -> None:
    """Give two interfaces each other's names, MAC and planned addresses.

    zebra hears of names and of addresses on two ways, and drops an address whose interface it does not know yet by its
    name. So addresses come when it knows.
    """
    links = {end.interface: live.link(end) for end in (first, second)}
    planned = {each.name: each for each in live.node(first.node).interfaces}
    one, other = first.interface, second.interface
    lines = [f"link set dev {name} down" for name in links]
    lines += [f"address flush dev {name} scope global" for name in links]
    lines += [f"link set dev {one} name spare", f"link set dev {other} name {one}", f"link set dev spare name {other}"]
    lines += [f"link set dev {name} address {was.mac}" for name, was in links.items()]
    lines += [f"link set dev {name} up" for name in links]
    live.tool(first.node, ["ip", "-batch", "-"], "\n".join(lines) + "\n")
    indexes = {one: links[other].index, other: links[one].index}
    until(f"zebra of {first.node} knows its ports", lambda: _unknown(live, first.node, indexes), within=KNOWN)
    addresses = [(each, name) for name in links for each in planned[name].addresses]
    words = [f"address add {each} dev {name}{' nodad' if ':' in each else ''}" for each, name in addresses]
    live.tool(first.node, ["ip", "-batch", "-"], "\n".join(words) + "\n")


def _unknown(live: Live, node: str, indexes: Mapping[str, int]) -> str:
    """An interface whose index zebra does not have yet under that name."""
    door = live.door(node)
    for name, index in indexes.items():
        if f" index {index} " not in door.vty("zebra", f"show interface {name}"):
            return name
    return ""
