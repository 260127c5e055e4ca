"""What becomes of every parameter that OpenAI documents: honoured, ignored or refused.

A hint that is ignored is listed in the ``x-kilonova-ignored`` header of the answer; what would
change the answer and cannot be honoured is refused by name. A test compares these lists with the
SDK's own types, so that nothing falls between them.
"""

from operator import attrgetter

from msgspec import Raw

from kilonova.core.chat import Thinking
from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model
from kilonova.dialects.openai.schema import (
    NULL,
    AssistantMessage,
    ChatBody,
    EmbeddingBody,
    FunctionMessage,
    ImagePart,
    TextPart,
    WireMessage,
)
from kilonova.gateway.abilities import thinking_ignored

__all__ = [
    "HONOURED",
    "IGNORED",
    "IGNORED_WITHIN",
    "OWN",
    "REFUSED",
    "ignored_by_chat",
    "ignored_by_embeddings",
    "ignored_by_model",
    "ignored_tier",
    "refuse_unsupported",
    "tier_asked",
]

HONOURED = frozenset(
    {
        "frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens",
        "messages", "modalities", "model", "n", "parallel_tool_calls", "presence_penalty",
        "reasoning_effort", "response_format", "seed", "service_tier", "stop", "store", "stream",
        "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p",
    }
)  # fmt: skip

# What OpenAI does not document, and its relatives do. The first changes nothing.
OWN: dict[str, str] = {
    "user_id": "ignored: callers are known by their key",
    "thinking": '`{"type": "enabled"}` or `disabled`: whether a model that can is to think',
    "messages.prefix": "`true` on the last message, the assistant's: the answer goes on from it",
    "messages.reasoning_content": "the thinking of an earlier answer, handed back to the model",
}

IGNORED: dict[str, str] = {
    "metadata": "only stored completions carry metadata, and none are stored",
    "prediction": "speeds up nothing here; the answer is the same",
    "prompt_cache_key": "prefixes are shared inside one organisation without it",
    "prompt_cache_options": "prefixes are cached without being asked",
    "prompt_cache_retention": "prefixes are kept as long as there is room",
    "safety_identifier": "callers are known by their key",
    "user": "callers are known by their key",
    "verbosity": "ask for short or long answers in the prompt",
}

IGNORED_WITHIN: dict[str, str] = {
    "messages.annotations": "the text is read, what it cites is not",
    "messages.content.image_url.detail": "images are given to the model as they are",
    "messages.content.prompt_cache_breakpoint": "prefixes are cached without being asked",
    "reasoning_effort": "where the model cannot think, or not more or less",
    "response_format.json_schema.description": "describe the schema in the prompt",
    "service_tier": "where the price list does not sell it; the answer says which was sold",
    "store": "`true`: chat completions are not kept, responses are",
    "stream_options.include_obfuscation": "chunks are not padded",
}

REFUSED: dict[str, str] = {
    "audio": "Audio is not generated here.",
    "function_call": "Use 'tool_choice' instead.",
    "functions": "Use 'tools' instead.",
    "moderation": "Guardrails are set by the operator, not by a request.",
    "web_search_options": "The web is not searched here; offer a search tool in 'tools'.",
}

_NO_ANNOTATIONS = (NULL, Raw(b"[]"))

_refused_of = attrgetter(*REFUSED)
_ignored_of = attrgetter(*IGNORED)
_NONE_REFUSED = _refused_of(ChatBody(model="", messages=[]))
_NONE_IGNORED = _ignored_of(ChatBody(model="", messages=[]))


def refuse_unsupported(body: ChatBody) -> None:
    """Raises InvalidRequest for the first parameter that cannot be honoured."""
    if _refused_of(body) != _NONE_REFUSED:
        for name, advice in REFUSED.items():
            if getattr(body, name) != NULL:
                raise _unsupported(name, advice)
    if body.modalities and "audio" in body.modalities:
        raise _unsupported("modalities", "Only 'text' is generated here.")


def _unsupported(name: str, advice: str) -> InvalidRequest:
    return InvalidRequest(
        f"Unsupported parameter: '{name}' is not supported here. {advice}",
        param=name,
        reason="unsupported_parameter",
    )


def ignored_by_chat(body: ChatBody) -> list[str]:
    """The names of the hints in this request that change nothing."""
    names: list[str] = []
    if _ignored_of(body) != _NONE_IGNORED:
        names += [name for name in IGNORED if getattr(body, name) not in (None, NULL)]
    if body.user_id is not None:
        names.append("user_id")
    if body.store:
        names.append("store")
    if body.stream_options is not None and body.stream_options.include_obfuscation:
        names.append("stream_options.include_obfuscation")
    wanted = body.response_format
    if wanted is not None and wanted.json_schema is not None and wanted.json_schema.description:
        names.append("response_format.json_schema.description")
    hints = {hint for message in body.messages for hint in _hints_of(message)}
    return names + sorted(hints)


def tier_asked(word: str | None) -> str:
    """The service tier by the platform's name. ``auto`` buys nothing dearer than the default."""
    return "default" if word in (None, "auto") else str(word)


def ignored_tier(asked: str, sold: str) -> list[str]:
    """As ``ignored_by_chat``, of the service tier: the price list decides which is sold."""
    return [] if asked == sold else ["service_tier"]


def ignored_by_model(body: ChatBody, model: Model, thinking: Thinking) -> list[str]:
    """As ``ignored_by_chat``: the wishes about thinking that this one model cannot fulfil."""
    ignored = thinking_ignored(model, thinking)
    names = []
    effort = body.reasoning_effort
    if effort is not None and ("is_on" if effort == "none" else "effort") in ignored:
        names.append("reasoning_effort")
    if body.thinking is not None and "is_on" in ignored:
        names.append("thinking")
    return names


def _hints_of(message: WireMessage) -> list[str]:
    """The hints inside one message; text alone, the common case, has none."""
    if isinstance(message, FunctionMessage):
        return []
    hints = []
    if isinstance(message, AssistantMessage) and message.annotations not in _NO_ANNOTATIONS:
        hints.append("messages.annotations")
    if message.content is None or isinstance(message.content, str):
        return hints
    for part in message.content:
        if isinstance(part, TextPart | ImagePart) and part.prompt_cache_breakpoint != NULL:
            hints.append("messages.content.prompt_cache_breakpoint")
        if isinstance(part, ImagePart) and part.image_url.detail != "auto":
            hints.append("messages.content.image_url.detail")
    return hints


def ignored_by_embeddings(body: EmbeddingBody) -> list[str]:
    """As ``ignored_by_chat``, for embeddings."""
    return ["user"] if body.user is not None else []
