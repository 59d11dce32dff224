"""Loss and corruption as nftables rules where packets leave an interface (hook egress, Linux 5.16).

The sending end is where netem sits too, so a packet that is dropped was never on the cable, and the other direction is
untouched. One table an interface, replaced in one transaction. A packet is drawn for once for each of the two. A
damaged packet has all bits of one byte turned over and its checksum left as it was:

- UDP: byte 12 of the payload, the first behind a BTH, so that the invariant CRC is wrong; byte 0 of a shorter one.
- TCP: the first byte behind 20 bytes of header and 12 of timestamps; a bare acknowledgement has none and passes whole.
- ICMP, ICMPv6: byte 16 behind the header. IP headers, ARP and other protocols are never damaged.

Where packets wait, the last rule hands them to a relay's tap, and the first lets pass what comes from there.

Linux does not verify checksums of what it sent over a veth itself (they are left to the device), so UDP and TCP arrive
damaged there. ICMP, and packets with a finished checksum (raw sockets), are refused by the receiver, which counts them.
"""

import json
import re
from collections.abc import Mapping

from topologies.errors import Mistake
from topologies.impairments.model import Count, Impairment, Seen
from topologies.impairments.relay.model import MARK

MODULUS = 1_000_000
TABLES = "closlab-impair-"  # what the names of the tables begin with; that of the interface follows
NAMED = re.compile(r"[A-Za-z][\w.-]*", re.ASCII)  # what nft reads as one word
DAMAGES = (
    "meta l4proto udp @th,160,8 set @th,160,8 ^ 0xff",
    "meta l4proto udp @th,64,8 set @th,64,8 ^ 0xff",
    "meta l4proto tcp @th,256,8 set @th,256,8 ^ 0xff",
    "meta l4proto { icmp, ipv6-icmp } @th,192,8 set @th,192,8 ^ 0xff",
)
NO_TABLE = "add table netdev {table}\ndelete table netdev {table}\n"  # one transaction, so that it may be gone already
TABLE = """\
table netdev {table} {{
    chain corrupting {{
{damages}
    }}
    chain sending {{
        type filter hook egress device "{interface}" priority 0
{rules}
    }}
}}
"""


def table(interface: str) -> str:
    """The firewall table of an interface; raises Mistake for a name that nft cannot read."""
    if not NAMED.fullmatch(interface):
        raise Mistake(f"interface {interface!r}: nftables takes names of letters, digits, '.', '_' and '-' only")
    return f"{TABLES}{interface}"


def script(wanted: Impairment, interface: str, tap: str = "") -> str:
    """What nft is told, in one transaction: the former table goes, and a new one comes where something is asked.

    `tap` is where packets wait; "" for nowhere.
    """
    name = table(interface)
    rules = [f"meta mark {MARK:#x} accept"] if tap else []
    if wanted.loss_percent:
        rules.append(f"{_drawn(wanted.loss_percent)}counter drop")
    if wanted.corruption_percent:
        rules.append(f"{_drawn(wanted.corruption_percent)}jump corrupting")
    if tap:
        rules.append(f'fwd to "{tap}"')
    if not rules:
        return NO_TABLE.format(table=name)
    damages = "\n".join(f"        {each} counter return" for each in DAMAGES)
    made = TABLE.format(
        table=name, interface=interface, damages=damages, rules="\n".join(f"        {rule}" for rule in rules)
    )
    return NO_TABLE.format(table=name) + made


def _drawn(percent: float) -> str:
    """The words that are true for that share of packets; nft takes no comparison that is always true."""
    share = round(percent * MODULUS / 100)
    return "" if share >= MODULUS else f"numgen random mod {MODULUS} < {share} "


def read(text: str) -> dict[str, Seen]:
    """Loss, corruption and what they did, by interface, from `nft --json list ruleset netdev`."""
    return {interface: _seen(found) for interface, found in _ruled(text).items()}


def steered(text: str) -> dict[str, str]:
    """By interface, the tap where its packets wait; what nft says in its place where the tap is gone."""
    return {
        interface: str(each["fwd"]["dev"])
        for interface, found in _ruled(text).items()
        for _, expressions in found
        for each in expressions
        if "fwd" in each
    }


def _ruled(text: str) -> "dict[str, list[Rule]]":
    """The rules of each interface."""
    ruled: dict[str, list[Rule]] = {}
    for each in json.loads(text)["nftables"]:
        if "rule" in each and (name := each["rule"]["table"]).startswith(TABLES):
            ruled.setdefault(name.removeprefix(TABLES), []).append((each["rule"]["chain"], each["rule"]["expr"]))
    return ruled


def _seen(ruled: "list[Rule]") -> Seen:
    """What the rules of one table do, and have done."""
    loss = corruption = 0.0
    dropped = corrupted = -1
    for chain, expressions in ruled:
        if chain == "corrupting":
            corrupted = max(corrupted, 0) + _counted(expressions)
        elif any("drop" in each for each in expressions):
            loss, dropped = _share(expressions), _counted(expressions)
        elif any("jump" in each for each in expressions):
            corruption = _share(expressions)
    found = Impairment(loss_percent=loss, corruption_percent=corruption)
    return Seen(found, Count(dropped, corrupted if corruption else -1))


Expressions = list[Mapping[str, Mapping[str, int]]]
Rule = tuple[str, Expressions]
"""The chain of a rule, and what it consists of."""


def _share(expressions: Expressions) -> float:
    for each in expressions:
        if "match" in each:
            return each["match"]["right"] * 100 / MODULUS
    return 100.0


def _counted(expressions: Expressions) -> int:
    return sum(each["counter"]["packets"] for each in expressions if "counter" in each)
