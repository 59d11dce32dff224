"""The configuration of the DHCP server, Kea: an address for whoever asks, and for switches where to go on. Pure.

A lease belongs to a MAC address (`match-client-id` is off), and not to the client id, which has the serial number: of
two switches with one serial each then has an address, so that both can be named, and one gets none of the other's.
"""

import json
from dataclasses import dataclass
from ipaddress import IPv4Network

from automation.ztp.agent.model import VENDOR_CLASS

SOCKET = "/run/kea/kea4-ctrl-socket"
CONFIG = "/etc/kea/kea-dhcp4.conf"
LEASE_SECONDS = 3600
SONIC = "SONiC-ZTP"  # the user class of its ZTP service
SCRIPT = "provisioning-script-url"


@dataclass(frozen=True, slots=True)
class Management:
    """The management network of a lab that provisions itself: the server has its first address."""

    network: IPv4Network
    port: int

    @property
    def server(self) -> str:
        """The server's address."""
        return str(self.network[1])

    @property
    def url(self) -> str:
        """Where switches are provisioned."""
        return f"https://{self.server}:{self.port}/v1"


def kea(management: Management) -> str:
    """The text of kea-dhcp4.conf."""
    network = management.network
    subnet = {
        "id": 1,
        "subnet": str(network),
        "pools": [{"pool": f"{network[2]} - {network[-2]}"}],
    }
    return json.dumps(
        {
            "Dhcp4": {
                "interfaces-config": {"interfaces": ["eth0"], "dhcp-socket-type": "raw"},
                "control-socket": {"socket-type": "unix", "socket-name": SOCKET},
                "lease-database": {"type": "memfile", "persist": True, "name": "/var/lib/kea/kea-leases4.csv"},
                "valid-lifetime": LEASE_SECONDS,
                "match-client-id": False,
                "option-def": [{"name": SCRIPT, "code": 239, "type": "string", "space": "dhcp4"}],
                "client-classes": [_switches(management), _sonic(management)],
                "subnet4": [subnet],
                "loggers": [
                    {"name": "kea-dhcp4", "severity": "INFO", "output_options": [{"output": "stdout", "flush": True}]}
                ],
            }
        },
        indent=2,
    )


def _switches(management: Management) -> dict[str, object]:
    """Those who say that they are switches are told where to be provisioned, and nobody else is."""
    return {
        "name": VENDOR_CLASS,
        "test": f"option[60].text == '{VENDOR_CLASS}'",
        "option-data": [{"name": "boot-file-name", "data": management.url}],
    }


def _sonic(management: Management) -> dict[str, object]:
    """SONiC's ZTP service asks with a user class, which some clients send with its length before it (RFC 3004)."""
    test = " or ".join(f"substring(option[77].hex,{at},{len(SONIC)}) == '{SONIC}'" for at in (0, 1))
    return {
        "name": SONIC,
        "test": test,
        "option-data": [
            {"name": "boot-file-name", "data": f"{management.url}/ztp.json"},
            {"name": SCRIPT, "data": f"{management.url}/provision.sh"},
        ],
    }
