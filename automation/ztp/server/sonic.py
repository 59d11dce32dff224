"""The way in for switches that run SONiC: its ztp.json, and a script for those that take option 239 instead. Pure.

Both lead to the agent as a plugin, and so to the same signed bundle that any other switch gets.
"""

import json
import shlex
from collections.abc import Mapping

DESTINATION = "/etc/sonic/closlab"
AUTHORITY = "/etc/ztp/authority.pem"  # whom the switch's image trusts
SECTION = "01-bundle"
VERSION = "1.0"
SCRIPT = """#!/bin/sh
# Fetch what is meant for this switch, verify it, and lay it down in {destination}.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
curl -fsS --cacert {authority} -o "$folder/agent.pyz" {agent}
printf '%s' {section} >"$folder/section.json"
python3 "$folder/agent.pyz" "$folder/section.json"
"""


def ztp_json(url: str, host: str) -> Mapping[str, object]:
    """What SONiC's ZTP service does, section by section: our plugin, then its own look whether we answer."""
    return {
        "ztp": {
            SECTION: section(url),
            "02-connectivity-check": {"ping-hosts": [host]},
            "restart-ztp-on-failure": True,
            "restart-ztp-no-config": True,
            "ztp-json-version": VERSION,
        }
    }


def section(url: str) -> Mapping[str, object]:
    """The section that gets the bundle; the ones after it are of no use where it fails."""
    return {
        "plugin": {"url": f"{url}/agent.pyz"},
        "bundle": {"url": url, "destination": DESTINATION},
        "halt-on-failure": True,
        "reboot-on-success": False,
    }


def script(url: str) -> str:
    """The same without the service."""
    return SCRIPT.format(
        destination=DESTINATION,
        authority=AUTHORITY,
        agent=shlex.quote(f"{url}/agent.pyz"),
        section=shlex.quote(json.dumps(section(url))),
    )
