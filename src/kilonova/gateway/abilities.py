"""Refuses, by name, what a model cannot do, before anything is reserved."""

from msgspec import Struct

from kilonova.core.chat import ChatRequest, ImagePart
from kilonova.core.embedding import EmbeddingRequest
from kilonova.core.errors import InvalidRequest, RequestTooLarge
from kilonova.core.model import Ability, Model

__all__ = [
    "CHOICES_MAX",
    "EmbeddingLimits",
    "refuse_unable",
    "refuse_unembeddable",
    "require",
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
    if not request.messages:
        raise InvalidRequest("At least one message is needed.", param="messages")
    if not 1 <= request.choices <= CHOICES_MAX:
        raise InvalidRequest(f"n must be between 1 and {CHOICES_MAX}.", param="n")
    if request.max_output_tokens is not None and request.max_output_tokens < 1:
        raise InvalidRequest("max_tokens must be at least 1.", param="max_tokens")
    if request.tools:
        require(model, "tools", "tools")
    if request.output_format.kind != "text":
        require(model, "json", "response_format")
    if request.top_logprobs is not None:
        require(model, "logprobs", "logprobs")
    if not model.can("vision") and _has_image(request):
        require(model, "vision", "messages")


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


def _has_image(request: ChatRequest) -> bool:
    return any(
        isinstance(part, ImagePart) for message in request.messages for part in message.parts
    )
