"""Which routers are out of service on purpose, as their own configurations say. Pure.

A router that leaves marks its routes with `bgp graceful-shutdown` (RFC 8326); drained, it has shut its sessions down,
and the message that goes with that (RFC 9003) says since when and by whom.
"""

import re

from telemetry.model import Out, Service

MARK = "bgp graceful-shutdown"
MESSAGE_BYTES = 128  # that a session's end may carry to peers who know no longer ones (RFC 8203)
_NEIGHBOR = re.compile(r"^ neighbor (\S+) (?:(interface|remote-as)\b.*|peer-group)$", re.MULTILINE)
_MEMBER = re.compile(r"^ neighbor (\S+) (?:interface (?:v6only )?)?peer-group (\S+)$", re.MULTILINE)
_SHUT = re.compile(r"^ neighbor (\S+) shutdown(?: message (.*))?$", re.MULTILINE)
_ALL_SHUT = re.compile(r"^ bgp shutdown\b(?: message (.*))?", re.MULTILINE)
_SINCE = re.compile(r"drained since (\S+) by (.+)")


def message(since: str, by: str) -> str:
    """What a drained router says to its peers, and remembers."""
    return f"drained since {since} by {by}".encode()[:MESSAGE_BYTES].decode(errors="ignore")


def out_of_service(config: str) -> Out | None:
    """What bgpd's running configuration says of this; None for a router in service."""
    if (whole := _ALL_SHUT.search(config)) is not None:
        return _out(Service.DRAINED, whole[1] or "")
    shut = {hit[1]: hit[2] or "" for hit in _SHUT.finditer(config)}
    if MARK not in (line.strip() for line in config.splitlines()):
        return None
    names = set(leading(config))
    if names and names <= shut.keys():
        return _out(Service.DRAINED, next(filter(None, shut.values()), ""))
    return Out(Service.DRAINING)


def leading(config: str) -> tuple[str, ...]:
    """The peer-groups, and the neighbours that are in none: who is shut down, if all are to be."""
    members = {hit[1] for hit in _MEMBER.finditer(config)}
    return tuple(dict.fromkeys(hit[1] for hit in _NEIGHBOR.finditer(config) if hit[1] not in members))


def _out(service: Service, said: str) -> Out:
    told = _SINCE.fullmatch(said)
    return Out(service, told[1], told[2]) if told else Out(service)
