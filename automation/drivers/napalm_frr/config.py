"""Configurations as text: without what vtysh says around them, and without secrets. Pure."""

import re

RUNNING = "show running-config"
STORES = ("running", "startup", "candidate")
REMOVED = "<removed>"
# The integrated file, unless vtysh.conf says that there is none (Debian's package puts one there that nobody reads);
# else those of the daemons, whose names all end alike; there are other files, as for support bundles.
STARTUP = """cd /etc/frr || exit 0
if [ -e frr.conf ] && ! grep -qs '^no service integrated-vtysh-config' vtysh.conf; then exec cat frr.conf; fi
for each in *.conf; do case $each in zebra.conf|[a-z]*d.conf) cat "$each" ;; esac; done"""
_AROUND = re.compile(r"\A.*?Current configuration:\n|^XFRR_\w+\n", re.DOTALL | re.MULTILINE)
_SECRET = re.compile(
    r"^(\s*(?:"
    r"neighbor \S+ password"
    r"|(?:enable )?password(?: 8)?"
    r"|key-string"
    r"|ip ospf (?:authentication-key|message-digest-key \d+ md5)"
    r"|area \S+ virtual-link \S+ (?:authentication-key|message-digest-key \d+ md5)"
    r"|ipv6 ospf6 authentication key-id \d+ hash-algo \S+ key"
    r"|(?:isis|area|domain)[ -]password (?:clear|md5)"
    r"|ip rip authentication string"
    r"|ip nhrp authentication"
    r")) \S.*$",
    re.MULTILINE,
)


def bare(text: str) -> str:
    """A configuration as a file would have it: without vtysh's heading, and the marks it sends around a file."""
    return _AROUND.sub("", text)


def sanitized(text: str) -> str:
    """A configuration with its passwords and keys masked."""
    return _SECRET.sub(rf"\1 {REMOVED}", text)
