"""How many tokens an answer says it used, whichever of OpenAI's shapes it has."""

import re

import msgspec
from msgspec import Struct

from gateway.core.model import Tokens


class _Usage(Struct, frozen=True):
    """As chat, completions and embeddings tell it, or as responses do."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class _Inner(Struct, frozen=True):
    usage: _Usage | None = None


class _Told(Struct, frozen=True):
    usage: _Usage | None = None
    response: _Inner | None = None


COUNTS = re.compile(rb'"(prompt|completion|input|output)_tokens"\s*:\s*(\d+)')
_decode = msgspec.json.Decoder(_Told).decode


def used(body: bytes) -> Tokens | None:
    """The tokens that a JSON body tells of; None where it tells of none, or is no such thing."""
    try:
        told = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    usage = told.usage or (told.response.usage if told.response else None)
    if usage is None:
        return None
    return Tokens(usage.prompt_tokens or usage.input_tokens or 0, usage.completion_tokens or usage.output_tokens or 0)


def used_at_end(tail: bytes) -> Tokens | None:
    """The tokens that the end of a long body tells of, where servers put them."""
    at = tail.rfind(b'"usage"')
    counts = {name: int(count) for name, count in COUNTS.findall(tail[at:])} if at >= 0 else {}
    if not counts:
        return None
    return Tokens(counts.get(b"prompt", counts.get(b"input", 0)), counts.get(b"completion", counts.get(b"output", 0)))
