"""The router as a whole: version, uptime, processors and memory. Pure."""

import re

from napalm.base import models
from napalm.base.exceptions import CommandErrorException

VENDOR = "FRRouting"
TICKS = 100  # a second, in /proc/PID/stat; Linux has it fixed for programs
MEASURED = 0.5  # seconds between the two looks at the processors
_VERSION = re.compile(r"FRRouting (\S+) \((.*?)\)(?: on (\w+))?")
# zebra's own age: that of the machine would be the wrong one for a node
AGE = "cat /proc/$(cat /run/frr/zebra.pid || cat /var/run/frr/zebra.pid)/stat /proc/uptime"
LOAD = f"cat /proc/stat; echo; sleep {MEASURED}; cat /proc/stat; echo; cat /proc/meminfo"


def facts(version: str, age: str, interfaces: list[str]) -> models.FactsDict:
    """As NAPALM's get_facts, from `show version` and what AGE prints."""
    found = _VERSION.search(version)
    if found is None:
        raise CommandErrorException(f"no FRR version in {version[:80]!r}")
    return {
        "os_version": found[1],
        "uptime": uptime(age),
        "interface_list": interfaces,
        "vendor": VENDOR,
        "serial_number": "",
        "model": found[3] or "",
        "hostname": found[2],
        "fqdn": found[2],
    }


def uptime(text: str) -> float:
    """The age of a process in seconds, from its /proc/PID/stat and /proc/uptime. A program's name may have spaces."""
    stat, machine = text.strip().splitlines()
    started = int(stat.rpartition(")")[2].split()[19]) / TICKS
    return round(float(machine.split()[0]) - started, 2)


def environment(text: str) -> models.EnvironmentDict:
    """As NAPALM's get_environment, from what LOAD prints; a router in software has no fans. Memory is in bytes."""
    before, after, memory = text.split("\n\n")
    total, available = (_kibibytes(memory, name) for name in ("MemTotal", "MemAvailable"))
    earlier = dict(_processors(before))
    return {
        "fans": {},
        "temperature": {},
        "power": {},
        "cpu": {number: {"%usage": _usage(earlier[number], ticks)} for number, ticks in _processors(after)},
        "memory": {"available_ram": total * 1024, "used_ram": (total - available) * 1024},
    }


def _processors(stat: str) -> list[tuple[int, list[int]]]:
    lines = re.findall(r"^cpu(\d+) (.*)$", stat, re.MULTILINE)
    return [(int(number), [int(each) for each in ticks.split()]) for number, ticks in lines]


def _usage(before: list[int], after: list[int]) -> float:
    """Per cent of the time that was neither idle nor waiting (fields 4 and 5 of a line in /proc/stat)."""
    spent = [new - old for old, new in zip(before, after, strict=True)]
    return round(100 * (1 - (spent[3] + spent[4]) / sum(spent)), 1) if sum(spent) else 0.0


def _kibibytes(memory: str, name: str) -> int:
    found = re.search(rf"^{name}: +(\d+) kB$", memory, re.MULTILINE)
    if found is None:
        raise CommandErrorException(f"no {name} in /proc/meminfo")
    return int(found[1])
