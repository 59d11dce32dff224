"""Talking to the server: HTTPS with the one authority that the switch's maker put into it, and no other.

The device's headers have SONiC's names, so that a server for those takes us, and the other way round.
"""

import http.client
import json
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from urllib.parse import urlsplit

from automation.ztp.agent.model import Identity, Moved, Ruling
from automation.ztp.bundle import MOST_BYTES
from automation.ztp.states import PROGRESS
from automation.ztp.trouble import Refusal, Trouble

TIMEOUT = 10  # seconds for one answer
CLOCK = (9, 10)  # OpenSSL's numbers for certificates that are not valid yet, and not any more


def headers(identity: Identity) -> dict[str, str]:
    """Who asks."""
    return {
        "User-Agent": "closlab-ZTP/1",
        "PRODUCT-NAME": identity.model,
        "SERIAL-NUMBER": identity.serial,
        "BASE-MAC-ADDRESS": identity.mac,
        "SOFTWARE-VERSION": identity.version,
        "Content-Type": "application/json",
    }


class Https:
    """A server by the address that DHCP gave. The connection is kept between questions."""

    def __init__(self, url: str, authority: str, clock: Callable[[], float]) -> None:
        parts = urlsplit(url)
        self._host, self._path = parts.netloc, parts.path.rstrip("/")
        self._authority, self._clock = authority, clock
        self._connection: http.client.HTTPSConnection | None = None

    def bootstrap(self, identity: Identity, nonce: str) -> bytes:
        """The answer to a request for a bundle; Refusal where somebody has to allow it first."""
        status, body = self._post("/bootstrap", {"nonce": nonce}, identity)
        if status == 403:
            raise Refusal(_reason(body))
        if status != 200:
            raise Trouble(f"{self._host} answers with {status}: {_reason(body)}")
        return body

    def report(self, identity: Identity, moves: Sequence[Moved]) -> frozenset[str]:
        """Tell of moves; returns the nodes that are not to be waited for."""
        told = [{**asdict(move), "type": PROGRESS[move.state]} for move in moves]
        status, body = self._post("/progress", {"moves": told}, identity)
        if status != 200:
            raise Trouble(f"{self._host} answers with {status}: {_reason(body)}")
        try:
            return frozenset(map(str, json.loads(body)["absent"]))
        except (ValueError, TypeError, KeyError) as error:
            raise Trouble(f"{self._host} answers what cannot be read: {error!r}") from error

    def ruling(self, identity: Identity, life: str, number: int) -> Ruling | None:
        """Whether the change that waits since that move may be kept; the server holds its answer back for a while."""
        status, body = self._post("/ruling", {"life": life, "number": number}, identity)
        if status != 200:
            raise Trouble(f"{self._host} answers with {status}: {_reason(body)}")
        try:
            told = json.loads(body)
            return None if told["keep"] is None else Ruling(bool(told["keep"]), str(told["why"]))
        except (ValueError, TypeError, KeyError) as error:
            raise Trouble(f"{self._host} answers what cannot be read: {error!r}") from error

    def close(self) -> None:
        """Hang up; the next question connects again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, path: str, content: Mapping[str, object], identity: Identity) -> tuple[int, bytes]:
        """One question, over a new connection where the former one was closed meanwhile."""
        kept = self._connection is not None
        try:
            return self._try(path, json.dumps(content), headers(identity))
        except (http.client.RemoteDisconnected, ConnectionError) as error:
            self.close()
            if not kept:
                raise Trouble(self._words(error)) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise Trouble(self._words(error)) from error
        return self._post(path, content, identity)

    def _try(self, path: str, body: str, head: Mapping[str, str]) -> tuple[int, bytes]:
        if self._connection is None:
            trusted = ssl.create_default_context(cafile=self._authority)
            trusted.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python does from 3.13 on: RFC 5280 to the letter
            self._connection = http.client.HTTPSConnection(self._host, timeout=TIMEOUT, context=trusted)
        self._connection.request("POST", self._path + path, body, dict(head))
        response = self._connection.getresponse()
        answer = response.read(MOST_BYTES + 1)
        if len(answer) > MOST_BYTES:
            raise ValueError(f"the answer is longer than {MOST_BYTES} bytes")
        if response.length:
            raise http.client.IncompleteRead(answer, response.length)
        return response.status, answer

    def _words(self, error: Exception) -> str:
        if isinstance(error, ssl.SSLCertVerificationError):
            clock = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds")
            hint = f"; this switch's clock says {clock}" if error.verify_code in CLOCK else ""
            return f"{self._host} is not to be trusted: {error.verify_message}{hint}"
        if isinstance(error, http.client.IncompleteRead):
            return f"{self._host} ended its answer half-way: {error}"
        return f"{self._host} cannot be asked: {getattr(error, 'strerror', None) or error}"


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body)["reason"])
    except (ValueError, TypeError, KeyError):
        return body[:200].decode(errors="replace") or "it said nothing"
