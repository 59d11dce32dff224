"""SONiC's ZTP service as far as a test needs it: it asks as that does, and goes through the sections of a ztp.json.

It runs in a node, given as text to that node's Python, so it is of the standard library only. Its states are those of
SONiC's design: BOOT, IN-PROGRESS, SUCCESS, FAILED.
"""

import json
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any


def headers(serial: str, mac: str) -> dict[str, str]:
    """Who asks, under SONiC's names."""
    return {
        "User-Agent": "SONiC-ZTP/0.1",
        "PRODUCT-NAME": "closlab-leaf",
        "SERIAL-NUMBER": serial,
        "BASE-MAC-ADDRESS": mac,
        "SONiC-VERSION": "SONiC.202511",
    }


def get(url: str, head: dict[str, str], authority: str) -> bytes:
    """What is there, over TLS with one authority."""
    request = urllib.request.Request(url, headers=head)
    with urllib.request.urlopen(request, timeout=20, context=ssl.create_default_context(cafile=authority)) as answer:
        return bytes(answer.read())


def run(name: str, section: dict[str, Any], head: dict[str, str], authority: str) -> int:
    """One section; its plugin's exit code."""
    if name.endswith("connectivity-check"):
        pings = [["ping", "-c1", "-W5", host] for host in section["ping-hosts"]]
        return max(subprocess.run(ping, check=False, stdout=subprocess.DEVNULL).returncode for ping in pings)
    with tempfile.TemporaryDirectory() as folder:
        plugin, file = Path(folder, "plugin"), Path(folder, "input.json")
        plugin.write_bytes(get(section["plugin"]["url"], head, authority))
        plugin.chmod(0o755)
        file.write_text(json.dumps({name: section}))
        return subprocess.run([str(plugin), str(file)], check=False).returncode


def main(url: str, serial: str, mac: str, authority: str) -> None:
    """Fetch a ztp.json, do what it says, and print it with the state of each section."""
    head = headers(serial, mac)
    try:
        told = json.loads(get(url, head, authority))
    except urllib.error.HTTPError as error:
        print(json.dumps({"refused": error.code, "why": json.loads(error.read())["reason"]}))
        return
    sections = {name: each for name, each in told["ztp"].items() if isinstance(each, dict)}
    states: dict[str, list[str]] = {name: ["BOOT"] for name in sections}
    for name in sorted(sections):
        states[name].append("IN-PROGRESS")
        code = run(name, sections[name], head, authority)
        states[name].append("FAILED" if code else "SUCCESS")
        if code and sections[name].get("halt-on-failure"):
            break
    print(json.dumps({"ztp": told["ztp"], "states": states}))


if __name__ == "__main__":
    main(*sys.argv[1:])
