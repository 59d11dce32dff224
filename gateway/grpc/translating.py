"""Typed messages as the JSON that servers of models take, and their JSON as typed messages. Pure."""

from typing import Any

import msgspec
from msgspec import Struct

from gateway.core.model import Tokens
from gateway.wrong import Wrong


class _Said(Struct, frozen=True):
    content: str | None = None
    role: str = "assistant"


class _Choice(Struct, frozen=True):
    message: _Said = _Said()
    delta: _Said = _Said()
    finish_reason: str | None = None


class _Usage(Struct, frozen=True):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Chat(Struct, frozen=True):
    """An answer, or a chunk of one."""

    id: str = ""
    model: str = ""
    choices: tuple[_Choice, ...] = ()
    usage: _Usage | None = None
    error: dict[str, Any] | None = None

    @property
    def choice(self) -> _Choice:
        """The one that there is, or an empty one."""
        return self.choices[0] if self.choices else _Choice()


class _Vector(Struct, frozen=True):
    embedding: list[float]
    index: int = 0


class Vectors(Struct, frozen=True):
    """Embeddings."""

    model: str = ""
    data: tuple[_Vector, ...] = ()
    usage: _Usage | None = None


class _Error(Struct, frozen=True):
    message: str = ""


class Failure(Struct, frozen=True):
    """What a server says is wrong."""

    error: _Error = _Error()


OPTIONS = ("max_tokens", "temperature", "top_p", "seed")


def chat(asked: Any, model: str, *, stream: bool) -> bytes:
    """A ChatRequest as JSON, for a model by the name that its server knows. What it names itself goes before `more`."""
    from google.protobuf.json_format import MessageToDict

    body = {name: _whole(value) for name, value in MessageToDict(asked.more).items()}
    body |= {name: getattr(asked, name) for name in OPTIONS if asked.HasField(name)}
    if asked.stop:
        body["stop"] = list(asked.stop)
    body["model"] = model
    body["messages"] = [{"role": each.role or "user", "content": each.content} for each in asked.messages]
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return msgspec.json.encode(body)


def embed(asked: Any, model: str) -> bytes:
    """An EmbedRequest as JSON."""
    body: dict[str, Any] = {"model": model, "input": list(asked.input), "encoding_format": "float"}
    if asked.HasField("dimensions"):
        body["dimensions"] = asked.dimensions
    return msgspec.json.encode(body)


def text(asked: Any) -> int:
    """Bytes of what is asked."""
    return sum(len(each.content) for each in asked.messages)


def tokens(usage: _Usage | None) -> Tokens | None:
    """What an answer says that it used."""
    return None if usage is None else Tokens(usage.prompt_tokens, usage.completion_tokens)


def refused(asked: Any) -> None:
    """Wrong for a ChatRequest without anything to answer, as the HTTP edge has it."""
    if not asked.messages:
        raise Wrong(400, "invalid_request_error", "Missing required parameter: 'messages'", param="messages")


def _whole(value: Any) -> Any:
    """Struct has only floats; a whole number is meant as one."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return {name: _whole(each) for name, each in value.items()} if isinstance(value, dict) else value
