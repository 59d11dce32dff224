"""OpenAI's shapes of what the simulator says: whole, and as events of a stream."""

from collections.abc import Iterator
from typing import Any

import msgspec

from gateway.sim.running import Ask

FINGERPRINT = "closlab-sim"
"""What every answer says that it is from."""
DONE = b"data: [DONE]\n\n"


def event(value: object, name: str = "") -> bytes:
    """One event of a stream."""
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + msgspec.json.encode(value) + b"\n\n"


def usage(ask: Ask, got: int) -> dict[str, Any]:
    """What was used so far."""
    details = {"cached_tokens": ask.sequence.cached}
    return {
        "prompt_tokens": ask.prompt,
        "completion_tokens": got,
        "total_tokens": ask.prompt + got,
        "prompt_tokens_details": details,
    }


class Chat:
    """Of /v1/chat/completions."""

    kind, chunk = "chat.completion", "chat.completion.chunk"

    def __init__(self, model: str, number: int, created: int) -> None:
        self._base = {"id": f"{self.prefix}-{number}", "created": created, "model": model}
        self._base["system_fingerprint"] = FINGERPRINT

    prefix = "chatcmpl"

    def whole(self, ask: Ask, text: str, got: int, finish: str) -> dict[str, Any]:
        """The answer."""
        choice = {"index": 0, "finish_reason": finish, "logprobs": None, **self._said(text)}
        return {**self._base, "object": self.kind, "choices": [choice], "usage": usage(ask, got)}

    def first(self) -> Iterator[bytes]:
        """What a stream begins with."""
        yield self._event({"role": "assistant", "content": ""})

    def piece(self, text: str, _number: int) -> bytes:
        """A token."""
        return self._event({"content": text})

    def last(self, ask: Ask, _text: str, got: int, finish: str, *, tell: bool) -> Iterator[bytes]:
        """What it ends with; `tell` of what was used."""
        yield self._event({}, finish)
        if tell:
            yield event({**self._base, "object": self.chunk, "choices": [], "usage": usage(ask, got)})
        yield DONE

    def _said(self, text: str) -> dict[str, Any]:
        return {"message": {"role": "assistant", "content": text, "refusal": None}}

    def _event(self, delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return event({**self._base, "object": self.chunk, "choices": [choice]})


class Completion(Chat):
    """Of /v1/completions."""

    kind = chunk = "text_completion"
    prefix = "cmpl"

    def first(self) -> Iterator[bytes]:
        """Nothing."""
        return iter(())

    def _said(self, text: str) -> dict[str, Any]:
        return {"text": text}

    def _event(self, delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "text": delta.get("content", ""), "finish_reason": finish, "logprobs": None}
        return event({**self._base, "object": self.chunk, "choices": [choice]})


class Response:
    """Of /v1/responses."""

    def __init__(self, model: str, number: int, created: int) -> None:
        self._number, self._count = number, 0
        self._base = {"id": f"resp-{number}", "object": "response", "created_at": created, "model": model}
        self._base |= {"error": None, "incomplete_details": None, "instructions": None, "metadata": {}}
        self._base |= {
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
        }
        self._item = f"msg-{number}"

    def whole(self, ask: Ask, text: str, got: int, finish: str) -> dict[str, Any]:
        """The answer."""
        details = None if finish == "stop" else {"reason": "max_output_tokens"}
        return {
            **self._base,
            "status": "completed" if finish == "stop" else "incomplete",
            "incomplete_details": details,
            "output": [self._message(text, "completed")],
            "usage": {
                "input_tokens": ask.prompt,
                "input_tokens_details": {"cached_tokens": ask.sequence.cached},
                "output_tokens": got,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": ask.prompt + got,
            },
        }

    def first(self) -> Iterator[bytes]:
        """What a stream begins with."""
        begun = {**self._base, "status": "in_progress", "output": [], "usage": None}
        yield self._event("response.created", response=begun)
        yield self._event("response.in_progress", response=begun)
        yield self._event("response.output_item.added", output_index=0, item=self._message(None, "in_progress"))
        yield self._event("response.content_part.added", **self._place(), part=_part(""))

    def piece(self, text: str, _number: int) -> bytes:
        """A token."""
        return self._event("response.output_text.delta", **self._place(), delta=text, logprobs=[])

    def last(self, ask: Ask, text: str, got: int, finish: str, *, tell: bool) -> Iterator[bytes]:
        """What it ends with."""
        del tell  # it always does
        yield self._event("response.output_text.done", **self._place(), text=text, logprobs=[])
        yield self._event("response.content_part.done", **self._place(), part=_part(text))
        yield self._event("response.output_item.done", output_index=0, item=self._message(text, "completed"))
        whole = self.whole(ask, text, got, finish)
        yield self._event(f"response.{whole['status']}", response=whole)

    def _place(self) -> dict[str, Any]:
        return {"item_id": self._item, "output_index": 0, "content_index": 0}

    def _message(self, text: str | None, status: str) -> dict[str, Any]:
        content = [] if text is None else [_part(text)]
        return {"id": self._item, "type": "message", "role": "assistant", "status": status, "content": content}

    def _event(self, name: str, **value: object) -> bytes:
        self._count += 1
        return event({"type": name, "sequence_number": self._count - 1, **value}, name)


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
