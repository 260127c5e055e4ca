"""The body `llama`: Meta's models. Shapes: the user guide's page on them, langchain-aws."""

from typing import Annotated, Any

from msgspec import Meta, Raw, Struct

from kilonova.core.chat import Sampling
from kilonova.core.model import Model
from kilonova.dialects.bedrock.bodies.raw_text import (
    OUTPUT_TOKENS_DEFAULT,
    Piece,
    continuation,
    text_writer,
)
from kilonova.dialects.bedrock.bodies.reading import NO, parser, refuse
from kilonova.dialects.bedrock.bodies.stop_words import stop_word
from kilonova.dialects.wire.native import Family, NativeRequest

__all__ = ["LLAMA", "REFUSED", "LlamaBody"]

REFUSED = {"images": "a prompt is text alone; talk to a model that sees in messages"}


class LlamaBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    prompt: Annotated[str, Meta(min_length=1)]
    max_gen_len: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    images: Raw = NO


def _decode(body: LlamaBody, model: Model, _streams: bool | None) -> NativeRequest:
    refuse(body, REFUSED)
    return continuation(
        model,
        body.prompt,
        Sampling(temperature=body.temperature, top_p=body.top_p),
        writer=_WRITER,
        output_tokens=body.max_gen_len or min(OUTPUT_TOKENS_DEFAULT, model.output_tokens_max),
    )


def _encode(piece: Piece) -> dict[str, Any]:
    return {
        "generation": piece.text,
        "prompt_token_count": piece.prompt_tokens,
        "generation_token_count": piece.output_tokens,
        "stop_reason": stop_word(piece.reason),
    }


_WRITER = text_writer(whole=_encode, chunk=_encode)

LLAMA = Family(
    example='{"prompt": "Hello", "max_gen_len": 64}', parse=parser(LlamaBody), decode=_decode
)
