"""Whole answers → OpenAI's bodies. Pure. What is streamed is in ``encode_stream.py``."""

import base64
import struct
from collections.abc import Callable, Sequence

import msgspec

from kilonova.core.embedding import EmbeddingAnswer
from kilonova.core.events import ChatAnswer
from kilonova.core.events import Choice as CoreChoice
from kilonova.core.model import Model
from kilonova.core.usage import Usage
from kilonova.dialects.openai.answer_schema import (
    FINISH_REASONS,
    AnswerHead,
    ChatCompletion,
    Choice,
    Embedding,
    Embeddings,
    EmbeddingsUsage,
    FunctionCall,
    Message,
    ModelCard,
    ModelList,
    ToolCall,
    WireUsage,
    wire_logprobs,
    wire_usage,
)

__all__ = ["encode_answer", "encode_embeddings", "encode_model", "encode_models"]

_encode = msgspec.json.Encoder().encode


def encode_answer(
    head: AnswerHead,
    answer: ChatAnswer,
    *,
    has_logprobs: bool,
    usage: Callable[[Usage], WireUsage] = wire_usage,
) -> bytes:
    """A ``chat.completion`` object."""
    choices = [_choice(index, choice, has_logprobs) for index, choice in enumerate(answer.choices)]
    return _encode(
        ChatCompletion(
            id=head.id,
            created=head.created,
            model=head.model,
            choices=tuple(choices),
            usage=usage(answer.usage),
            service_tier=head.service_tier,
            system_fingerprint=head.system_fingerprint,
        )
    )


def _choice(index: int, choice: CoreChoice, has_logprobs: bool) -> Choice:
    logprobs = wire_logprobs(choice.logprobs) if has_logprobs and choice.text else None
    return Choice(index, _message(choice), logprobs, FINISH_REASONS[choice.reason])


def _message(choice: CoreChoice) -> Message:
    """``content`` is null exactly where tool calls stand in its place."""
    reasoning = choice.reasoning or msgspec.UNSET
    if not choice.tool_calls:
        return Message(content=choice.text, reasoning_content=reasoning)
    calls = [
        ToolCall(call.id, FunctionCall(call.name, call.arguments)) for call in choice.tool_calls
    ]
    return Message(
        content=choice.text or None, reasoning_content=reasoning, tool_calls=tuple(calls)
    )


def encode_model(model: Model) -> bytes:
    """A ``model`` object."""
    return _encode(_card(model))


def encode_models(models: Sequence[Model]) -> bytes:
    """All models, as one page: OpenAI does not divide this list either."""
    return _encode(ModelList(tuple(_card(model) for model in models)))


def _card(model: Model) -> ModelCard:
    return ModelCard(model.id, model.created_s, model.provider)


def encode_embeddings(answer: EmbeddingAnswer, model_id: str, *, is_base64: bool) -> bytes:
    """Vectors as numbers, or as little-endian 32-bit floats in base64: the SDK's own default."""
    data = [
        Embedding(index, _packed(vector) if is_base64 else vector)
        for index, vector in enumerate(answer.vectors)
    ]
    usage = EmbeddingsUsage(answer.input_tokens, answer.input_tokens)
    return _encode(Embeddings(tuple(data), model_id, usage))


def _packed(vector: tuple[float, ...]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
