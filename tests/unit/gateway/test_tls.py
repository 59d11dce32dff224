"""TLS: from clients, who may have to show who they are, and to servers; each with an authority of its own."""

import ssl
from pathlib import Path

import aiohttp
import pytest
from certificates import authority
from listening import listening
from plain import CHAT, KEY, run
from scripted import says, scripted

from gateway.config.model import BackendPart, TimesPart, TlsPart
from gateway.errors import Mistake
from gateway.listening import listener, opened
from gateway.upstream.model import Call, Failed, Trouble

ASKED = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


def trusting(ca: str, *mine: str) -> ssl.SSLContext:
    """What a client needs to trust an authority, and to show who it is."""
    context = ssl.create_default_context(cafile=ca)
    if mine:
        context.load_cert_chain(*mine)
    return context


@pytest.mark.parametrize("asks_for_one", [False, True])
def test_clients_come_by_tls_and_show_a_certificate_where_they_must(tmp_path: Path, asks_for_one: bool) -> None:
    """One of another authority is as good as none."""

    async def work() -> None:
        ca = authority(tmp_path)
        mine, client = ca.issue("gateway"), ca.issue("client")
        tls = TlsPart(certificate=mine.certificate, key=mine.key, ca=ca.certificate if asks_for_one else "")
        headers = {"authorization": f"Bearer {KEY}"}
        async with listening(tls=tls) as it, aiohttp.ClientSession(headers=headers) as session:
            url = f"https://127.0.0.1:{it.port}/v1/chat/completions"
            shown = trusting(ca.certificate, client.certificate, client.key)
            async with session.post(url, json=ASKED, ssl=shown) as answer:
                assert await answer.read() == CHAT
            if asks_for_one:
                with pytest.raises(aiohttp.ClientError):
                    await session.post(url, json=ASKED, ssl=trusting(ca.certificate))
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.post(url, json=ASKED, ssl=ssl.create_default_context())

    run(work())


@pytest.mark.parametrize("client", ["http1", "aiohttp"])
def test_servers_are_asked_by_tls(tmp_path: Path, client: str) -> None:
    """They are trusted by the authority that is named, and by no other; they see who asks."""

    async def work() -> None:
        ca = authority(tmp_path)
        theirs, mine = ca.issue("server"), ca.issue("gateway")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(theirs.certificate, theirs.key)
        context.load_verify_locations(ca.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        async with scripted(says(OK), tls=context) as server:
            url = server.url.replace("http:", "https:")
            tls = TlsPart(ca=ca.certificate, certificate=mine.certificate, key=mine.key)
            known = opened(BackendPart(url=url, tls=tls, client=client), TimesPart())  # type: ignore[arg-type]
            answer = await known.ask(Call(b"/"))
            assert await answer.read() == b"hello"
            await known.close()

            stranger = opened(BackendPart(url=url, client=client), TimesPart())  # type: ignore[arg-type]
            with pytest.raises(Failed) as failed:
                await stranger.ask(Call(b"/"))
            assert failed.value.trouble is Trouble.UNREACHABLE
            await stranger.close()

    run(work())


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    """Before anything listens."""
    (tmp_path / "x.pem").write_text("nothing")
    for tls, said in (
        (TlsPart(certificate=str(tmp_path / "none.pem")), "none.pem"),
        (TlsPart(certificate=str(tmp_path / "x.pem")), "x.pem"),
        (TlsPart(key=str(tmp_path / "x.pem")), "without a certificate"),
    ):
        with pytest.raises(Mistake, match=said):
            listener(None, lambda: None, tls)  # type: ignore[arg-type, return-value]
    with pytest.raises(Mistake, match=r"x\.pem"):
        opened(BackendPart(url="https://h", tls=TlsPart(ca=str(tmp_path / "x.pem"))), TimesPart())
