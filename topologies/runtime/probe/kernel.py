"""What the kernel can do. Each thing is tried in a namespace that ends with the trial."""

import os
import shlex
from functools import cache
from pathlib import Path

from msgspec import Struct

from topologies import process
from topologies.bpf.assembler import R0, assemble, leave, mov
from topologies.errors import ClosError, Mistake
from topologies.runtime import bpf as door
from topologies.runtime.probe.capability import Capability

NEIGHBOURS = Path("/proc/sys/net/ipv4/neigh/default/gc_thresh3")
TYPES = Path("/sys/kernel/btf/vmlinux")  # the kernel's type information
HASH_SEED = Path("/proc/sys/net/ipv4/fib_multipath_hash_seed")
RESTRICTIONS = (  # what distributions forbid unprivileged user namespaces with: (file, value that forbids, cure)
    ("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
    ("/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces=15000"),
)


class Trial(Struct, frozen=True):
    """A shell command that works in a namespace of its own exactly where the kernel can do the thing."""

    name: str
    use: str
    command: str
    option: str  # what the kernel must be built with
    instead: str = ""  # how closlab does without it


TRIALS = (
    Trial(
        "netem",
        "impairments: delay, jitter, duplicates, reordering",
        "tc qdisc add dev lo root netem delay 1ms",
        "CONFIG_NET_SCH_NETEM",
        instead="impairments are made by nft, tbf and a relay of closlab's own",
    ),
    Trial("tbf", "link rates", "tc qdisc add dev lo root tbf rate 1gbit burst 64k latency 1ms", "CONFIG_NET_SCH_TBF"),
    Trial("htb", "rates by class of traffic", "tc qdisc add dev lo root htb default 1", "CONFIG_NET_SCH_HTB"),
    Trial(
        "nft",
        "the seal of the containerlab runtime; loss and corruption without netem",
        "nft add table inet probe",
        "CONFIG_NF_TABLES",
    ),
    Trial(
        "relay",
        "delay, jitter, duplicates, reordering without netem",
        "ip tuntap add probe0 mode tap && nft add table netdev probe && nft add chain netdev probe sending "
        "'{ type filter hook egress device \"lo\" priority 0; }' && nft add rule netdev probe sending fwd to probe0",
        "/dev/net/tun, CONFIG_TUN, CONFIG_NFT_FWD_NETDEV",
    ),
    Trial(
        "dummy",
        "links of type dummy",
        "ip link add probe0 type dummy",
        "CONFIG_DUMMY",
        instead="one end of a veth pair stands in",
    ),
    Trial("vrf", "tenants apart on one switch", "ip link add probe0 type vrf table 10", "CONFIG_NET_VRF"),
    Trial("bridge", "nodes of kind bridge", "ip link add probe0 type bridge", "CONFIG_BRIDGE"),
    Trial("vxlan", "overlays", "ip link add probe0 type vxlan id 1 dstport 4789", "CONFIG_VXLAN"),
    Trial(
        "macvlan",
        "links of type macvlan",
        "ip link add probe1 type veth peer probe2 && ip link add link probe1 probe0 type macvlan",
        "CONFIG_MACVLAN",
    ),
    Trial(
        "bpf filters",
        "where BPF programs meet packets",
        "tc qdisc add dev lo clsact && tc filter add dev lo egress bpf bytecode '1,6 0 0 0,'",
        "CONFIG_NET_CLS_BPF",
    ),
)


@cache
def namespaces() -> Capability:
    """Namespaces made as root."""
    name, use = "namespaces as root", "the netns runtime; names below /run/netns"
    if os.geteuid() != 0:
        return Capability(name, use, lack="not root", cure="sudo closlab …, or use user namespaces")
    words = _words(_tried_out(["unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "true"]))
    return Capability(name, use, lack=words, cure=_cure(words, ""))


@cache
def user_namespaces() -> Capability:
    """Namespaces made without root: a user namespace must give power over its own network."""
    name, use = "user namespaces", "the netns runtime without root"
    forbidden = [cure for file, value, cure in RESTRICTIONS if _value(Path(file)) == value]
    if forbidden and os.geteuid() != 0:
        return Capability(name, use, lack="forbidden here", cure=f"sudo sysctl -w {forbidden[0]}")
    argv = ["unshare", "--user", "--map-root-user", "--net", "ip", "link", "set", "lo", "up"]
    words = _words(_tried_out(argv))
    if forbidden and not words:
        return Capability(name, use, lack="only root may make them here", cure=f"sysctl -w {forbidden[0]}")
    return Capability(name, use, lack=words, cure=_cure(words, "sudo sysctl -w user.max_user_namespaces=15000"))


@cache
def rootless_overlay() -> Capability:
    """overlayfs mounted inside a user namespace (Linux 5.11)."""
    steps = (
        "mount -t tmpfs none /mnt",
        "mkdir /mnt/low /mnt/up /mnt/work /mnt/all",
        "mount -t overlay none -o lowerdir=/mnt/low,upperdir=/mnt/up,workdir=/mnt/work /mnt/all",
    )
    argv = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", " && ".join(steps)]
    name, use = "overlay without root", "root file systems of other FRR versions, without root"
    return Capability(name, use, lack=_words(_tried_out(argv)))


@cache
def trials() -> tuple[Capability, ...]:
    """What links, queues and filters the kernel has. One program tries all, each in a namespace of its own."""
    owner = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    lines = [f"{_tried(trial.command)}; echo '---'" for trial in TRIALS]
    done = _tried_out(["unshare", *owner, "--net", "sh", "-c", "\n".join(lines)])
    if done.code:
        return tuple(Capability(each.name, each.use, lack=_words(done)) for each in TRIALS)
    return tuple(
        _judged(trial, words.strip()) for trial, words in zip(TRIALS, done.stdout.split("---\n"), strict=False)
    )


def trial(name: str) -> Capability:
    """What came of one of the trials."""
    return next(each for each in trials() if each.name == name)


@cache
def bpf() -> Capability:
    """Programs of ours at the ports of switches: the kernel takes them, and has a place for them."""
    name, use = "bpf", "load balancing modes, ECN marking"
    place = trial("bpf filters")
    if not place.present:
        return Capability(name, use, lack=place.lack, cure=place.cure)
    try:
        os.close(door.load(assemble([mov(R0, 0), leave()]), "closlab_trial"))
    except ClosError as error:
        return Capability(name, use, lack=str(error))
    return Capability(name, use, detail="marking sees real queues" if TYPES.exists() else "marking imagines queues")


@cache
def hash_seed() -> Capability:
    """A key of its own for each switch's ECMP hash (Linux 6.11)."""
    name, use = "ECMP hash seed", "spread over the tiers of a fabric; without it all switches hash alike"
    there = HASH_SEED.exists()
    return Capability(name, use, lack="" if there else "the kernel is older than 6.11")


@cache
def neighbour_table() -> Capability:
    """The most neighbour entries of the machine, which all namespaces share; closlab pins its own beyond it."""
    return Capability("neighbour table", "large fabrics", detail=f"{_value(NEIGHBOURS) or 'unknown'} entries, shared")


def _judged(trial: Trial, words: str) -> Capability:
    if not words:
        return Capability(trial.name, trial.use)
    if "not found" in words:
        cure = f"apt-get install {'nftables' if trial.name == 'nft' else 'iproute2'}"
        return Capability(trial.name, trial.use, lack=words, cure=cure)
    instead = f"; {trial.instead}" if trial.instead else ""
    return Capability(trial.name, trial.use, lack=f"{words} ({trial.option}){instead}")


def _tried_out(argv: list[str]) -> process.Finished:
    """Run a program of a trial; one that is missing fails the trial, as the shell has it, and no more."""
    try:
        return process.run(argv, check=False)
    except Mistake:
        return process.Finished(tuple(argv), 127, "", f"{argv[0]} not found")


def _cure(words: str, cure: str) -> str:
    """What helps against a failed trial; "" where it did not fail."""
    return "apt-get install util-linux iproute2" if words.endswith(" not found") else words and cure


def _words(done: process.Finished) -> str:
    """Why a program failed, in its last line; "" when it did not."""
    if not done.code:
        return ""
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit code {done.code}"


def _tried(command: str) -> str:
    """Shell words that try a command in a namespace of its own, and print its last line where it fails."""
    return f'words=$(unshare --net sh -c {shlex.quote(command)} 2>&1) || echo "$words" | tail -n 1'


def _value(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
