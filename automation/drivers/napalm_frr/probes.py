"""What to call ping and traceroute with, and what they print (iputils, traceroute 2), in NAPALM's shapes. Pure."""

import re
from collections.abc import Iterator

from napalm.base import constants, models

from topologies.process import Finished

_REPLY = re.compile(r"^\d+ bytes from (\S+): .*time=([\d.]+) ms", re.MULTILINE)
_COUNTS = re.compile(r"^(\d+) packets transmitted, (\d+) received", re.MULTILINE)
_TIMES = re.compile(r"^rtt min/avg/max/mdev = ([\d.]+)/([\d.]+)/([\d.]+)/([\d.]+) ms", re.MULTILINE)
_HOP = re.compile(r"^ *(\d+) +(.*)$", re.MULTILINE)
_PROBE = re.compile(r"(?P<lost>\*)|(?P<rtt>[\d.]+) ms|(?P<ip>[\da-f]+[.:][\da-f.:]+)")


def ping_words(destination: str, source: str, ttl: int, timeout: int, size: int, count: int, vrf: str) -> list[str]:
    """The command line of a ping; `source` is an address or an interface, `timeout` seconds for the last answer."""
    words = ["ping", "-n", "-c", str(count), "-s", str(size), "-t", str(ttl), "-W", str(timeout)]
    return [*_inside(vrf), *words, *(["-I", source] if source else []), destination]


def traceroute_words(destination: str, source: str, ttl: int, timeout: int, vrf: str) -> list[str]:
    """The command line of a traceroute; names are not asked for, because a lab has nobody who knows them."""
    words = ["traceroute", "-n", "-m", str(ttl), "-w", str(timeout)]
    return [*_inside(vrf), *words, *(["-s", source] if source else []), destination]


def _inside(vrf: str) -> list[str]:
    return ["ip", "vrf", "exec", vrf] if vrf else []


def ping_result(done: Finished) -> models.PingResultDict:
    """As NAPALM's ping: an error where nothing could be sent, else what was sent and came back."""
    counts = _COUNTS.search(done.stdout)
    if counts is None:
        return {"error": _complaint(done)}
    sent, received = int(counts[1]), int(counts[2])
    times = _TIMES.search(done.stdout)
    least, mean, most, deviation = (float(each) for each in times.groups()) if times else (0.0, 0.0, 0.0, 0.0)
    return {
        "success": {
            "probes_sent": sent,
            "packet_loss": sent - received,
            "rtt_min": least,
            "rtt_max": most,
            "rtt_avg": mean,
            "rtt_stddev": deviation,
            "results": [{"ip_address": ip, "rtt": float(rtt)} for ip, rtt in _REPLY.findall(done.stdout)],
        }
    }


def traceroute_result(done: Finished) -> models.TracerouteResultDict:
    """As NAPALM's traceroute: an error where nothing could be sent, else the hops with their probes."""
    hops = _HOP.findall(done.stdout)
    if done.code or not hops:
        return {"error": _complaint(done)}
    return {"success": {int(number): {"probes": dict(enumerate(_probes(rest), 1))} for number, rest in hops}}


def _probes(text: str) -> Iterator[models.TracerouteDict]:
    """The probes of one hop; an address counts for all times after it."""
    address = constants.TRACEROUTE_NULL_IP_ADDRESS
    for found in _PROBE.finditer(text):
        if found["ip"]:
            address = found["ip"]
        elif found["rtt"]:
            yield {"rtt": float(found["rtt"]), "ip_address": address, "host_name": address}
        else:
            nobody = constants.TRACEROUTE_NULL_IP_ADDRESS
            yield {"rtt": 0.0, "ip_address": nobody, "host_name": constants.TRACEROUTE_NULL_HOST_NAME}


def _complaint(done: Finished) -> str:
    """The last thing that a program said."""
    return (done.stderr.strip() or done.stdout.strip() or f"exit code {done.code}").splitlines()[-1]
