"""HTTP/1.1 as far as it is decided, not done: what is sent, where it goes, and how the end of an answer is known
(RFC 9112)."""

import re
from urllib.parse import urlsplit

from msgspec import Struct

from gateway.upstream.model import Call, Failed, Headers, Trouble

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
PATH = re.compile(rb"/[\x21-\x7e]*")
HOST = re.compile(r"[0-9A-Za-z._:%-]+")
FRAMING = frozenset(
    {b"connection", b"content-length", b"host", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
"""Headers that are the sender's own."""
METHODS = (b"GET", b"POST", b"PUT", b"PATCH", b"DELETE")
"""Those whose answers have bodies by the same rules; HEAD and CONNECT have others."""
KEPT = re.compile(rb"\btimeout\s*=\s*(\d{1,6})")


class Where(Struct, frozen=True):
    """A server, and the path that all calls to it begin with."""

    host: str
    port: int
    tls: bool
    authority: bytes
    path: bytes


def where(url: str) -> Where:
    """What a URL means; ValueError where it is no server's."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{url!r} is no URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(f"{url!r} is not http://HOST:PORT or https://HOST:PORT, with a path at most")
    path = parts.path.rstrip("/").encode()
    if path and not PATH.fullmatch(path):
        raise ValueError(f"{url!r} has a path that cannot be sent")
    tls = parts.scheme == "https"
    host = _ascii(parts.hostname, url)
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port is None else f"{shown}:{port}"
    return Where(host, port or (443 if tls else 80), tls, authority.encode(), path)


def _ascii(host: str, url: str) -> str:
    """A host's name as it is resolved and sent; ValueError where it cannot be either."""
    try:
        found = host.encode("idna").decode() if not host.isascii() else host
    except UnicodeError as error:
        raise ValueError(f"{url!r} has no host that can be named: {error}") from None
    if not HOST.fullmatch(found):
        raise ValueError(f"{url!r} has no host that can be named")
    return found


def head(call: Call, to: Where) -> bytes:
    """The head of a call. ValueError where a part of it would not be read as it is meant."""
    if not PATH.fullmatch(call.path) or call.method not in METHODS:
        raise ValueError(f"{call.method!r} {call.path!r} cannot be sent")
    lines = [b"%b %b%b HTTP/1.1" % (call.method, to.path, call.path), b"host: " + to.authority]
    for name, value in call.headers:
        if name not in FRAMING:
            if not TOKEN.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a header")
            lines.append(name + b": " + value)
    if call.body or call.method not in (b"GET", b"DELETE"):
        lines.append(b"content-length: %d" % len(call.body))
    text = b"\r\n".join(lines)
    if text.count(b"\n") != len(lines) - 1 or text.count(b"\r") != len(lines) - 1 or b"\0" in text:
        raise ValueError("a header's value has CR, LF or NUL in it")
    return text + b"\r\n\r\n"


def ends_by_closing(status: int, headers: Headers) -> bool:
    """Whether an answer's end is the connection's, for nothing else tells it. Raises Failed where two things tell it,
    or one in a way that is not known: who reads it otherwise would take another end for it."""
    coded = [value for name, value in headers if name == b"transfer-encoding"]
    sized = [value for name, value in headers if name == b"content-length"]
    if (coded and sized) or len(coded) > 1 or len(sized) > 1:
        raise Failed(Trouble.GARBLED, "two headers tell where the answer ends")
    if coded and coded[0].strip().lower() != b"chunked":
        raise Failed(Trouble.GARBLED, f"its transfer-encoding is {coded[0]!r}")
    return not coded and not sized and status not in (204, 304)


def kept_for(headers: Headers, most: float) -> float:
    """Seconds for which a connection may be kept: a little less than its server says, where it says so."""
    for name, value in headers:
        if name == b"keep-alive" and (found := KEPT.search(value)):
            return min(most, max(int(found[1]) - 1.0, 0.0))
    return most
