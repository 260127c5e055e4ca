"""The body `titan-text`: Amazon Titan Text. Shapes: the user guide's page, langchain-aws.

The text is what a user says, not a prompt with a template of the caller's: Titan has none. In its
form for conversations, `User: …` and `Bot:` on lines of their own with `Bot:` at the end, each is a
turn, and what stands before the first is the system's.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

from kilonova.core.chat import ChatRequest, Message, Role, Sampling, TextPart
from kilonova.core.events import FinishReason
from kilonova.core.model import Model
from kilonova.dialects.bedrock.bodies.raw_text import OUTPUT_TOKENS_DEFAULT, Piece, text_writer
from kilonova.dialects.bedrock.bodies.reading import parser
from kilonova.dialects.wire.native import Family, NativeRequest

__all__ = ["TITAN_TEXT", "TitanTextBody"]

_SPEAKER = re.compile(r"^[ \t]*(User|Bot):", re.MULTILINE)
_ROLES: Mapping[str, Role] = {"User": "user", "Bot": "assistant"}
_REASONS: Mapping[FinishReason, str] = {
    "stop": "FINISH",
    "stop_sequence": "STOP_CRITERIA_MET",
    "length": "LENGTH",
    "tool_calls": "FINISH",
    "content_filter": "CONTENT_FILTERED",
}


class TextGenerationConfig(
    Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    max_token_count: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    stop_sequences: Annotated[tuple[str, ...], Meta(max_length=16)] | None = None


class TitanTextBody(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    input_text: Annotated[str, Meta(min_length=1)]
    text_generation_config: TextGenerationConfig | None = None


_NO_CONFIG = TextGenerationConfig()


def _decode(body: TitanTextBody, model: Model, _streams: bool | None) -> NativeRequest:
    config = body.text_generation_config or _NO_CONFIG
    default = min(OUTPUT_TOKENS_DEFAULT, model.output_tokens_max)
    request = ChatRequest(
        model=model.id,
        messages=_turns(body.input_text),
        sampling=Sampling(
            temperature=config.temperature,
            top_p=config.top_p,
            stop=tuple(filter(None, config.stop_sequences or ())),
        ),
        max_output_tokens=config.max_token_count or default,
    )
    return NativeRequest(request, _WRITER)


def _turns(text: str) -> tuple[Message, ...]:
    before, *spoken = _SPEAKER.split(text)
    if "User" not in spoken[::2] or spoken[-2] != "Bot" or spoken[-1].strip():
        return (Message("user", (TextPart(text),)),)
    turns: list[tuple[Role, str]] = [("system", before)]
    turns += [(_ROLES[name], said) for name, said in zip(spoken[::2], spoken[1::2], strict=True)]
    return tuple([Message(role, (TextPart(said.strip()),)) for role, said in turns if said.strip()])


def _whole(piece: Piece) -> dict[str, Any]:
    result = {
        "tokenCount": piece.output_tokens,
        "outputText": piece.text,
        "completionReason": _reason(piece),
    }
    return {"inputTextTokenCount": piece.prompt_tokens, "results": [result]}


def _chunk(piece: Piece) -> dict[str, Any]:
    return {
        "outputText": piece.text,
        "index": 0,
        "totalOutputTextTokenCount": piece.output_tokens,
        "completionReason": _reason(piece),
        "inputTextTokenCount": piece.prompt_tokens,
    }


def _reason(piece: Piece) -> str | None:
    return None if piece.reason is None else _REASONS[piece.reason]


_WRITER = text_writer(whole=_whole, chunk=_chunk)

TITAN_TEXT = Family(
    example='{"inputText": "Hello", "textGenerationConfig": {"maxTokenCount": 64}}',
    parse=parser(TitanTextBody),
    decode=_decode,
)
