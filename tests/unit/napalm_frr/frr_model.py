"""A model of how FRR takes the lines of a file: what it shows afterwards, and which of them it refuses.

It is stricter than FRR: every line must stand in its own block and at the depth of it, who a neighbour is cannot be
changed, and nothing can be removed that is not there.
"""

import re
from collections.abc import Iterable

from napalm_frr.tree import Config, Path

BLOCK = re.compile(r"router bgp .+|route-map .+|interface .+|vrf .+|address-family .+|bfd|profile .+")
LEAVING = re.compile(r"exit|exit-address-family|exit-vrf")
DEFAULTS = ("detect-multiplier 3", "receive-interval 300")
ON_BY_DEFAULT = ("bgp default ipv4-unicast", "bgp network import-check")
SINGLE = re.compile(
    r"hostname|bgp router-id|timers bgp|(?:neighbor \S+ )?description|neighbor \S+ timers connect"
    r"|neighbor \S+ (?:prefix-list|route-map)(?= \S+ (?:in|out))|network \S+|maximum-paths|set metric|match ip address"
    r"|detect-multiplier|receive-interval|ip protocol bgp|(?:ip|ipv6) prefix-list \S+ seq \d+"
)
ENTRY = re.compile(r"((?:ip|ipv6) prefix-list \S+) seq \d+ (.+)")
CLAUSE = re.compile(r"(route-map \S+) \w+( \d+)")
WHO = re.compile(r"neighbor (\S+) (interface|remote-as|peer-group)\b ?(.*)")


class Refused(Exception):
    """FRR would say no."""


class Router:
    """A router with a configuration."""

    def __init__(self, config: Config) -> None:
        self.lines = dict.fromkeys(config)
        self.here: Path = ()

    def take(self, lines: Iterable[str]) -> set[Path]:
        """Have it read a file; raises Refused for a line that it does not take. Returns what it then shows."""
        for raw in lines:
            line = raw.strip()
            if LEAVING.fullmatch(line):
                self.here = self.here[:-1]
                self._expect(raw, len(self.here))
                continue
            self._expect(raw, len(self.here))
            if line.startswith("no ") and line[3:] not in ON_BY_DEFAULT:
                self._remove(line[3:])
            else:
                self._add(line)
        if self.here:
            raise Refused(f"the file ends within {self.here}")
        filled = {path[:-1] for path in self.lines}
        return {path for path in self.lines if path in filled or not path[-1].startswith(("interface", "address-f"))}

    def _expect(self, raw: str, depth: int) -> None:
        if len(raw) - len(raw.lstrip()) != depth:
            raise Refused(f"{raw!r} within {self.here}")

    def _add(self, line: str) -> None:
        path = (*self.here, line)
        if line in ON_BY_DEFAULT:
            self._drop({(*self.here, f"no {line}")})
            return
        entry = ENTRY.fullmatch(line)
        others = [hit.groups() for each in self.lines if (hit := ENTRY.fullmatch(each[0]))]
        if entry and entry.groups() in others:
            raise Refused(f"{line}: FRR passes over an entry that is there already")
        if clause := CLAUSE.fullmatch(line):
            clauses = {
                each
                for each in self.lines
                if each[0] != line and (hit := CLAUSE.fullmatch(each[0])) and hit.groups() == clause.groups()
            }
            self._drop(clauses)
        if line.startswith("router bgp") and any(
            each[0].startswith("router bgp") and each[0] != line for each in self.lines
        ):
            raise Refused(f"{line}: BGP is already running")
        if line.startswith("neighbor"):
            self._know(line)
        if single := SINGLE.match(line):
            self._drop(
                {each for each in self._beside() if each[-1].startswith(f"{single[0]} ")} | self._exactly(single[0])
            )
        if line in DEFAULTS:
            return
        self.lines[path] = None
        self.here = path if BLOCK.fullmatch(line) else self.here

    def _know(self, line: str) -> None:
        """Who a neighbour is comes before the rest, and is said once."""
        name = line.split()[1]
        said = [
            hit
            for each in self.lines
            if each[0] == self.here[0] and (hit := WHO.fullmatch(each[-1])) and hit[1] == name
        ]
        who = WHO.fullmatch(line) if len(self.here) == 1 else None
        if who is None and not said:
            raise Refused(f"{line}: Specify remote-as or peer-group commands first")
        if who and any(hit[2] == who[2] and hit[0] != line for hit in said):
            raise Refused(f"{line}: it is {[hit[0] for hit in said]}")
        if who and who[2] != "remote-as" and who[3]:
            group = who[3].split()[-1] if "peer-group" in line else ""
            if group and (self.here[0], f"neighbor {group} peer-group") not in self.lines:
                raise Refused(f"{line}: Configure the peer-group first")

    def _remove(self, line: str) -> None:
        if line.startswith("neighbor ") and len(line.split()) == 2:
            self._forget(line.split()[1])
            return
        if BLOCK.fullmatch(line) and line.startswith(("interface", "address-family", "vrf")):
            raise Refused(f"no {line}: Only inactive ones can be deleted")
        doomed = self._exactly(line)
        if line.endswith("description"):
            doomed = {each for each in self._beside() if each[-1].startswith(f"{line} ")}
        if not doomed:
            raise Refused(f"no {line}: it is not there")
        self._drop(doomed)

    def _forget(self, name: str) -> None:
        """Remove a neighbour with all that is said about it; a peer-group takes its members along."""
        instance = [each for each in self.lines if each[0] == self.here[0] and len(each) > 1]
        about = {each for each in instance if each[-1].split()[:2] == ["neighbor", name]}
        if not about:
            raise Refused(f"no neighbor {name}: there is none")
        members = {each[-1].split()[1] for each in instance if each[-1].endswith(f" peer-group {name}")}
        self._drop(about)
        for each in members:
            self._forget(each)

    def _beside(self) -> list[Path]:
        return [each for each in self.lines if each[:-1] == self.here]

    def _exactly(self, line: str) -> set[Path]:
        return {each for each in self._beside() if each[-1] == line}

    def _drop(self, doomed: set[Path]) -> None:
        for each in list(self.lines):
            if any(each[:depth] in doomed for depth in range(1, len(each) + 1)):
                del self.lines[each]
