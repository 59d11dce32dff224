"""ECN marking: the law, the words of the command line, what is refused, and the kernel's type information."""

import struct

import pytest

from topologies.bpf.assembler import assemble
from topologies.bpf.btf import Types
from topologies.errors import Mistake
from topologies.impairments import queues
from topologies.impairments.marking import imagined
from topologies.impairments.model import Count, Impairment, Marking, Seen, marking, refuse_impossible
from topologies.impairments.red import Real, Virtual, chance, program
from topologies.runtime.probe import kernel

LAW = Marking(1_000, 3_000, 20)


@pytest.mark.parametrize(
    ("backlog", "share"), [(0, 0), (1_000, 0), (1_001, 0.0001), (2_000, 0.1), (3_000, 0.2), (3_001, 1), (1 << 32, 1)]
)
def test_the_chance_rises_from_kmin_to_kmax_and_is_certain_above(backlog: int, share: float) -> None:
    """The law at its corners."""
    assert chance(LAW, backlog) == pytest.approx(share)


def test_a_step_has_no_middle() -> None:
    """kmin and kmax alike: nothing up to it, everything above."""
    assert [chance(Marking(5, 5, 1), backlog) for backlog in (4, 5, 6)] == [0, 0, 1]


@pytest.mark.parametrize("law", [LAW, Marking(0, 0, 100), Marking(1, 1 << 30, 0.0001)])
def test_a_law_is_read_back_from_its_text(law: Marking) -> None:
    """As the names of filters have it."""
    assert marking(law.text()) == law


def test_keys_may_come_in_any_order() -> None:
    """A percentage may have a fraction."""
    assert marking("pmax=0.5,kmax=2,kmin=1") == Marking(1, 2, 0.5)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is kmin=BYTES,kmax=BYTES,pmax=PERCENT, each once"),
        ("kmin=1,kmax=2", "each once"),
        ("kmin=1,kmax=2,pmax=3,kmin=4", "each once"),
        ("kmin=1,kmax=2,pmax=3,pmin=4", "each once"),
        ("kmin=1.5,kmax=2,pmax=3", "whole numbers of bytes"),
        ("kmin=1k,kmax=2k,pmax=3", "whole numbers of bytes"),
        ("kmin=1,kmax=2,pmax=three", "a number of percent"),
    ],
)
def test_what_is_no_law_is_refused(text: str, why: str) -> None:
    """With the text, and what it should be."""
    with pytest.raises(Mistake) as refused:
        marking(text)
    assert f"--ecn {text!r}: " in str(refused.value)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("law", "why"),
    [
        (Marking(-1, 2, 3), "--ecn kmin -1, kmax 2: they are bytes, 0 <= kmin <= kmax <= 1073741824"),
        (Marking(3, 2, 3), "--ecn kmin 3, kmax 2: "),
        (Marking(0, (1 << 30) + 1, 3), "--ecn kmin 0, kmax 1073741825: "),
        (Marking(1, 2, 0), "--ecn pmax 0: it is from 0.0001 to 100 percent"),
        (Marking(1, 2, 101), "--ecn pmax 101: "),
        (Marking(1, 2, float("nan")), "--ecn pmax nan: "),
        (Marking(1, 2, float("inf")), "--ecn pmax inf: "),
    ],
)
def test_a_law_out_of_range_is_refused(law: Marking, why: str) -> None:
    """By name, with the range."""
    with pytest.raises(Mistake) as refused:
        refuse_impossible(Impairment(rate_mbps=1, ecn=law))
    assert why in str(refused.value)


def test_a_marking_is_told_and_reported() -> None:
    """In words, and for JSON with its counts; None for what is not there."""
    seen = Seen(Impairment(rate_mbps=10, ecn=LAW), Count(marked=3, unmarked=4))

    assert seen.impairment.text() == "rate 10 Mbit/s, ecn kmin=1000,kmax=3000,pmax=20"
    assert seen.report()["ecn"] == {"kmin": 1_000, "kmax": 3_000, "pmax": 20}
    assert (seen.report()["marked"], seen.report()["unmarked"], seen.report()["dropped"]) == (3, 4, None)
    assert Seen().report()["ecn"] is None


def test_the_imagined_queue_is_that_of_tbf() -> None:
    """Its rate, its burst, and what waits in it at most."""
    assert imagined(100) == Virtual(100_000, 50_000, 675_000)
    assert imagined(0.0001) == Virtual(1, 20_000, queues.room(0.0001))


@pytest.mark.parametrize("queue", [Real(1, 16, 1064, 196), imagined(0.001), imagined(100_000)])
def test_programs_are_short_and_end(queue: Real | Virtual) -> None:
    """All jumps lead somewhere, whatever the law's corners."""
    for law in (LAW, Marking(0, 0, 100), Marking(1, 1 << 30, 0.0001)):
        code = assemble(program(law, queue, kept=3))
        assert len(code) < 100 * 8
        assert code[-8] == 0x95


STRINGS = b"\0a\0b\0f\0s\0"
NAMES = {"": 0, "a": 1, "b": 3, "f": 5, "s": 7}


def types(*parts: tuple[str, int, int, bytes]) -> bytes:
    """Type information of (name, info, size or type, what follows)."""
    body = b"".join(struct.pack("=III", NAMES[name], info, size) + rest for name, info, size, rest in parts)
    return struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(body), len(body), len(STRINGS)) + body + STRINGS


def info(kind: int, parts: int = 0, flag: bool = False) -> int:
    """The second word of a type."""
    return flag << 31 | kind << 24 | parts


def member(name: str, kind: int, bits: int) -> bytes:
    """One member of a structure."""
    return struct.pack("=III", NAMES[name], kind, bits)


def test_members_are_found_also_in_nameless_parts() -> None:
    """A structure with a number, and a nameless union behind a const, in which a member lies; a function by name."""
    found = Types(
        types(
            ("a", info(1), 4, bytes(4)),  # 1: a number
            ("", info(5, 1), 4, member("b", 1, 32)),  # 2: the union
            ("", info(10), 2, b""),  # 3: const
            ("f", info(12), 0, b""),  # 4: the function
            ("s", info(4, 2), 12, member("a", 1, 0) + member("", 3, 64)),  # 5: the structure
        )
    )

    assert (found.offset("s", "a"), found.offset("s", "b")) == (0, 12)
    assert found.function("f") == 4
    for missing in (lambda: found.offset("s", "c"), lambda: found.offset("f", "a"), lambda: found.function("s")):
        with pytest.raises(KeyError):
            missing()


@pytest.mark.parametrize("data", [b"", bytes(24), types(("a", info(25), 0, b""))])
def test_what_is_no_type_information_is_refused(data: bytes) -> None:
    """Too short, of another byte order, or with a kind that is not known, whose length nobody knows."""
    with pytest.raises(ValueError, match="no type information"):
        Types(data)


@pytest.mark.features("types")
def test_this_kernels_types_are_read() -> None:
    """Fields that every kernel has had for long, in an order that holds."""
    found = Types(kernel.TYPES.read_bytes())

    assert found.offset("sk_buff", "len") > found.offset("sk_buff", "dev") > 0
    assert found.offset("gnet_stats_queue", "qlen") == 0
    assert found.offset("gnet_stats_queue", "backlog") == 4
