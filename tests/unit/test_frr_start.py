"""What FRR's own start script would start, read off its file of settings."""

import pytest

from topologies.runtime.netns.frr import assignments, hastens, starts_frr, suite

COMMON = '#!/bin/bash\nDAEMONS="zebra mgmtd bgpd ospfd staticd bfdd"\n'
THERE = ("zebra", "bgpd", "ospfd", "staticd", "bfdd", "watchfrr")
SETTINGS = """\
# daemons
bgpd=yes
ospfd=no
bfdd=0
vtysh_enable=yes
zebra_options="  -A 127.0.0.1 -s 90000000"
bgpd_options="-M 'rpki x'"
frr_profile="datacenter"
"""
SHARED = ("-d", "-F", "datacenter")


def test_enabled_daemons_start_with_their_options_zebra_first() -> None:
    """zebra and staticd run whatever the file says; watchfrr watches those that run."""
    found = suite(SETTINGS, COMMON, THERE)

    assert found is not None
    assert found.first == (("/usr/lib/frr/zebra", *SHARED, "-A", "127.0.0.1", "-s", "90000000"),)
    assert found.others == (
        ("/usr/lib/frr/bgpd", *SHARED, "-M", "rpki x"),
        ("/usr/lib/frr/staticd", *SHARED),
    )
    assert found.watcher == ("/usr/lib/frr/watchfrr", *SHARED, "zebra", "bgpd", "staticd")


def test_mgmtd_is_there_before_zebra_where_frr_has_it() -> None:
    """From FRR 9 on; and the profile is FRR's own default where none is named."""
    found = suite("", COMMON, (*THERE, "mgmtd"))

    assert found is not None
    assert [argv[0] for argv in found.first] == ["/usr/lib/frr/mgmtd", "/usr/lib/frr/zebra"]
    assert found.others == (("/usr/lib/frr/staticd", "-d", "-F", "traditional"),)


@pytest.mark.parametrize(
    "settings",
    ["bgpd_instances=1,2\n", "all_wrap=nice\n", 'MAX_FDS="1024"\n', "x=$(id)\n", "if true; then x=1; fi\n", 'x="\n'],
)
def test_what_only_the_script_understands_is_left_to_it(settings: str) -> None:
    """Instances, wrappers, limits, shell."""
    assert suite(settings, COMMON, THERE) is None


def test_assignments_are_read_as_the_shell_reads_them() -> None:
    """Comments and empty lines say nothing, quotes go."""
    assert assignments("# a\n\nA=1 # one\nB='x y'\n") == {"A": "1", "B": "x y"}


def test_commands_that_start_frr_are_known() -> None:
    """Those of Debian's package and of the public image; nothing else."""
    assert starts_frr(("/usr/lib/frr/frrinit.sh", "start"))
    assert starts_frr(("service", "frr", "start"))
    assert not starts_frr(("/usr/lib/frr/frrinit.sh", "restart"))


def test_a_configuration_with_its_own_delay_keeps_it() -> None:
    """bgpd is hurried only where it runs and nobody said how long it waits for route-maps."""
    assert hastens("router bgp 1\n", has_bgp=True)
    assert not hastens("router bgp 1\n", has_bgp=False)
    assert not hastens("bgp route-map delay-timer 9\n", has_bgp=True)
