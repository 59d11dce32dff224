"""The rtnetlink codec: what goes out is what the kernel documents, what comes in becomes values."""

import struct

import pytest

from topologies.runtime import netlink_decode as decode
from topologies.runtime import netlink_encode as encode


def test_an_attribute_is_padded_but_says_its_own_length() -> None:
    """Length without padding, then data filled up to four bytes."""
    assert encode.attribute(3, b"eth1\0") == struct.pack("=HH", 9, 3) + b"eth1\0" + bytes(3)


def test_a_veth_names_both_ends_completely() -> None:
    """One message carries name, number, MAC, MTU and namespace of both ends."""
    a = encode.VethEnd("eth1", netns=7, index=11, mac="02:00:00:00:00:01")
    b = encode.VethEnd("eth2", netns=8, index=12, mac="02:00:00:00:00:02")

    body = memoryview(encode.new_veth(a, b, 9500, "cable").body)
    near = decode.attributes(body, 16)
    info = decode.attributes(near[18], 0)
    peer = decode.attributes(info[2], 0)[1]
    far = decode.attributes(peer, 16)

    assert (bytes(near[3]), bytes(near[1]), bytes(info[1])) == (b"eth1\0", b"\x02\0\0\0\0\x01", b"veth\0")
    assert (bytes(far[3]), bytes(far[1])) == (b"eth2\0", b"\x02\0\0\0\0\x02")
    assert [struct.unpack("=I", each[kind])[0] for each in (near, far) for kind in (4, 28)] == [9500, 7, 9500, 8]
    assert [struct.unpack_from("=BxHi", each)[2] for each in (body, peer)] == [11, 12]


def test_a_macvlan_is_made_in_one_namespace_on_an_interface_of_another() -> None:
    """The parent's number, the mode and the namespace; no MTU, for it is the parent's."""
    end = encode.VethEnd("eth1", netns=7, index=11, mac="02:00:00:00:00:01")

    body = memoryview(encode.new_macvlan(end, 3, "vepa", "macvlan").body)
    found = decode.attributes(body, 16)
    info = decode.attributes(found[18], 0)

    assert (bytes(found[3]), bytes(found[1]), bytes(info[1])) == (b"eth1\0", b"\x02\0\0\0\0\x01", b"macvlan\0")
    assert [struct.unpack("=I", found[kind])[0] for kind in (5, 28)] == [3, 7]
    assert struct.unpack("=I", decode.attributes(info[2], 0)[1])[0] == 2
    assert struct.unpack_from("=BxHi", body)[2] == 11
    assert 4 not in found


@pytest.mark.parametrize(
    ("prefix", "hops"),
    [
        ("10.1.0.0/16", [("10.0.0.1", 3)]),
        ("0.0.0.0/0", [("10.0.0.1", 3), ("10.0.0.3", 4)]),
        ("10.2.0.0/16", [("fe80::1", 3), ("fe80::2", 4)]),
        ("fd00::/64", [("fe80::1", 3)]),
        ("::/0", [("", 9)]),
    ],
)
def test_a_route_reads_back_as_it_was_written(prefix: str, hops: list[tuple[str, int]]) -> None:
    """Single and multipath routes of both families, IPv4 over IPv6 next hops too, survive the way out and in."""
    request = encode.new_route(prefix, hops, "route", table=1000)

    route = decode.route(memoryview(request.body))

    assert (route.prefix, route.table, route.protocol, route.type) == (prefix, 1000, encode.PROTO_STATIC, "unicast")
    assert [(hop.gateway, hop.ifindex) for hop in route.hops] == hops


@pytest.mark.parametrize("cidr", ["10.0.0.1/32", "fd00::1/64", "fe80::1/64"])
def test_an_address_reads_back_as_it_was_written(cidr: str) -> None:
    """Addresses of both families; link-local ones are of link scope."""
    address = decode.address(memoryview(encode.new_address(5, cidr, "address").body))

    assert (address.index, address.cidr, address.scope) == (5, cidr, 253 if cidr.startswith("fe80") else 0)


def test_a_neighbour_reads_back_as_permanent() -> None:
    """Neighbours that closlab sets never age."""
    request = encode.new_neighbour(5, "fe80::1", "02:00:00:00:00:01", "neighbour")

    assert decode.neighbour(memoryview(request.body)) == decode.KernelNeighbour(
        5, "fe80::1", "02:00:00:00:00:01", "permanent"
    )


def test_a_dead_hop_is_told_from_a_live_one() -> None:
    """The flags of each next hop of a multipath route are its own."""
    hops = struct.pack("=HBBi", 8, 1, 0, 3) + struct.pack("=HBBi", 8, 16, 4, 4)
    body = struct.pack("=BBBBBBBBI", 2, 24, 0, 0, 254, 186, 0, 1, 0) + encode.attribute(9, hops)

    route = decode.route(memoryview(body))

    assert route.hops == (decode.Hop("", 3, dead=True), decode.Hop("", 4, linkdown=True, weight=5))


def test_a_refusal_carries_the_kernels_words() -> None:
    """The extended acknowledgement's text is found behind the quoted header."""
    words = encode.attribute(1, b"Device not found\0")
    body = struct.pack("=i", -19) + struct.pack("=IHHII", 16, 20, 0, 7, 0) + words

    assert decode.refusal(memoryview(body), flags=0x300) == (19, "Device not found")
    assert decode.refusal(memoryview(struct.pack("=i", 0) + bytes(16)), flags=0) == (0, "")


def test_messages_end_where_the_data_ends() -> None:
    """A read with two messages gives two, and a broken length ends the reading instead of looping."""
    one = struct.pack("=IHHII", 20, 24, 0, 5, 0) + b"abcd"

    found = list(decode.messages(memoryview(one + one + bytes(16))))

    assert [(message.type, message.seq, bytes(message.body)) for message in found] == [(24, 5, b"abcd")] * 2


def test_a_rate_above_32_gigabits_needs_64_bits() -> None:
    """The 32-bit field saturates and the 64-bit attribute carries the rate."""
    slow, fast = (memoryview(encode.new_rate(1, rate, 9500, "rate").body) for rate in (1000, 400_000))

    options = [decode.attributes(decode.attributes(each, 20)[2], 0) for each in (slow, fast)]

    assert 4 not in options[0]
    assert struct.unpack("=Q", options[1][4])[0] == 50_000_000_000


def test_a_filter_reads_back_as_it_was_written() -> None:
    """Side, number and name go out; from an answer of the kernel's form come number, name and program."""
    request = encode.new_filter(7, encode.FilterSide.EGRESS, 40, 5, "closlab-balance spray", "filter")
    body = memoryview(request.body)
    options = decode.attributes(decode.attributes(body, 20)[2], 0)
    answer = encode.attribute(1, b"bpf\0") + encode.attribute(
        2, bytes(request.body[32:]) + encode.attribute(11, b"\x16\0\0\0")
    )

    assert struct.unpack_from("=BxxxiIII", body)[1:4] == (7, 1, 0xFFFFFFF3)
    assert (bytes(options[6]), bytes(options[8])) == (struct.pack("=I", 5), struct.pack("=I", 1))
    assert decode.filter(memoryview(bytes(body[:20]) + answer)) == decode.KernelFilter(
        "bpf", 40, "closlab-balance spray", 22
    )


@pytest.mark.parametrize(("parent", "root"), [(0xFFFFFFFF, True), (0x20001, False)])
def test_a_queue_tells_what_waits_and_what_it_dropped(parent: int, root: bool) -> None:
    """Behind other attributes, whose lengths are not those of words."""
    kind, odd = encode.attribute(1, b"tbf\0"), encode.attribute(2, b"odd")
    stats = encode.attribute(
        7, encode.attribute(1, bytes(12)) + encode.attribute(3, struct.pack("=5I", 3, 4242, 17, 0, 9))
    )
    head = struct.pack("=BxxxiIII", 0, 5, 0x10000, parent, 2)

    assert decode.queue(memoryview(head + kind + odd + stats)) == decode.KernelQueue(5, "tbf", root, 4242, 17)
    assert decode.queue(memoryview(head + kind)) == decode.KernelQueue(5, "tbf", root, 0, 0)


def test_a_link_is_shaped_and_tells_its_alias() -> None:
    """The request names it; the answer has the alias again."""
    request = encode.shape_link("relay0", "tap relay0", mtu=9000, queue=100, alias="of eth1")
    found = decode.link(memoryview(request.body))

    assert (found.name, found.mtu, found.alias) == ("relay0", 9000, "of eth1")
