"""What Google's clients expect back, in Google's own field names."""

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from kilonova.core.events import FinishReason, TokenLogprob
from kilonova.core.usage import Usage
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal

__all__ = [
    "FINISH_REASONS",
    "Answer",
    "AnswerHead",
    "Candidate",
    "Content",
    "FunctionCall",
    "Manner",
    "Part",
    "WireUsage",
    "arguments_of",
    "average_logprob",
    "bare_enum",
    "wire_logprobs",
    "wire_usage",
]

FINISH_REASONS: dict[FinishReason, str] = {
    "stop": "STOP",
    "stop_sequence": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "content_filter": "SAFETY",
}


class AnswerHead(Struct, frozen=True, rename="camel"):
    """What a whole answer and every chunk of a streamed one say alike."""

    model_version: str
    response_id: str


class Manner(Struct, frozen=True, kw_only=True):
    """How an answer is to be written. ``is_bare_enum``: a word, without the quotes of JSON."""

    seal: ReasoningSeal
    shows_thoughts: bool = False
    is_bare_enum: bool = False


class FunctionCall(Struct, frozen=True):
    id: str
    name: str
    args: Raw


class Part(Struct, frozen=True, kw_only=True, rename="camel"):
    """``thought_signature`` holds what was thought before this part, for nobody else to read."""

    text: str | UnsetType = UNSET
    thought: bool | UnsetType = UNSET
    thought_signature: str | UnsetType = UNSET
    function_call: FunctionCall | UnsetType = UNSET


class Content(Struct, frozen=True):
    parts: tuple[Part, ...]
    role: str = "model"


class Logprob(Struct, frozen=True, rename="camel"):
    token: str
    log_probability: float


class TopLogprobs(Struct, frozen=True):
    candidates: tuple[Logprob, ...]


class LogprobsResult(Struct, frozen=True, rename="camel"):
    """As many entries in the one list as in the other: the steps of decoding."""

    chosen_candidates: tuple[Logprob, ...]
    top_candidates: tuple[TopLogprobs, ...]
    log_probability_sum: float


class Candidate(Struct, frozen=True, kw_only=True, rename="camel"):
    content: Content
    finish_reason: str
    finish_message: str | UnsetType = UNSET
    index: int = 0
    avg_logprobs: float | UnsetType = UNSET
    logprobs_result: LogprobsResult | UnsetType = UNSET


class ModalityCount(Struct, frozen=True, rename="camel"):
    modality: str
    token_count: int


class WireUsage(Struct, frozen=True, kw_only=True, rename="camel"):
    """Thoughts are no part of the candidates' tokens; cached tokens are part of the prompt's."""

    prompt_token_count: int
    candidates_token_count: int
    total_token_count: int
    cached_content_token_count: int | UnsetType = UNSET
    thoughts_token_count: int | UnsetType = UNSET


class Answer(Struct, frozen=True, kw_only=True, rename="camel"):
    candidates: tuple[Candidate, ...]
    usage_metadata: WireUsage
    model_version: str
    response_id: str


def wire_usage(usage: Usage) -> WireUsage:
    """Tokens by kind; kinds of which there are none are left out, as Google does."""
    return WireUsage(
        prompt_token_count=usage.prompt_tokens,
        candidates_token_count=usage.output_tokens - usage.reasoning_tokens,
        total_token_count=usage.total_tokens,
        cached_content_token_count=usage.cache_read_tokens or UNSET,
        thoughts_token_count=usage.reasoning_tokens or UNSET,
    )


def wire_logprobs(logprobs: tuple[TokenLogprob, ...]) -> LogprobsResult:
    """The tokens chosen, and what else was likely at each step."""
    return LogprobsResult(
        tuple([Logprob(one.token, one.logprob) for one in logprobs]),
        tuple(
            [
                TopLogprobs(tuple([Logprob(o.token, o.logprob) for o in one.alternatives]))
                for one in logprobs
            ]
        ),
        sum(one.logprob for one in logprobs),
    )


def average_logprob(logprobs: tuple[TokenLogprob, ...]) -> float:
    """The mean over all tokens chosen, of which there is at least one."""
    return sum(one.logprob for one in logprobs) / len(logprobs)


def bare_enum(text: str) -> str:
    """The word in a JSON text; of one that was cut off, what there is."""
    try:
        word: str = msgspec.json.decode(text, type=str)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return text.strip().removeprefix('"')
    return word


def arguments_of(text: str) -> Raw | None:
    """The arguments of a call on one line; None where they are no object, being cut off."""
    written = text.strip() or "{}"
    try:
        if not isinstance(msgspec.json.decode(written), dict):
            return None
    except (msgspec.DecodeError, RecursionError):
        return None
    return Raw(msgspec.json.format(written.encode(), indent=-1))
