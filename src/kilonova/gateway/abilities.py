"""Refuses, by name, what a model cannot do, before anything is reserved.

Wishes about thinking are not refused: what a model cannot honour of them is taken out of the
request, and ``thinking_ignored`` names it for the dialect, which tells the caller.
"""

from msgspec import Struct

from kilonova.core.chat import (
    ChatRequest,
    ImagePart,
    Message,
    ReasoningPart,
    Thinking,
    ToolCallPart,
)
from kilonova.core.embedding import EmbeddingRequest
from kilonova.core.errors import InvalidRequest, RequestTooLarge
from kilonova.core.model import Ability, Model

__all__ = [
    "CHOICES_MAX",
    "EmbeddingLimits",
    "refuse_unable",
    "refuse_unembeddable",
    "require",
    "thinking_honoured",
    "thinking_ignored",
]

CHOICES_MAX = 8

_WORDS: dict[Ability, str] = {
    "chat": "chat",
    "tools": "tool use",
    "json": "structured output",
    "embeddings": "embeddings",
    "vision": "image input",
    "reasoning": "reasoning",
    "logprobs": "log-probabilities",
    "classify": "classification",
    "completion": "completion of a raw prompt",
    "prefill": "continuing the assistant's last message",
}


class EmbeddingLimits(Struct, frozen=True, kw_only=True):
    """What one request may ask to embed."""

    texts_max: int = 2_048
    chars_max: int = 2_000_000


def require(model: Model, ability: Ability, param: str | None = None) -> None:
    """Raises InvalidRequest when the model lacks the ability."""
    if not model.can(ability):
        can = ", ".join(_WORDS[known] for known in model.abilities)
        raise InvalidRequest(
            f"The model {model.id} does not support {_WORDS[ability]}. It supports: {can}.",
            param=param,
        )


def refuse_unable(model: Model, request: ChatRequest) -> None:
    """Raises InvalidRequest for the first thing in the request that the model cannot honour."""
    require(model, "chat", "model")
    _refuse_shape(model, request)
    if not 1 <= request.choices <= CHOICES_MAX:
        raise InvalidRequest(f"n must be between 1 and {CHOICES_MAX}.", param="n")
    if request.max_output_tokens is not None and request.max_output_tokens < 1:
        raise InvalidRequest("max_tokens must be at least 1.", param="max_tokens")
    if (request.thinking.budget_tokens or 0) < 0:
        raise InvalidRequest("A budget of thinking is at least 0 tokens.", param="thinking")
    if request.tools:
        require(model, "tools", "tools")
    if request.output_format.kind != "text":
        require(model, "json", "response_format")
    if request.top_logprobs is not None:
        require(model, "logprobs", "logprobs")
    if not model.can("vision") and _has_image(request):
        require(model, "vision", "messages")
    if model.needs_thoughts_back and request.thinking.is_on is not False:
        _refuse_forgotten_thoughts(request.messages)


def thinking_ignored(model: Model, thinking: Thinking) -> tuple[str, ...]:
    """The fields of ``thinking`` that change nothing with this model. Being off is no wish where
    nothing thinks."""
    can_think = model.can("reasoning")
    controls = model.thinking_controls if can_think else ()
    ignored = []
    is_wish = thinking.is_on is not None if can_think else thinking.is_on is True
    if is_wish and "switch" not in controls:
        ignored.append("is_on")
    if thinking.effort is not None and "effort" not in controls:
        ignored.append("effort")
    if thinking.budget_tokens is not None and "budget" not in controls:
        ignored.append("budget_tokens")
    return tuple(ignored)


def thinking_honoured(model: Model, thinking: Thinking) -> Thinking:
    """What an engine is asked of ``thinking``: without the fields that are ignored."""
    ignored = thinking_ignored(model, thinking)
    if not ignored:
        return thinking
    return Thinking(
        is_on=None if "is_on" in ignored else thinking.is_on,
        effort=None if "effort" in ignored else thinking.effort,
        budget_tokens=None if "budget_tokens" in ignored else thinking.budget_tokens,
    )


def refuse_unembeddable(
    model: Model, request: EmbeddingRequest, *, limits: EmbeddingLimits
) -> None:
    """As ``refuse_unable``, for a request for vectors."""
    require(model, "embeddings", "model")
    if not 1 <= len(request.texts) <= limits.texts_max:
        raise InvalidRequest(
            f"There are {len(request.texts)} texts to embed; send 1 to {limits.texts_max} at a "
            "time.",
            param="input",
        )
    chars = sum(map(len, request.texts))
    if chars > limits.chars_max:
        raise RequestTooLarge(
            f"The texts to embed have {chars} characters together, more than the limit of "
            f"{limits.chars_max}. Send fewer at a time.",
            param="input",
        )
    if not all(request.texts):
        raise InvalidRequest("A text to embed is empty.", param="input")


def _refuse_shape(model: Model, request: ChatRequest) -> None:
    """A conversation or a prompt, and not both; an answer that goes on needs what it goes on."""
    if request.prompt is not None:
        _refuse_prompt(model, request)
    elif not request.messages:
        raise InvalidRequest("At least one message is needed.", param="messages")
    elif request.continues_last:
        require(model, "prefill", "messages")
        if not _can_be_continued(request.messages[-1]):
            raise InvalidRequest(
                "Only a last message of the assistant that ends in text can be continued.",
                param="messages",
            )


def _refuse_prompt(model: Model, request: ChatRequest) -> None:
    require(model, "completion", "prompt")
    if not request.prompt:
        raise InvalidRequest("The prompt is empty; write at least one character.", param="prompt")
    if request.messages or request.continues_last:
        raise InvalidRequest("Send either messages or a prompt.", param="messages")
    if request.tools:
        raise InvalidRequest("A raw prompt cannot be sent with tools.", param="tools")
    if request.output_format.kind != "text":
        raise InvalidRequest("A raw prompt is answered in text.", param="response_format")


def _refuse_forgotten_thoughts(messages: tuple[Message, ...]) -> None:
    """Since the last question each call of a tool stands beside the thoughts that led to it."""
    asked = max((i for i, message in enumerate(messages) if message.role == "user"), default=-1)
    for index, message in enumerate(messages[asked + 1 :], asked + 1):
        kinds = {type(part) for part in message.parts}
        if ToolCallPart in kinds and ReasoningPart not in kinds:
            raise InvalidRequest(
                "The reasoning_content in the thinking mode must be passed back to the API: "
                f"messages[{index}] calls a tool without it.",
                param=f"messages[{index}]",
            )


def _can_be_continued(last: Message) -> bool:
    is_text = not any(isinstance(part, ToolCallPart | ImagePart) for part in last.parts)
    return last.role == "assistant" and bool(last.text) and is_text


def _has_image(request: ChatRequest) -> bool:
    return any(
        isinstance(part, ImagePart) for message in request.messages for part in message.parts
    )
