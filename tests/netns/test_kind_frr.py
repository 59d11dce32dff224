"""Routers of containerlab's kind frr, configured by nothing but their startup-config.

r1 10.0.0.1/32 eth1 ---- 10.1.0.0/31 ---- eth1 r2 10.0.0.2/32
"""

import os
from pathlib import Path

from wanted import nothing, record_of

from topologies.files.clab import native
from topologies.runtime.door import open_door
from topologies.runtime.netns import Netns
from topologies.waiting import until

ROUTER = """\
interface lo
 ip address 10.0.0.{own}/32
exit
interface eth1
 ip address 10.1.0.{near}/31
exit
router bgp 6500{own}
 no bgp ebgp-requires-policy
 neighbor 10.1.0.{far} remote-as external
 address-family ipv4 unicast
  network 10.0.0.{own}/32
"""
FILE = """\
name: {}
topology:
  defaults: {{kind: frr, image: quay.io/frrouting/frr}}
  nodes:
    r1: {{startup-config: r1.conf, extras: {{frr: {{daemons: [bgpd, bfdd]}}}}}}
    r2: {{startup-config: r2.conf}}
  links: [{{endpoints: ["r1:eth1", "r2:eth1"]}}]
"""


def test_a_startup_config_is_what_a_router_does(tmp_path: Path) -> None:
    """Both reach each other's loopback by BGP; the daemons that run are those chosen, or all there are."""
    (tmp_path / "r1.conf").write_text(ROUTER.format(own=1, near=0, far=1))
    (tmp_path / "r2.conf").write_text(ROUTER.format(own=2, near=1, far=0))
    (tmp_path / "l.clab.yml").write_text(FILE.format(f"kfrr{os.getpid()}"))
    record = Netns().up(record_of(native.read(tmp_path / "l.clab.yml", {})), note=nothing, say=nothing)
    try:
        r1, r2 = open_door(record, "r1"), open_door(record, "r2")

        def missing() -> str:
            with r1.netlink() as kernel:
                there = {route.prefix for route in kernel.routes()}
            return "" if "10.0.0.2/32" in there else f"only {', '.join(sorted(there))}"

        until("r1 has the route to r2", missing, within=30)
        few, many = ({process.name for process in door.processes()} for door in (r1, r2))

        assert {"zebra", "staticd", "bgpd", "bfdd", "watchfrr"} <= few
        assert "ospfd" in many - few
    finally:
        Netns().down(record)
