"""The native body `messages-v1`: Converse's shapes with settings of its own."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct, field
from msgspec.structs import replace

from kilonova.core.errors import InvalidRequest
from kilonova.core.events import ChatAnswer, ChatEvent
from kilonova.core.model import Model
from kilonova.core.usage import Usage
from kilonova.dialects.bedrock.body import decode_text
from kilonova.dialects.bedrock.decode import Decoded, decode_converse
from kilonova.dialects.bedrock.encode import ConverseEvents, encode_message, stop_reason
from kilonova.dialects.bedrock.native import About, Family
from kilonova.dialects.bedrock.schema import (
    Converse,
    InferenceConfig,
    SystemBlock,
    ToolConfig,
    Turn,
)

__all__ = ["MESSAGES", "MessagesEvents"]


class _Settings(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    max_new_tokens: Annotated[int, Meta(ge=1)] | None = field(name="max_new_tokens", default=None)
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=1)] | None = None
    stop_sequences: tuple[Annotated[str, Meta(min_length=1)], ...] | None = None
    reasoning_config: Raw = Raw()


class _Body(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    schema_version: Literal["messages-v1"] | None = None
    messages: tuple[Turn, ...] | None = None
    system: tuple[SystemBlock, ...] | None = None
    inference_config: _Settings | None = None
    tool_config: ToolConfig | None = None


_decoder = msgspec.json.Decoder(_Body)


def _decode(body: bytes, model: Model, _streams: bool | None) -> Decoded:
    try:
        wire = decode_text(_decoder, body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(
            f"Malformed input request: {error}, please reformat your input and try again.",
            param="body",
        ) from None
    settings = wire.inference_config or _Settings()
    decoded = decode_converse(_converse(wire, settings), model)
    sampling = replace(decoded.request.sampling, top_k=settings.top_k)
    ignored = ("inferenceConfig.reasoningConfig",) if settings.reasoning_config else ()
    return Decoded(replace(decoded.request, sampling=sampling), decoded.ignored + ignored)


def _encode(answer: ChatAnswer, _about: About) -> bytes:
    (choice,) = answer.choices
    return msgspec.json.encode(
        {
            "output": {"message": encode_message(choice)},
            "stopReason": stop_reason(choice),
            "usage": _usage(answer.usage),
        }
    )


class MessagesEvents:
    """Converse's events, each as one JSON object named after itself."""

    def __init__(self) -> None:
        self._events = ConverseEvents()

    def encode(self, event: ChatEvent) -> list[bytes]:
        """The chunks that one event amounts to."""
        return [b'{"%b":%b}' % (name.encode(), body) for name, body in self._events.encode(event)]

    def finish(self, usage: Usage, metrics: dict[str, Any]) -> bytes:
        """The last chunk, with AWS's metrics inside."""
        metadata = {"usage": _usage(usage), "metrics": {}, "trace": {}}
        return msgspec.json.encode(
            {"metadata": metadata, "amazon-bedrock-invocationMetrics": metrics}
        )


def _converse(wire: _Body, settings: _Settings) -> Converse:
    return Converse(
        messages=wire.messages,
        system=wire.system,
        tool_config=wire.tool_config,
        inference_config=InferenceConfig(
            max_tokens=settings.max_tokens or settings.max_new_tokens,
            temperature=settings.temperature,
            top_p=settings.top_p,
            stop_sequences=settings.stop_sequences,
        ),
    )


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.total_tokens,
        "cacheReadInputTokenCount": usage.cache_read_tokens,
        "cacheWriteInputTokenCount": usage.cache_write_tokens,
    }


# What Kilonova's own models speak.
MESSAGES = Family(_decode, _encode, lambda _: MessagesEvents())
