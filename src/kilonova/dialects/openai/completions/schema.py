"""The body of ``POST /completions`` and its answer, in OpenAI's own field names."""

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct

from kilonova.dialects.openai.answer_schema import WireUsage
from kilonova.dialects.openai.schema import CHOICES_MAX, NULL, STOPS_MAX, StreamOptions

__all__ = [
    "PROMPTS_MAX",
    "Completion",
    "CompletionBody",
    "CompletionChoice",
    "CompletionLogprobs",
    "WireReason",
]

# Of all prompts together, each with as many answers as are made of it.
PROMPTS_MAX = 128

_Penalty = Annotated[float, Meta(ge=-2, le=2)]
_Choices = Annotated[int, Meta(ge=1, le=CHOICES_MAX)]
_Stop = Annotated[str, Meta(max_length=1_024)]

WireReason = Literal["stop", "length", "content_filter"]


class CompletionBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arrays of tokens decode, to be refused by name."""

    model: Annotated[str, Meta(min_length=1, max_length=256)]
    prompt: str | Annotated[list[str | int | list[int]], Meta(min_length=1, max_length=PROMPTS_MAX)]
    best_of: _Choices | None = None
    echo: bool | None = None
    frequency_penalty: _Penalty | None = None
    logit_bias: (
        Annotated[dict[str, Annotated[float, Meta(ge=-100, le=100)]], Meta(max_length=300)] | None
    ) = None
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    n: _Choices | None = None
    presence_penalty: _Penalty | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: _Stop | Annotated[list[_Stop], Meta(max_length=STOPS_MAX)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    # Ignored, see parameters.py.
    user: str | None = None
    # Refused, see parameters.py.
    suffix: Raw = NULL


class CompletionLogprobs(Struct, frozen=True):
    """One entry a token in each list; ``text_offset`` counts characters."""

    tokens: tuple[str, ...]
    token_logprobs: tuple[float, ...]
    top_logprobs: tuple[dict[str, float], ...] | None
    text_offset: tuple[int, ...]


class CompletionChoice(Struct, frozen=True):
    text: str
    index: int
    logprobs: CompletionLogprobs | None
    finish_reason: WireReason | None


class Completion(Struct, frozen=True, kw_only=True):
    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: tuple[CompletionChoice, ...]
    usage: WireUsage
    system_fingerprint: str
