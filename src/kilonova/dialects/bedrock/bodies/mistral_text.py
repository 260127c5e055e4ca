"""The body `mistral-text`: Mistral's text completion. Shapes: the user guide's page, langchain-aws.

Its models that are talked to in messages have the body `mistral-chat`.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct

from kilonova.core.chat import Sampling
from kilonova.core.model import Model
from kilonova.dialects.bedrock.bodies.raw_text import (
    OUTPUT_TOKENS_DEFAULT,
    Piece,
    continuation,
    text_writer,
)
from kilonova.dialects.bedrock.bodies.reading import parser
from kilonova.dialects.bedrock.bodies.stop_words import stop_word
from kilonova.dialects.wire.native import Family, NativeRequest

__all__ = ["MISTRAL_TEXT", "MistralTextBody"]


class MistralTextBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    prompt: Annotated[str, Meta(min_length=1)]
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    stop: Annotated[tuple[str, ...], Meta(max_length=10)] | None = None


def _decode(body: MistralTextBody, model: Model, _streams: bool | None) -> NativeRequest:
    sampling = Sampling(
        temperature=body.temperature,
        top_p=body.top_p,
        top_k=body.top_k or None,
        stop=tuple(filter(None, body.stop or ())),
    )
    output_tokens = body.max_tokens or min(OUTPUT_TOKENS_DEFAULT, model.output_tokens_max)
    return continuation(model, body.prompt, sampling, writer=_WRITER, output_tokens=output_tokens)


def _encode(piece: Piece) -> dict[str, Any]:
    return {"outputs": [{"text": piece.text, "stop_reason": stop_word(piece.reason)}]}


_WRITER = text_writer(whole=_encode, chunk=_encode)

MISTRAL_TEXT = Family(
    example='{"prompt": "<s>[INST] Hello [/INST]", "max_tokens": 64}',
    parse=parser(MistralTextBody),
    decode=_decode,
)
