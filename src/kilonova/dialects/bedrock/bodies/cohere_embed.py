"""The body `cohere-embed`: many texts in, a vector of each out.

Shapes: the user guide's pages on Cohere Embed v3 and v4, langchain-aws.
"""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from kilonova.core.embedding import EmbeddingAnswer, EmbeddingRequest
from kilonova.core.model import Model
from kilonova.dialects.bedrock.bodies.reading import NO, malformed, noted, parser, refuse
from kilonova.dialects.wire.native import EmbeddingFamily, NativeEmbedding

__all__ = ["COHERE_EMBED", "IGNORED", "REFUSED", "CohereEmbedBody"]

_TEXTS_MAX = 96
_NO_MEDIA = "no model here makes vectors of it; send texts"

IGNORED: Mapping[str, str] = {
    "input_type": "a text has one vector, whatever it is for",
    "truncate": "nothing is cut off: a text that is too long is refused",
    "max_tokens": "nothing is cut off: a text that is too long is refused",
}
REFUSED: Mapping[str, str] = {"images": _NO_MEDIA, "inputs": _NO_MEDIA}

_Type = Literal["float", "binary", "ubinary"]


class CohereEmbedBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    texts: (
        Annotated[
            tuple[Annotated[str, Meta(min_length=1)], ...],
            Meta(min_length=1, max_length=_TEXTS_MAX),
        ]
        | None
    ) = None
    input_type: (
        Literal["search_document", "search_query", "classification", "clustering", "image"] | None
    ) = None
    truncate: Literal["NONE", "START", "END", "LEFT", "RIGHT"] | None = None
    embedding_types: Annotated[tuple[_Type, ...], Meta(min_length=1, max_length=3)] | None = None
    output_dimension: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    images: Raw = NO
    inputs: Raw = NO


def _decode(body: CohereEmbedBody, model: Model) -> NativeEmbedding:
    refuse(body, REFUSED)
    if body.texts is None:
        raise malformed("#: required key [texts] not found")
    request = EmbeddingRequest(model=model.id, texts=body.texts, dimensions=body.output_dimension)
    hints = [name for name in noted(body, IGNORED) if (name, body.truncate) != ("truncate", "NONE")]
    return NativeEmbedding(request, partial(_encode, body), tuple(hints))


def _encode(body: CohereEmbedBody, answer: EmbeddingAnswer, request_id: str) -> bytes:
    embeddings: Any = answer.vectors
    kind = "embeddings_floats"
    if body.embedding_types is not None:
        kind = "embeddings_by_type"
        embeddings = {
            name: [_vector(name, vector) for vector in answer.vectors]
            for name in body.embedding_types
        }
    return msgspec.json.encode(
        {"id": request_id, "texts": body.texts, "response_type": kind, "embeddings": embeddings}
    )


def _vector(kind: _Type, vector: tuple[float, ...]) -> tuple[float, ...] | list[int]:
    """Eight signs stand in a byte, the first of them highest."""
    if kind == "float":
        return vector
    signs = "".join(["1" if value > 0 else "0" for value in vector])
    signs += "0" * (-len(signs) % 8)
    packed = [int(signs[at : at + 8], 2) for at in range(0, len(signs), 8)]
    return packed if kind == "ubinary" else [byte - 128 for byte in packed]


COHERE_EMBED = EmbeddingFamily(
    example='{"texts": ["Hello"], "input_type": "search_document"}',
    parse=parser(CohereEmbedBody),
    decode=_decode,
)
