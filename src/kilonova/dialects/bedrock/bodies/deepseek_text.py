"""The body `deepseek-text`: DeepSeek R1. Shapes: the user guide's page on DeepSeek, langchain-aws.

Its later models are talked to in messages: `chat-completions`.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct

from kilonova.core.chat import Sampling
from kilonova.core.model import Model
from kilonova.dialects.bedrock.bodies.raw_text import Piece, continuation, text_writer
from kilonova.dialects.bedrock.bodies.reading import parser
from kilonova.dialects.bedrock.bodies.stop_words import stop_word
from kilonova.dialects.wire.native import Family, NativeRequest

__all__ = ["DEEPSEEK_TEXT", "DeepSeekTextBody"]


class DeepSeekTextBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    prompt: Annotated[str, Meta(min_length=1)]
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop: Annotated[tuple[str, ...], Meta(max_length=10)] | None = None


def _decode(body: DeepSeekTextBody, model: Model, _streams: bool | None) -> NativeRequest:
    sampling = Sampling(
        temperature=body.temperature,
        top_p=body.top_p,
        stop=tuple(filter(None, body.stop or ())),
    )
    return continuation(model, body.prompt, sampling, writer=_WRITER, output_tokens=body.max_tokens)


def _encode(piece: Piece) -> dict[str, Any]:
    return {"choices": [{"text": piece.text, "stop_reason": stop_word(piece.reason)}]}


_WRITER = text_writer(whole=_encode, chunk=_encode)

DEEPSEEK_TEXT = Family(
    example='{"prompt": "Hello", "max_tokens": 64}',
    parse=parser(DeepSeekTextBody),
    decode=_decode,
)
