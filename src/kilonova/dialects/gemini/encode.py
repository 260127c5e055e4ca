"""Whole answers → Google's bodies. Pure. What is streamed is in ``encode_stream.py``."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from kilonova.core.embedding import EmbeddingAnswer
from kilonova.core.events import ChatAnswer, Choice
from kilonova.core.model import Model
from kilonova.dialects.gemini.answer_schema import (
    FINISH_REASONS,
    Answer,
    AnswerHead,
    Candidate,
    Content,
    FunctionCall,
    Manner,
    Part,
    arguments_of,
    average_logprob,
    bare_enum,
    wire_logprobs,
    wire_usage,
)

__all__ = [
    "CUT_CALL",
    "encode_answer",
    "encode_batch",
    "encode_count",
    "encode_embedding",
    "encode_model",
    "encode_models",
    "encode_predictions",
]

CUT_CALL = "The call of a function was not finished; it is left out."

_encode = msgspec.json.Encoder().encode


def encode_answer(head: AnswerHead, answer: ChatAnswer, manner: Manner) -> bytes:
    """A ``GenerateContentResponse``."""
    candidates = [_candidate(index, choice, manner) for index, choice in enumerate(answer.choices)]
    return _encode(
        Answer(
            candidates=tuple(candidates),
            usage_metadata=wire_usage(answer.usage),
            model_version=head.model_version,
            response_id=head.response_id,
        )
    )


def _candidate(index: int, choice: Choice, manner: Manner) -> Candidate:
    calls = [
        Part(function_call=FunctionCall(call.id, call.name, arguments))
        for call in choice.tool_calls
        if (arguments := arguments_of(call.arguments)) is not None
    ]
    is_cut = len(calls) < len(choice.tool_calls)
    text = bare_enum(choice.text) if manner.is_bare_enum else choice.text
    parts = [*([Part(text=text)] if text else []), *calls] or [Part(text="")]
    if choice.reasoning:
        # On the first call, else at the end.
        signed = -len(calls) if calls else -1
        signature = manner.seal.hide(choice.reasoning)
        parts[signed] = replace(parts[signed], thought_signature=signature)
        if manner.shows_thoughts:
            parts.insert(0, Part(text=choice.reasoning, thought=True))
    reason = FINISH_REASONS[choice.reason]
    if is_cut and choice.reason != "length":
        reason = "MALFORMED_FUNCTION_CALL"
    return Candidate(
        content=Content(tuple(parts)),
        finish_reason=reason,
        finish_message=CUT_CALL if is_cut else UNSET,
        index=index,
        avg_logprobs=average_logprob(choice.logprobs) if choice.logprobs else UNSET,
        logprobs_result=wire_logprobs(choice.logprobs) if choice.logprobs else UNSET,
    )


def encode_count(tokens: int) -> bytes:
    """A ``CountTokensResponse``."""
    return _encode({"totalTokens": tokens})


def encode_model(model: Model, *, publisher: str | None) -> bytes:
    """A ``Model`` of the Gemini API, or a ``PublisherModel`` of Vertex AI."""
    return _encode(_card(model, publisher))


def encode_models(
    models: Sequence[Model], *, publisher: str | None, next_page: str | None
) -> bytes:
    """One page of models."""
    listed = "models" if publisher is None else "publisherModels"
    page: dict[str, object] = {listed: [_card(model, publisher) for model in models]}
    if next_page is not None:
        page["nextPageToken"] = next_page
    return _encode(page)


def _card(model: Model, publisher: str | None) -> dict[str, object]:
    card: dict[str, object] = {
        "displayName": model.name,
        "description": model.description,
        "inputTokenLimit": model.context_tokens,
        "outputTokenLimit": model.output_tokens_max,
        "supportedGenerationMethods": _methods(model),
        "thinking": model.can("reasoning"),
    }
    if publisher is None:
        return {"name": f"models/{model.id}", "baseModelId": model.id, **card}
    return {"name": f"publishers/{publisher}/models/{model.id}", **card}


def _methods(model: Model) -> list[str]:
    methods = []
    if model.can("chat"):
        methods += ["generateContent", "streamGenerateContent", "countTokens"]
    if model.can("embeddings"):
        methods += ["embedContent", "batchEmbedContents"]
    return methods


def encode_embedding(answer: EmbeddingAnswer) -> bytes:
    """An ``EmbedContentResponse``."""
    return _encode({"embedding": {"values": answer.vectors[0]}, **_embedding_usage(answer)})


def encode_batch(answer: EmbeddingAnswer) -> bytes:
    """A ``BatchEmbedContentsResponse``."""
    vectors = [{"values": vector} for vector in answer.vectors]
    return _encode({"embeddings": vectors, **_embedding_usage(answer)})


def _embedding_usage(answer: EmbeddingAnswer) -> dict[str, object]:
    tokens = answer.input_tokens
    return {"usageMetadata": {"promptTokenCount": tokens, "totalTokenCount": tokens}}


def encode_predictions(answer: EmbeddingAnswer, texts: Sequence[str]) -> bytes:
    """Vertex AI's form. The tokens of one text are known where it was alone."""
    statistics: dict[str, object] = {"truncated": False}
    if len(texts) == 1:
        statistics["token_count"] = answer.input_tokens
    predictions = [
        {"embeddings": {"values": vector, "statistics": statistics}} for vector in answer.vectors
    ]
    characters = sum(map(len, texts))
    return _encode({"predictions": predictions, "metadata": {"billableCharacterCount": characters}})
