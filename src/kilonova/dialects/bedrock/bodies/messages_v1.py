"""The body `messages-v1`: Converse's shapes with settings of its own. Kilonova's models speak it.

Shapes: the user guide's "Complete request schema" of Amazon Nova.
"""

from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct, field

from kilonova.core.events import ChatAnswer, ChatEvent
from kilonova.core.model import Model
from kilonova.core.usage import Usage
from kilonova.dialects.bedrock.bodies.reading import NO, parser
from kilonova.dialects.bedrock.decode import decode_converse
from kilonova.dialects.bedrock.encode import ConverseEvents, encode_message, stop_reason
from kilonova.dialects.bedrock.schema import (
    Converse,
    InferenceConfig,
    SystemBlock,
    ToolConfig,
    Turn,
)
from kilonova.dialects.wire.native import About, Family, NativeRequest
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal

__all__ = ["MessagesBody", "messages_v1"]


class MessagesConfig(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_new_tokens: Annotated[int, Meta(ge=1)] | None = field(name="max_new_tokens", default=None)
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=1)] | None = None
    stop_sequences: tuple[Annotated[str, Meta(min_length=1)], ...] | None = None
    reasoning_config: Raw = NO


class MessagesBody(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    schema_version: Literal["messages-v1"] | None = None
    messages: tuple[Turn, ...]
    system: tuple[SystemBlock, ...] | None = None
    inference_config: MessagesConfig | None = None
    tool_config: ToolConfig | None = None


_NO_CONFIG = MessagesConfig()
_EVENTS = (
    "messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop",
)  # fmt: skip
_OPENINGS = {name: b'{"%b":' % name.encode() for name in _EVENTS}


def messages_v1(seal: ReasoningSeal) -> Family:
    """The family; thoughts are signed with the seal."""

    def decode(body: MessagesBody, model: Model, _streams: bool | None) -> NativeRequest:
        decoded = decode_converse(_converse(body), model, seal)
        # Converse carries two of the settings among those that it does not know itself.
        ignored = [
            name.replace("additionalModelRequestFields", "inferenceConfig")
            for name in decoded.ignored
        ]
        return NativeRequest(decoded.request, partial(_MessagesWriter, seal), tuple(ignored))

    return Family(
        example='{"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}',
        parse=parser(MessagesBody),
        decode=decode,
    )


def _converse(body: MessagesBody) -> Converse:
    config = body.inference_config or _NO_CONFIG
    more = Raw()
    if config.top_k is not None or config.reasoning_config != NO:
        fields = {"topK": config.top_k, "reasoningConfig": config.reasoning_config}
        more = Raw(msgspec.json.encode(fields))
    return Converse(
        messages=body.messages,
        system=body.system,
        tool_config=body.tool_config,
        inference_config=InferenceConfig(
            max_tokens=config.max_tokens or config.max_new_tokens,
            temperature=config.temperature,
            top_p=config.top_p,
            stop_sequences=config.stop_sequences,
        ),
        additional_model_request_fields=more,
    )


class _MessagesWriter:
    """Converse's answers, and its events, each as one JSON object named after itself."""

    def __init__(self, seal: ReasoningSeal, _about: About) -> None:
        self._seal = seal
        self._events = ConverseEvents(seal)

    def whole(self, answer: ChatAnswer) -> bytes:
        (choice,) = answer.choices
        return msgspec.json.encode(
            {
                "output": {"message": encode_message(choice, self._seal)},
                "stopReason": stop_reason(choice),
                "usage": _usage(answer.usage),
            }
        )

    def chunks(self, event: ChatEvent) -> list[bytes]:
        return [_OPENINGS[name] + body + b"}" for name, body in self._events.encode(event)]

    def last(self, usage: Usage, metrics: dict[str, int]) -> list[bytes]:
        metadata = {"usage": _usage(usage), "metrics": {}, "trace": {}}
        document = {"metadata": metadata, "amazon-bedrock-invocationMetrics": metrics}
        return [msgspec.json.encode(document)]


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.total_tokens,
        "cacheReadInputTokenCount": usage.cache_read_tokens,
        "cacheWriteInputTokenCount": usage.cache_write_tokens,
    }
