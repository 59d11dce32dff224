"""What the simulator is asked: the fields that it heeds, and what it says of those that are wrong. Others are ignored,
as vLLM does."""

from base64 import b64encode
from struct import pack
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from gateway.sim.text import tokens, vector
from gateway.wrong import Wrong

T = TypeVar("T")
Count: TypeAlias = Annotated[int, Meta(ge=1)] | None
MOST = 256
"""Tokens of an answer to a request that sets no bound."""


class StreamOptions(Struct, frozen=True):
    """How a stream ends."""

    include_usage: bool = False


class Part(Struct, frozen=True):
    """A part of a message; only text is heeded."""

    text: str = ""


class Message(Struct, frozen=True):
    """What somebody said."""

    role: str = "user"
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """All of it that is text."""
        content = self.content
        said = "".join(part.text for part in content) if isinstance(content, list) else content or ""
        return f"{self.role}: {said}\n"


class Asked(Struct, frozen=True):
    """Of any kind of request for text."""

    model: str
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=1)] | None = None
    stop: str | list[str] | None = None
    max_tokens: Count = None
    max_completion_tokens: Count = None
    max_output_tokens: Count = None
    messages: list[Message] = []
    prompt: str | list[str | int] | None = None
    input: str | list[Message] | None = None

    @property
    def text(self) -> str:
        """The whole prompt."""
        said = self.messages or self.prompt or self.input or ""
        if isinstance(said, str):
            return said
        return "".join(each.text if isinstance(each, Message) else f"{each} " for each in said)

    @property
    def most(self) -> int:
        """The most tokens of the answer."""
        return self.max_completion_tokens or self.max_tokens or self.max_output_tokens or MOST

    @property
    def stops(self) -> tuple[str, ...]:
        """What the answer ends before."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())


class Embed(Struct, frozen=True):
    """Of /v1/embeddings."""

    model: str
    input: str | list[str]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int, Meta(ge=1, le=4096)] = 64


def read(body: bytes, kind: type[T]) -> T:
    """A body as that kind of request; Wrong, with the field to blame."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `")
        raise Wrong(400, "BadRequestError", what, param=place.removesuffix("`").removeprefix("$.") or None) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Wrong(400, "BadRequestError", f"the body is not JSON: {error}") from None


def embedded(asked: Embed) -> dict[str, Any]:
    """The answer to a request for embeddings."""
    texts = [asked.input] if isinstance(asked.input, str) else asked.input
    vectors = [vector(each, asked.dimensions) for each in texts]
    packed = asked.encoding_format == "base64"
    data = [
        {"object": "embedding", "index": at, "embedding": _packed(each) if packed else each}
        for at, each in enumerate(vectors)
    ]
    used = sum(len(tokens(each)) for each in texts)
    return {
        "object": "list",
        "model": asked.model,
        "data": data,
        "usage": {"prompt_tokens": used, "total_tokens": used},
    }


def _packed(numbers: list[float]) -> str:
    """As 32-bit floats, the lowest byte first, in base64."""
    return b64encode(pack(f"<{len(numbers)}f", *numbers)).decode()
