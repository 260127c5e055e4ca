"""What OpenAI's clients expect back, in OpenAI's own field names."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from kilonova.core.events import FinishReason, TokenLogprob
from kilonova.core.usage import Usage

__all__ = [
    "FINISH_REASONS",
    "AnswerHead",
    "ChatCompletion",
    "Choice",
    "Embedding",
    "Embeddings",
    "EmbeddingsUsage",
    "FunctionCall",
    "Logprobs",
    "Message",
    "ModelCard",
    "ModelList",
    "ToolCall",
    "WireUsage",
    "wire_logprobs",
    "wire_usage",
]

WireFinishReason = Literal["stop", "length", "tool_calls", "content_filter"]

FINISH_REASONS: dict[FinishReason, WireFinishReason] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}


class AnswerHead(Struct, frozen=True, kw_only=True):
    """What a whole answer and every chunk of a streamed one say alike."""

    id: str
    created: int
    model: str
    system_fingerprint: str
    service_tier: str | UnsetType = UNSET


class TopLogprob(Struct, frozen=True):
    token: str
    logprob: float
    bytes: tuple[int, ...]


class Logprob(Struct, frozen=True):
    token: str
    logprob: float
    bytes: tuple[int, ...]
    top_logprobs: tuple[TopLogprob, ...]


class Logprobs(Struct, frozen=True):
    content: tuple[Logprob, ...]
    refusal: None = None


class FunctionCall(Struct, frozen=True):
    name: str
    arguments: str


class ToolCall(Struct, frozen=True):
    id: str
    function: FunctionCall
    type: Literal["function"] = "function"


class Message(Struct, frozen=True, kw_only=True):
    """``reasoning_content`` is not OpenAI's own; its clients hand it through."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: None = None
    annotations: tuple[str, ...] = ()
    reasoning_content: str | UnsetType = UNSET
    tool_calls: tuple[ToolCall, ...] | UnsetType = UNSET


class Choice(Struct, frozen=True):
    index: int
    message: Message
    logprobs: Logprobs | None
    finish_reason: WireFinishReason


class PromptDetails(Struct, frozen=True):
    cached_tokens: int
    audio_tokens: int = 0


class CompletionDetails(Struct, frozen=True):
    reasoning_tokens: int
    audio_tokens: int = 0
    accepted_prediction_tokens: int = 0
    rejected_prediction_tokens: int = 0


class WireUsage(Struct, frozen=True):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: CompletionDetails


class ChatCompletion(Struct, frozen=True, kw_only=True):
    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: tuple[Choice, ...]
    usage: WireUsage
    service_tier: str | UnsetType = UNSET
    system_fingerprint: str


class ModelCard(Struct, frozen=True):
    id: str
    created: int
    owned_by: str
    object: Literal["model"] = "model"


class ModelList(Struct, frozen=True):
    data: tuple[ModelCard, ...]
    object: Literal["list"] = "list"


class Embedding(Struct, frozen=True):
    index: int
    embedding: tuple[float, ...] | str
    object: Literal["embedding"] = "embedding"


class EmbeddingsUsage(Struct, frozen=True):
    prompt_tokens: int
    total_tokens: int


class Embeddings(Struct, frozen=True):
    data: tuple[Embedding, ...]
    model: str
    usage: EmbeddingsUsage
    object: Literal["list"] = "list"


def wire_usage(usage: Usage) -> WireUsage:
    """Tokens by kind, as OpenAI nests them: cached tokens are part of the prompt's."""
    return WireUsage(
        usage.prompt_tokens,
        usage.output_tokens,
        usage.total_tokens,
        PromptDetails(usage.cache_read_tokens),
        CompletionDetails(usage.reasoning_tokens),
    )


def wire_logprobs(logprobs: tuple[TokenLogprob, ...]) -> Logprobs:
    """Log-probabilities with the bytes of each token, which need not be text on their own."""
    return Logprobs(tuple([_logprob(one) for one in logprobs]))


def _logprob(one: TokenLogprob) -> Logprob:
    top = [TopLogprob(o.token, o.logprob, tuple(o.token_bytes)) for o in one.alternatives]
    return Logprob(one.token, one.logprob, tuple(one.token_bytes), tuple(top))
