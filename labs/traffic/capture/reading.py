"""A stream of either format as frames, and the place where it stops making sense. Pure."""

from collections.abc import Callable, Iterator
from typing import BinaryIO

from labs.traffic.capture import pcap, pcapng
from labs.traffic.capture.model import ETHERNET, LINKS, Broken, Captured, Damage
from labs.traffic.capture.source import Source
from topologies.errors import Mistake

FORMATS: dict[bytes, Callable[[Source, bytes], Iterator[Captured]]] = {
    **dict.fromkeys(pcap.MAGICS, pcap.frames),
    pcapng.MAGIC: pcapng.frames,
}
"""What reads a file that begins with these four bytes."""

MAGIC = 4


def read(stream: BinaryIO, name: str) -> Iterator[Captured | Damage]:
    """The frames in their order; where the stream is cut or damaged, last of all a Damage.

    Raises Mistake, with the stream's name, for what is no capture, or not one of Ethernet.
    """
    source, count = Source(stream, name), 0
    try:
        for each in _captured(source):
            count += 1
            yield each
    except Broken as broken:
        yield Damage(source.begun, count, str(broken))


def _captured(source: Source) -> Iterator[Captured]:
    magic = source.first(MAGIC)
    if magic not in FORMATS:
        raise Mistake(f"{source.name}: it is neither a pcap nor a pcapng file")
    for each in FORMATS[magic](source, magic):
        if each.link != ETHERNET:
            kind = LINKS.get(each.link, each.link)
            raise Mistake(f"{source.name}: its link type is {kind}; only Ethernet is understood")
        yield each
