"""The changes of configuration that take a router out of service and back. Pure; texts for NAPALM to merge."""

from telemetry.service import MARK, leading, message

ALL = "bgp shutdown"  # what shuts every session at once, as somebody may have said by hand


def instance(config: str) -> str:
    """The line that begins a router's BGP instance, "" where it has none."""
    return next((line for line in config.splitlines() if line.startswith("router bgp ") and " vrf " not in line), "")


def marking(config: str) -> str:
    """Mark all routes with the graceful-shutdown community, so that peers prefer any others (RFC 8326)."""
    return f"{instance(config)}\n {MARK}\nexit\n"


def unmarking(config: str) -> str:
    """Announce routes as ever."""
    return f"{instance(config)}\n no {MARK}\nexit\n"


def shutting(config: str, since: str, by: str) -> str:
    """Shut all sessions; peers are told since when, and by whom."""
    said = message(since, by)
    lines = "".join(f" neighbor {name} shutdown message {said}\n" for name in leading(config))
    return f"{instance(config)}\n{lines}exit\n"


def opening(config: str) -> str:
    """Let all sessions come up again, with routes that nobody prefers yet."""
    lines = "".join(f" no neighbor {name} shutdown\n" for name in leading(config))
    whole = f" no {ALL}\n" if f"\n {ALL}" in config else ""
    return f"{instance(config)}\n {MARK}\n{whole}{lines}exit\n"
