"""Impairments: what is refused, the words that make them, and back from what the kernel shows."""

import json

import pytest

from topologies.errors import Mistake
from topologies.impairments import classes, queues, rules
from topologies.impairments.backends import BACKENDS, Fake, impair
from topologies.impairments.model import Count, Impairment, Queue, Seen, queue, refuse_impossible
from topologies.runtime.probe import kernel
from topologies.runtime.probe.capability import Capability


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (Impairment(loss_percent=101), "--loss 101: it is 0, or from 0.0001 to 100"),
        (Impairment(loss_percent=-1), "--loss -1: it is 0"),
        (Impairment(loss_percent=0.00001), "--loss 1e-05: it is 0"),
        (Impairment(corruption_percent=float("nan")), "--corruption nan: it is 0"),
        (Impairment(duplicate_percent=200), "--duplicate 200: "),
        (Impairment(reorder_percent=200), "--reorder 200: "),
        (Impairment(rate_mbps=-5), "--rate -5: it is 0, or from 0.001 to 100000"),
        (Impairment(rate_mbps=float("inf")), "--rate inf"),
        (Impairment(delay_ms=60_001), "--delay 60001: "),
        (Impairment(jitter_ms=1), "--jitter needs --delay"),
        (Impairment(reorder_percent=1), "--reorder needs --delay"),
        (Impairment(delay_ms=1, jitter_ms=2), "--jitter 2: not more than --delay, 1"),
    ],
)
def test_what_cannot_be_is_refused_by_name(wanted: Impairment, why: str) -> None:
    """The option, what it was given, and what it may be."""
    with pytest.raises(Mistake) as refused:
        refuse_impossible(wanted)
    assert why in str(refused.value)


@pytest.mark.parametrize("name", ["delay_ms", "duplicate_percent"])
def test_what_a_backend_lacks_is_refused_and_nothing_is_made(name: str) -> None:
    """Also what it could do of the same wish is left undone."""
    fake = Fake("rate", "loss")
    wanted = Impairment(**{name: 1, "loss_percent": 1})

    with pytest.raises(Mistake, match=f"{name.partition('_')[0]}: this kernel has no netem"):
        impair(fake, "net", "eth1", wanted, own_mbps=0, holder=1)
    assert fake.made == {}
    impair(fake, "net", "eth1", Impairment(loss_percent=1), own_mbps=0, holder=1)
    assert fake.read("net", {"eth1": 0}) == {"eth1": Seen(Impairment(loss_percent=1))}


@pytest.mark.parametrize("lack", ["", "no tap"])
def test_nft_can_all_where_there_can_be_a_relay(lack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As netem; without one, what needs no packet to wait."""
    monkeypatch.setattr(kernel, "trial", lambda name: Capability(name, "", lack=lack))
    able = {name: set(make().can()) for name, make in BACKENDS.items()}

    assert able["netem"] - able["nft"] == (set() if not lack else {"delay", "jitter", "duplicate", "reorder"})
    assert able["nft"] >= {"rate", "loss", "corruption"}


@pytest.mark.parametrize(
    ("wanted", "own", "tail"),
    [
        (Impairment(), 0, "noqueue"),
        (Impairment(), 100, "handle 1: tbf rate 100000000bit burst 50000 latency 50ms"),
        (Impairment(rate_mbps=200), 100, "handle 1: tbf rate 100000000bit burst 50000 latency 50ms"),
        (Impairment(rate_mbps=1), 100, "handle 1: tbf rate 1000000bit burst 20000 latency 50ms"),
        (Impairment(loss_percent=1), 100, "netem loss 1.0000% rate 100000000bit"),
        (
            Impairment(1, 2, 0.5, 3, 4, 5, 6),
            0,
            "netem delay 2000us 500us loss 3.0000% corrupt 4.0000% duplicate 5.0000% reorder 6.0000% rate 1000000bit",
        ),
    ],
)
def test_the_words_for_tc(wanted: Impairment, own: float, tail: str) -> None:
    """A rate alone is tbf's; the slower of the link's own rate and the asked one holds."""
    assert " ".join(queues.words(wanted, "eth1", own_mbps=own)) == f"tc qdisc replace dev eth1 root {tail}"


def test_queues_are_read_back() -> None:
    """The link's own rate is no impairment; netem's shares and times come back in our units."""
    tbf = json.dumps([{"kind": "tbf", "dev": "eth1", "root": True, "options": {"rate": 12_500_000}}])
    options = {
        "delay": {"delay": 0.005, "jitter": 0.001},
        "loss-random": {"loss": 0.01},
        "corrupt": {"corrupt": 0.02},
        "duplicate": {"duplicate": 0.03},
        "reorder": {"reorder": 0.04},
        "rate": {"rate": 1_250_000},
    }
    netem = json.dumps([{"kind": "netem", "dev": "eth1", "root": True, "options": options}])

    assert queues.read(tbf, "eth1", own_mbps=100) == Impairment()
    assert queues.read(tbf, "eth1", own_mbps=0) == Impairment(rate_mbps=100)
    assert queues.read(tbf, "eth2", own_mbps=0) == queues.read("", "eth1", own_mbps=0) == Impairment()
    assert queues.read(netem, "eth1", own_mbps=0) == Impairment(10, 5, 1, 1, 2, 3, 4)


def test_rules_replace_the_former_ones_in_one_transaction() -> None:
    """The table goes and comes in one script; a share of all draws for nothing; none leaves no table."""
    gone = "add table netdev closlab-impair-eth1\ndelete table netdev closlab-impair-eth1\n"
    some = rules.script(Impairment(loss_percent=0.01, corruption_percent=100), "eth1")

    assert rules.script(Impairment(rate_mbps=5), "eth1") == gone
    assert some.startswith(gone + "table netdev closlab-impair-eth1 {")
    assert "        numgen random mod 1000000 < 100 counter drop\n        jump corrupting\n" in some


def rule(chain: str, *expressions: object, table: str = "closlab-impair-eth1") -> dict[str, object]:
    """A rule as nft 1.0.6 prints it."""
    return {"rule": {"table": table, "chain": chain, "expr": list(expressions)}}


def test_packets_that_wait_are_steered_past_everything_else() -> None:
    """What has waited passes at once; the rest goes to the tap when loss and corruption had their turn."""
    told = rules.script(Impairment(loss_percent=1, delay_ms=5), "eth1", "relay3")
    lines = [each.strip() for each in told.splitlines()]

    passes = lines.index("meta mark 0x41051ab5 accept")
    assert passes < lines.index("numgen random mod 1000000 < 10000 counter drop") < lines.index('fwd to "relay3"')


def test_who_is_steered_where_is_read_back() -> None:
    """By the tap's name, or the number that is left of it; and neither rule is an impairment of its own."""
    passes = rule("sending", {"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 5}}, {"accept": None})
    there = rule("sending", {"fwd": {"dev": "relay3"}})
    gone = rule("sending", {"fwd": {"dev": 7}}, table="closlab-impair-eth2")
    told = json.dumps({"nftables": [passes, there, gone]})

    assert rules.steered(told) == {"eth1": "relay3", "eth2": "7"}
    assert rules.read(told) == {"eth1": Seen(), "eth2": Seen()}


def test_rules_are_read_back_with_their_counts() -> None:
    """By interface; where nothing is damaged nothing is counted as such, and others' tables are no impairment."""
    drawn = {"match": {"op": "<", "left": {"numgen": {"mod": 1_000_000}}, "right": 50_000}}
    drop = rule("sending", drawn, {"counter": {"packets": 7}}, {"drop": None})
    jump = rule("sending", {"jump": {"target": "corrupting"}})
    damage = [rule("corrupting", {"counter": {"packets": n}}, {"return": None}) for n in (2, 3)]
    other = rule("sending", drawn, {"drop": None}, table="closlab-impair-eth2")
    strange = rule("sending", {"drop": None}, table="mine")

    told = rules.read(json.dumps({"nftables": [{"metainfo": {}}, *damage, drop, jump, other, strange]}))

    assert told == {
        "eth1": Seen(Impairment(loss_percent=5, corruption_percent=100), Count(7, 5)),
        "eth2": Seen(Impairment(loss_percent=5), Count(0, -1)),
    }
    assert rules.read(json.dumps({"nftables": []})) == {}


@pytest.mark.parametrize("wanted", [Queue(26, 80), Queue(0, 1), Queue(63, 99, 5), Queue(48), Queue(48, 0, 7)])
def test_a_queue_is_read_back_from_its_text(wanted: Queue) -> None:
    """As the command line takes it and shows it."""
    assert queue(wanted.text()) == wanted


@pytest.mark.parametrize(
    "text",
    ["", "26", "26=", "=80", "26=0", "26=80%", "26=8.5", "-1=5", "26=80,room=", "26=80,room=x", "26=80,deep=1", "²=5"],
)
def test_what_is_no_queue_is_refused(text: str) -> None:
    """With the text, and what it should be."""
    with pytest.raises(Mistake, match="--queue "):
        queue(text)


@pytest.mark.parametrize(
    ("queues", "why"),
    [
        ((Queue(64, 1),), "--queue 64=1: a DSCP is from 0 to 63"),
        ((Queue(-1, 1),), "--queue -1=1: a DSCP is"),
        ((Queue(1, 100),), "--queue 1=100: a DSCP is from 0 to 63, a share from 0 to 99 percent"),
        ((Queue(1, 1, 1 << 31),), "room up to 1073741824 bytes"),
        ((Queue(1, 1), Queue(1)), "--queue 1=first: DSCP 1 has a queue already"),
        ((Queue(1, 50), Queue(2, 50)), "--queue: the shares come to 100 percent; at most 99"),
        (tuple(Queue(dscp, 1) for dscp in range(8)), "--queue: 8 queues; there are at most 7"),
    ],
)
def test_queues_that_cannot_be_are_refused(queues: tuple[Queue, ...], why: str) -> None:
    """By name, with the range."""
    with pytest.raises(Mistake) as refused:
        refuse_impossible(Impairment(rate_mbps=1, queues=queues))
    assert why in str(refused.value)


def test_queues_hang_below_the_rate() -> None:
    """tbf, then htb, then a fifo for each; shares are quanta of at least a large packet, and who is first is so."""
    told = classes.script((Queue(26, 80, 9), Queue(48)), "eth1", 100)

    assert told.splitlines() == [
        "qdisc replace dev eth1 root noqueue",
        "qdisc replace dev eth1 root handle 3: tbf rate 100000000bit burst 50000 latency 50ms",
        "qdisc add dev eth1 parent 3:1 handle 2: htb default ffff",
        "class add dev eth1 parent 2: classid 2:1a50 htb rate 100gbit burst 1mb cburst 1mb quantum 40000 prio 1",
        "qdisc add dev eth1 parent 2:1a50 bfifo limit 9",
        "class add dev eth1 parent 2: classid 2:3000 htb rate 100gbit burst 1mb cburst 1mb quantum 50000 prio 0",
        "qdisc add dev eth1 parent 2:3000 bfifo limit 675000",
        "class add dev eth1 parent 2: classid 2:ffff htb rate 100gbit burst 1mb cburst 1mb quantum 10000 prio 1",
        "qdisc add dev eth1 parent 2:ffff bfifo limit 675000",
        "filter add dev eth1 parent 2: protocol ip u32 match ip dsfield 0x68 0xfc flowid 2:1a50",
        "filter add dev eth1 parent 2: protocol ipv6 u32 match ip6 priority 0x68 0xfc flowid 2:1a50",
        "filter add dev eth1 parent 2: protocol ip u32 match ip dsfield 0xc0 0xfc flowid 2:3000",
        "filter add dev eth1 parent 2: protocol ipv6 u32 match ip6 priority 0xc0 0xfc flowid 2:3000",
    ]


def test_queues_are_read_back_from_where_fifos_hang() -> None:
    """Those of this interface, but not that of all others; other fifos are nobody's."""
    shown = [
        {"kind": "bfifo", "dev": "eth1", "parent": "2:3000", "options": {"limit": 675_000}},
        {"kind": "bfifo", "dev": "eth1", "parent": "2:1a50", "options": {"limit": 9}},
        {"kind": "bfifo", "dev": "eth1", "parent": "2:ffff", "options": {"limit": 9}},
        {"kind": "bfifo", "dev": "eth1", "parent": "7:1a50", "options": {"limit": 9}},
        {"kind": "bfifo", "dev": "eth1", "root": True, "options": {"limit": 9}},
        {"kind": "bfifo", "dev": "eth2", "parent": "2:101", "options": {"limit": 9}},
    ]

    assert classes.read(json.dumps(shown), "eth1", 100) == (Queue(26, 80, 9), Queue(48))
    assert classes.read("", "eth1", 100) == ()
