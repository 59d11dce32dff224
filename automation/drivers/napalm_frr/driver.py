"""FRRDriver: asks by its transport, and has the pure modules put the answers into NAPALM's shapes.

Not here, because FRR has nothing to feed them with: NTP, SNMP, probes, optics, firewall policies. They raise
NotImplementedError.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napalm.base import NetworkDriver, models
from napalm.base import constants as c
from napalm.base.exceptions import (
    CommandErrorException,
    CommitConfirmException,
    CommitError,
    ConnectionClosedException,
    ConnectionException,
    MergeConfigException,
    NapalmException,
    ReplaceConfigException,
)

from napalm_frr import bgp, bgp_config, changes, config, interfaces, linux, lldp, normal, probes, routes, system, tree
from napalm_frr.candidate import Candidate
from napalm_frr.commits import Commits
from napalm_frr.raising import in_napalms_words
from napalm_frr.transport import Target, Transport, connect

ZEBRA, BGPD = "zebra", "bgpd"
ALIVE_WITHIN = 5  # seconds; NAPALM asks whether a driver is alive also when Python throws it away
PROBE_SLACK = 10  # seconds that a ping or traceroute may take beyond its own waiting
PROBES, AT_ONCE = 3, 16  # of traceroute: a hop, and how many are under way side by side


class FRRDriver(NetworkDriver):
    """FRR on Linux: a node of a running lab (optional argument `lab`), or any router by SSH."""

    platform = "frr"

    def __init__(
        self,
        hostname: str,
        username: str,
        password: str,
        timeout: int = 60,
        optional_args: dict[str, Any] | None = None,
    ) -> None:
        self.hostname = hostname
        self.username = username
        self.password = password
        self.timeout = timeout
        self._options = dict(optional_args or {})
        self._device: Transport | None = None
        self._daemons: tuple[str, ...] = ()
        self._candidate: Candidate | None = None
        self._seen = ""  # what ran when it was last compared

    def _router(self) -> Transport:
        """The open way; ConnectionClosedException where there is none."""
        if self._device is None:
            raise ConnectionClosedException(f"{self.hostname}: not open")
        return self._device

    def open(self) -> None:
        """Connect, and note which daemons of FRR are there. Raises ConnectionException."""
        device = connect(Target(self.hostname, self.username, self.password, self.timeout, self._options))
        try:
            daemons = device.daemons()
        except CommandErrorException as error:
            device.close()
            raise ConnectionException(
                f"{self.hostname}: FRR does not answer, or does not run there: {error}"
            ) from error
        self._device = device
        self._daemons = tuple(daemons)

    def close(self) -> None:
        """Disconnect; fine when done twice. What was loaded is forgotten, what waits to be confirmed waits on."""
        self._candidate = None
        if self._device is not None:
            self._device.close()
            self._device = None

    def is_alive(self) -> models.AliveDict:
        """Whether every daemon that was there at `open` still answers."""
        return {"is_alive": self._device is not None and all(map(self._answers, self._daemons))}

    def _answers(self, daemon: str) -> bool:
        try:
            self._router().ask(daemon, "show version", timeout=min(self.timeout, ALIVE_WITHIN))
        except CommandErrorException:
            return False
        return True

    def cli(self, commands: list[str], encoding: str = "text") -> dict[str, str | dict[str, Any]]:
        """What vtysh prints for each command. Raises CommandErrorException where it does not know one."""
        if isinstance(commands, str):
            raise TypeError("cli takes a list of commands")
        if encoding != "text":
            raise NotImplementedError(
                f"encoding {encoding!r}: FRR prints text, and JSON where a command ends in `json`"
            )
        return {command: self._router().run(["vtysh", "-c", command]).stdout for command in commands}

    def get_facts(self) -> models.FactsDict:
        """Version, name, interfaces, and since when zebra runs; FRR has no serial number."""
        version = self._router().ask(ZEBRA, "show version")
        return system.facts(version, self._shell(system.AGE), list(self._interfaces()))

    def get_environment(self) -> models.EnvironmentDict:
        """Processors over half a second, and memory in bytes, as the router's kernel counts them."""
        return system.environment(self._shell(system.LOAD))

    def get_interfaces(self) -> dict[str, models.InterfaceDict]:
        """Interfaces of all VRFs; last_flapped is in seconds since the epoch, -1.0 where it never happened."""
        return interfaces.states(self._interfaces(), self._run("date", "+%z").strip())

    def get_interfaces_ip(self) -> dict[str, models.InterfacesIPDict]:
        """Addresses of all VRFs, link-local ones included."""
        return interfaces.addresses(self._interfaces())

    def get_interfaces_counters(self) -> dict[str, models.InterfaceCounterDict]:
        """Octets, errors and discards; -1 for packets by kind of address, which Linux does not count."""
        return interfaces.counters(self._run("ip", "-j", "-s", "link"))

    def get_network_instances(self, name: str = "") -> dict[str, models.NetworkInstanceDict]:
        """The VRFs with their interfaces; an unknown name gives an empty answer."""
        vrfs = self._router().ask(ZEBRA, "show vrf")
        found = interfaces.instances(self._interfaces(), vrfs, bgp_config.distinguishers(self._bgp_routers()))
        return {each: instance for each, instance in found.items() if name in ("", each)}

    def get_bgp_neighbors(self) -> dict[str, models.BGPStateNeighborsPerVRFDict]:
        """Sessions by VRF. Unnumbered ones are keyed by their interface, as in FRR's own configuration."""
        return bgp.neighbors(self._bgp_sessions())

    def get_bgp_neighbors_detail(self, neighbor_address: str = "") -> bgp.Details:  # type: ignore[override]  # NAPALM's annotation lacks a level
        """Sessions by VRF and ASN; -1 for what FRR does not count."""
        single = bgp_config.single_path(self._bgp_routers())
        return bgp.details(self._bgp_sessions(), single, neighbor_address)

    def get_bgp_config(self, group: str = "", neighbor: str = "") -> dict[str, models.BGPConfigGroupDict]:  # type: ignore[override]  # as above
        """Peer-groups and neighbours as configured; what a neighbour inherits is with its group."""
        return bgp_config.groups(self._bgp_routers(), group, neighbor)

    def get_route_to(  # type: ignore[override]  # as above
        self, destination: str = "", protocol: str = "", longer: bool = False
    ) -> dict[str, list[models.RouteDict]]:
        """Routes of the default VRF, one entry for each next hop. Raises ValueError for no address or prefix."""
        found = routes.parse(self._router().ask(ZEBRA, routes.question(destination, longer=longer)), protocol)
        answers = {prefix: self._router().ask(BGPD, routes.path_question(prefix)) for prefix in routes.of_bgp(found)}
        local = bgp_config.local_asn(self._bgp_routers())
        return routes.entries(found, routes.attributes(answers, local))

    def get_lldp_neighbors(self) -> dict[str, list[models.LLDPNeighborDict]]:
        """Neighbours by interface, as lldpd saw them."""
        return lldp.neighbors(self._run(*lldp.SHOW))

    def get_lldp_neighbors_detail(self, interface: str = "") -> models.LLDPNeighborsDetailDict:
        """All that neighbours say of themselves, on one interface or on all."""
        return lldp.details(self._run(*lldp.SHOW), interface)

    def get_arp_table(self, vrf: str = "") -> list[models.ARPTableDict]:
        """IPv4 neighbours with a MAC address, of one VRF or of all; `default` and `global` are the same."""
        wanted = interfaces.DEFAULT_VRF if vrf == bgp.GLOBAL else vrf
        return linux.arp_table(self._run("ip", "-j", "-s", "-4", "neigh"), self._interfaces(), wanted or "")

    def get_ipv6_neighbors_table(self) -> list[models.IPV6NeighborDict]:
        """IPv6 neighbours of all VRFs."""
        return linux.neighbors_table(self._run("ip", "-j", "-s", "-6", "neigh"))

    def get_mac_address_table(self) -> list[models.MACAdressTable]:
        """What the bridges have learnt and were told; the VLAN is 0 on a bridge without VLANs."""
        return linux.mac_address_table(self._run("bridge", "-j", "-s", "fdb", "show"))

    def get_vlans(self) -> dict[int, models.VlanDict]:  # type: ignore[override]  # NAPALM's annotation has the number as text
        """The VLANs of the bridges and their ports."""
        return linux.vlans(self._run("bridge", "-j", "vlan", "show"))

    def get_users(self) -> dict[str, models.UsersDict]:
        """Who can log in, with their SSH keys; level 15 may configure FRR. Password hashes are not handed out."""
        passwd = self._run("getent", "passwd")
        group = self._router().run(["getent", "group", linux.VTY_GROUP], check=False).stdout
        files = [linux.keys_file(home) for home in linux.homes(passwd).values()]
        keys = self._router().run(["grep", "-sH", "^[^#]", *files], check=False).stdout
        return linux.users(passwd, group, keys)

    def get_config(
        self, retrieve: str = "all", full: bool = False, sanitized: bool = False, format: str = "text"
    ) -> models.ConfigDict:
        """The running and the startup configuration; `full` changes nothing, for FRR shows no defaults."""
        if retrieve not in ("all", *config.STORES):
            raise ValueError(f"no configuration {retrieve!r}; there are all, {', '.join(config.STORES)}")
        if format != "text":
            raise NotImplementedError(f"format {format!r}: FRR's configuration is text")
        running = self._run("vtysh", "-c", config.RUNNING) if retrieve in ("all", "running") else ""
        startup = self._shell(config.STARTUP) if retrieve in ("all", "startup") else ""
        candidate = self._candidate_text() if retrieve in ("all", "candidate") else ""
        clean = config.sanitized if sanitized else str
        return {
            "running": clean(config.bare(running)),
            "startup": clean(config.bare(startup)),
            "candidate": clean(candidate),
        }

    def load_replace_candidate(self, filename: str | None = None, config: str | None = None) -> None:
        """Load a whole configuration; what was loaded before is forgotten."""
        text = _read(filename, config, ReplaceConfigException)
        self._candidate = Candidate(replaces=True, texts=(text,))

    def load_merge_candidate(self, filename: str | None = None, config: str | None = None) -> None:
        """Load lines that are to be added, and `no` lines for what is to go; to what was loaded before, if anything."""
        text = _read(filename, config, MergeConfigException)
        self._candidate = (self._candidate or Candidate()).merging(text)

    def compare_config(self) -> str:
        """What a commit would change: lines that go (-) and come (+), below the blocks that they are in."""
        if self._candidate is None:
            return ""
        self._seen = self._commits().running()
        running = normal.normal(self._seen)
        return changes.changes(running, self._candidate.over(running))

    def commit_config(self, message: str = "", revert_in: int | None = None) -> None:
        """Have the router run the candidate, and after a restart too; with `revert_in`, seconds, only if confirmed.

        Raises MergeConfigException or ReplaceConfigException with FRR's words where it does not take all of it, and
        then runs what it ran; CommitError where another change is under way or waits to be confirmed. Whatever comes of
        it, nothing is loaded afterwards.
        """
        if revert_in is not None and revert_in <= 0:
            raise CommitConfirmException(f"{self.hostname}: revert_in={revert_in}: it must be at least one second")
        if self._candidate is None:
            raise CommitError(f"{self.hostname}: nothing is loaded that could be committed")
        candidate, self._candidate = self._candidate, None
        seen, self._seen = self._seen, ""
        with in_napalms_words():
            self._commits().commit(candidate, message, revert_in, seen=seen)

    def confirm_commit(self) -> None:
        """Keep the commit that waits for it, whoever made it. Raises CommitConfirmException where none does."""
        with in_napalms_words():
            self._commits().confirm()

    def has_pending_commit(self) -> bool:
        """Whether a commit, whoever made it, waits on the router to be confirmed."""
        with in_napalms_words():
            pending = self._commits().change("pending")
        return pending is not None and pending.confirmable

    def discard_config(self) -> None:
        """Forget what was loaded; a commit that waits to be confirmed waits on."""
        self._candidate = None

    def rollback(self) -> None:
        """Take the commit back that waits to be confirmed, or else the last one. Raises CommitError for neither."""
        with in_napalms_words():
            self._commits().rollback()

    def ping(
        self,
        destination: str,
        source: str = c.PING_SOURCE,
        ttl: int = c.PING_TTL,
        timeout: int = c.PING_TIMEOUT,
        size: int = c.PING_SIZE,
        count: int = c.PING_COUNT,
        vrf: str = c.PING_VRF,
        source_interface: str = c.PING_SOURCE_INTERFACE,
    ) -> models.PingResultDict:
        """Ping from the router. Packets that nobody answers are packet loss, not an error."""
        words = probes.ping_words(destination, source or source_interface, ttl, timeout, size, count, vrf)
        return probes.ping_result(self._router().run(words, check=False, timeout=count + timeout + PROBE_SLACK))

    def traceroute(
        self,
        destination: str,
        source: str = c.TRACEROUTE_SOURCE,
        ttl: int = c.TRACEROUTE_TTL,
        timeout: int = c.TRACEROUTE_TIMEOUT,
        vrf: str = c.TRACEROUTE_VRF,
    ) -> models.TracerouteResultDict:
        """Trace the way from the router; hops are named by their addresses."""
        words = probes.traceroute_words(destination, source, ttl, timeout, vrf)
        wait = ttl * PROBES * timeout / AT_ONCE + PROBE_SLACK
        return probes.traceroute_result(self._router().run(words, check=False, timeout=wait))

    def _commits(self) -> Commits:
        return Commits(self._router(), self.hostname)

    def _candidate_text(self) -> str:
        if self._candidate is None:
            return ""
        return tree.text(self._candidate.over(normal.normal(self._commits().running())))

    def _interfaces(self) -> Mapping[str, interfaces.Interface]:
        return interfaces.parse(self._router().ask(ZEBRA, interfaces.SHOW))

    def _bgp_sessions(self) -> bgp.Vrfs:
        """None where bgpd was not there at `open`: then there is no BGP."""
        return bgp.parse(self._router().ask(BGPD, bgp.SHOW)) if BGPD in self._daemons else {}

    def _bgp_routers(self) -> Sequence[bgp_config.Router]:
        """The configured instances, as above."""
        return bgp_config.parse(self._router().ask(BGPD, config.RUNNING)) if BGPD in self._daemons else ()

    def _run(self, *argv: str) -> str:
        """What a program prints that must succeed."""
        return self._router().run(argv).stdout

    def _shell(self, script: str) -> str:
        return self._run("sh", "-c", script)


def _read(filename: str | None, text: str | None, error: type[NapalmException]) -> str:
    """What is to be loaded: a file where one is named, else the text."""
    if filename:
        try:
            return Path(filename).read_text()
        except OSError as failed:
            raise error(f"{filename}: {failed.strerror}") from failed
    if text is None:
        raise error("nothing to load: give filename or config")
    return text
