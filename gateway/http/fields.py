"""The few fields of a request that decide; all others pass as they are."""

from collections.abc import Mapping
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Raw, Struct

from gateway.wrong import Wrong

Count: TypeAlias = Annotated[int, Meta(ge=1)] | None


class Fields(Struct, frozen=True):
    """Of any request: the model, and what says how its answer comes and how long it may be."""

    model: str
    stream: bool | None = None
    max_tokens: Count = None
    max_completion_tokens: Count = None
    max_output_tokens: Count = None
    n: Count = None
    messages: Raw = Raw()
    prompt: Raw = Raw()
    input: Raw = Raw()

    @property
    def answer(self) -> int:
        """The most tokens that its answer may have; 0 where it does not say."""
        most = self.max_completion_tokens or self.max_tokens or self.max_output_tokens or 0
        return most * (self.n or 1)

    @property
    def asked(self) -> Raw:
        """What the model is asked."""
        return self.messages or self.prompt or self.input


KINDS: Mapping[str, tuple[str, str]] = {
    "/v1/chat/completions": ("chat", "messages"),
    "/v1/completions": ("completions", "prompt"),
    "/v1/responses": ("responses", "input"),
    "/v1/embeddings": ("embeddings", "input"),
}
"""What is asked by its path, and the field that no request of its kind can be without."""
_decode = msgspec.json.Decoder(Fields).decode
_NAME = "$."


def read(body: bytes, needed: str) -> Fields:
    """The fields of a body. Raises Wrong, with the field that is to blame."""
    try:
        fields = _decode(body)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `")
        param = place.removesuffix("`").removeprefix(_NAME) or None
        if what == "Object missing required field `model`":
            raise _invalid("you must provide a model parameter", "model") from None
        raise _invalid(f"{what}{f' for {param}' if param else ''}", param) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _invalid(f"The body is not JSON: {error}", None) from None
    except RecursionError:
        raise _invalid("The body is nested too deep", None) from None
    if not getattr(fields, needed):
        raise _invalid(f"Missing required parameter: '{needed}'", needed)
    return fields


def named(body: bytes, model: str) -> bytes:
    """The body with another model's name; all other fields as they were."""
    fields = msgspec.json.decode(body, type=dict[str, Raw])
    fields["model"] = Raw(msgspec.json.encode(model))
    return msgspec.json.encode(fields)


def _invalid(what: str, param: str | None) -> Wrong:
    return Wrong(400, "invalid_request_error", what, param=param)
