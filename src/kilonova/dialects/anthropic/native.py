"""Messages as a native body of clouds: the model and whether to stream stand in the path there."""

from collections.abc import Mapping
from functools import partial

import msgspec

from kilonova.core.events import ChatAnswer, ChatEvent, ChatFinished
from kilonova.core.model import Model
from kilonova.core.usage import Usage
from kilonova.dialects.anthropic.complaints import invalid
from kilonova.dialects.anthropic.decode import decode_messages, parse_messages
from kilonova.dialects.anthropic.encode import Head, encode_answer
from kilonova.dialects.anthropic.encode_stream import StreamEncoder
from kilonova.dialects.anthropic.schema import MessagesBody
from kilonova.dialects.wire.native import About, Family, NativeRequest
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal

__all__ = ["answer_head", "native_families"]


def native_families(seal: ReasoningSeal) -> Mapping[str, Family]:
    """The family that this dialect has the codec of, under its name in the catalogue."""

    def decode(body: MessagesBody, model: Model, _streams: bool | None) -> NativeRequest:
        for name in ("model", "stream"):
            if getattr(body, name) is not None:
                raise invalid(name, "Extra inputs are not permitted: the path says it")
        decoded = decode_messages(body, model, seal)
        return NativeRequest(decoded.request, partial(_Writer, seal, body), tuple(decoded.ignored))

    messages = Family(
        example=(
            '{"anthropic_version": "bedrock-2023-05-31", "max_tokens": 64, "messages": [{"role": '
            '"user", "content": "Hello"}]}'
        ),
        marker="anthropic_version",
        parse=parse_messages,
        decode=decode,
    )
    return {"anthropic-messages": messages}


def answer_head(body: MessagesBody, model: Model, request_id: str, *, seal: ReasoningSeal) -> Head:
    """What the answer to this body says about itself."""
    return Head(
        id=f"msg_{request_id.removeprefix('req_')}",
        model=model,
        max_tokens=body.max_tokens,
        seal=seal,
        shows_thinking=body.thinking is None or body.thinking.display != "omitted",
    )


class _Writer:
    def __init__(self, seal: ReasoningSeal, body: MessagesBody, about: About) -> None:
        self._head = answer_head(body, about.model, about.request_id, seal=seal)
        self._events = StreamEncoder(self._head)

    def whole(self, answer: ChatAnswer) -> bytes:
        return encode_answer(self._head, answer)

    def chunks(self, event: ChatEvent) -> list[bytes]:
        return [document for _, document in self._events.encode(event)]

    def last(self, usage: Usage, metrics: dict[str, int]) -> list[bytes]:
        *before, end = self.chunks(ChatFinished(usage))
        metered = b',"amazon-bedrock-invocationMetrics":' + msgspec.json.encode(metrics) + b"}"
        return [*before, end[:-1] + metered]
