"""What a machine can do is told by trying; what it lacks is told with its cure."""

from pathlib import Path

import pytest

from topologies.runtime import probe
from topologies.runtime.image import PUBLIC_FRR_IMAGE, frr_image_name
from topologies.runtime.probe import kernel, programs
from topologies.runtime.probe.capability import Capability, first_lack


def test_what_is_there_lacks_nothing() -> None:
    """A need that is met says nothing."""
    assert first_lack(Capability("FRR", "routers", detail="10.3"), Capability("netem", "delay")) == ""


def test_the_first_lack_is_told_with_its_cure() -> None:
    """Of several lacks the first is told, by name, with the command that cures it."""
    lack = first_lack(
        Capability("FRR", "routers"),
        Capability("Docker", "containers", lack="it does not answer", cure="systemctl start docker"),
        Capability("containerlab", "labs", lack="not found"),
    )

    assert lack == "Docker: it does not answer; try: systemctl start docker"


def test_every_capability_has_a_name_of_its_own_and_a_purpose() -> None:
    """The table of `closlab doctor` has no two equal lines, and says of each what it is for."""
    found = probe.all()

    assert len({each.name for each in found}) == len(found)
    assert all(each.purpose for each in found)


def test_a_failed_trial_is_told_in_the_kernels_words() -> None:
    """What the kernel refuses is told in its own words, with the option that it was built without."""
    trial = kernel.Trial("netem", "delay", "tc …", "CONFIG_NET_SCH_NETEM")
    stood_in = kernel.Trial("dummy", "links", "ip …", "CONFIG_DUMMY", instead="a veth pair stands in")

    judged = kernel._judged(trial, "Error: Specified qdisc kind is unknown.")

    assert judged.lack == "Error: Specified qdisc kind is unknown. (CONFIG_NET_SCH_NETEM)"
    assert kernel._judged(stood_in, "Unknown device type.").lack.endswith("(CONFIG_DUMMY); a veth pair stands in")


def test_a_missing_tool_is_no_missing_kernel_option() -> None:
    """Where the program for a trial is missing, the cure is its package."""
    trial = kernel.Trial("nft", "loss", "nft …", "CONFIG_NF_TABLES")

    judged = kernel._judged(trial, "sh: 1: nft: not found")

    assert judged.cure == "apt-get install nftables"


def test_a_machine_without_any_program_is_told_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What tries things may be missing itself: that is a lack with a cure, not the end of `closlab doctor`."""
    monkeypatch.setenv("PATH", str(tmp_path))

    rootless, links = kernel.user_namespaces.__wrapped__(), kernel.trials.__wrapped__()

    assert rootless.lack == "unshare not found"
    assert rootless.cure == "apt-get install util-linux iproute2"
    assert {each.lack for each in links} == {"unshare not found"}


def test_probing_leaves_the_machine_as_it_was() -> None:
    """No interface is left by the trials."""
    before = sorted(Path("/sys/class/net").iterdir())

    kernel.trials.__wrapped__()

    assert sorted(Path("/sys/class/net").iterdir()) == before


@pytest.mark.parametrize(
    ("version", "fits"),
    [("0.79.0", True), ("0.80.1", True), ("1.0.0", True), ("0.0.0", True), ("0.78.9", False), ("", False)],
)
def test_containerlab_must_be_new_enough(version: str, fits: bool) -> None:
    """0.79 and later will do, and so will a build that knows no version of its own."""
    assert (programs.too_old(version) == "") is fits


def test_the_image_is_the_labs_then_the_users_then_the_public_one() -> None:
    """What the lab names wins over CLOSLAB_FRR_IMAGE, and that over the default."""
    env = {"CLOSLAB_FRR_IMAGE": "mine:1"}

    assert frr_image_name(env, "theirs:2") == "theirs:2"
    assert frr_image_name(env) == "mine:1"
    assert frr_image_name({}) == PUBLIC_FRR_IMAGE
