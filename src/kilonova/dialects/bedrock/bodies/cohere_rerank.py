"""The body `cohere-rerank`: a question and documents in, the most relevant documents first out.

The relevance is the cosine of the question's vector and the document's, by whichever model makes
the vectors; what is opposed is as irrelevant as what is unrelated, 0. Shape: the Bedrock user
guide's page on Cohere Rerank 3.5.
"""

import math
from collections.abc import Mapping
from functools import partial
from operator import mul
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from kilonova.core.embedding import EmbeddingAnswer, EmbeddingRequest
from kilonova.core.model import Model
from kilonova.dialects.bedrock.bodies.reading import NO, noted, parser, refuse
from kilonova.dialects.wire.native import EmbeddingFamily, NativeEmbedding

__all__ = ["COHERE_RERANK", "IGNORED", "REFUSED", "CohereRerankBody"]

_DOCUMENTS_MAX = 1_000

IGNORED: Mapping[str, str] = {
    "max_tokens_per_doc": "nothing is cut off: a text that is too long is refused",
}
REFUSED: Mapping[str, str] = {
    "rank_fields": "documents are texts here; send the fields that count as one text",
}

_Text = Annotated[str, Meta(min_length=1)]


class CohereRerankBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    query: _Text
    documents: Annotated[tuple[_Text, ...], Meta(min_length=1, max_length=_DOCUMENTS_MAX)]
    top_n: Annotated[int, Meta(ge=1)] | None = None
    api_version: Literal[1, 2] | None = None
    max_tokens_per_doc: Annotated[int, Meta(ge=1)] | None = None
    rank_fields: Raw = NO


def _decode(body: CohereRerankBody, model: Model) -> NativeEmbedding:
    refuse(body, REFUSED)
    request = EmbeddingRequest(model=model.id, texts=(body.query, *body.documents))
    return NativeEmbedding(request, partial(_encode, body), tuple(noted(body, IGNORED)))


def _encode(body: CohereRerankBody, answer: EmbeddingAnswer, _request_id: str) -> bytes:
    query, *documents = answer.vectors
    scores = [(_relevance(query, vector), index) for index, vector in enumerate(documents)]
    best = sorted(scores, key=lambda each: (-each[0], each[1]))[: body.top_n]
    results = [{"index": index, "relevance_score": score} for score, index in best]
    return msgspec.json.encode({"results": results})


def _relevance(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """From 0 to 1, however long the vectors are."""
    lengths = math.hypot(*one) * math.hypot(*other)
    cosine = sum(map(mul, one, other)) / lengths if lengths else 0.0
    return round(min(max(cosine, 0.0), 1.0), 7)


COHERE_RERANK = EmbeddingFamily(
    example='{"query": "Hello", "documents": ["Hello", "World"], "api_version": 2}',
    parse=parser(CohereRerankBody),
    decode=_decode,
)
