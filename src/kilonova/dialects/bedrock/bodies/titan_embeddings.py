"""The body `text-embeddings`: one text in, one vector out, as numbers or signs.

Shapes: the user guide's page on Titan Embeddings V2. The answer always holds `embeddingsByType`,
and `embedding` wherever numbers were asked for.
"""

from functools import partial
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from kilonova.core.embedding import EmbeddingAnswer, EmbeddingRequest
from kilonova.core.model import Model
from kilonova.dialects.bedrock.bodies.reading import parser
from kilonova.dialects.wire.native import EmbeddingFamily, NativeEmbedding

__all__ = ["TITAN_EMBEDDINGS", "TitanEmbeddingsBody"]

_Type = Literal["float", "binary"]
_DEFAULT: tuple[_Type, ...] = ("float",)
_Numbers = tuple[float, ...] | UnsetType


class TitanEmbeddingsBody(
    Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    input_text: Annotated[str, Meta(min_length=1)]
    dimensions: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    normalize: bool | None = None
    embedding_types: Annotated[tuple[_Type, ...], Meta(min_length=1, max_length=2)] | None = None


class _ByType(Struct, frozen=True):
    float_: _Numbers = field(name="float", default=UNSET)
    binary: tuple[int, ...] | UnsetType = UNSET


class _Answer(Struct, frozen=True, kw_only=True, rename="camel"):
    embedding: _Numbers
    embeddings_by_type: _ByType
    input_text_token_count: int


def _decode(body: TitanEmbeddingsBody, model: Model) -> NativeEmbedding:
    request = EmbeddingRequest(
        model=model.id,
        texts=(body.input_text,),
        dimensions=body.dimensions,
        is_normalised=body.normalize is not False,
    )
    return NativeEmbedding(request, partial(_encode, body.embedding_types or _DEFAULT))


def _encode(types: tuple[_Type, ...], answer: EmbeddingAnswer, _request_id: str) -> bytes:
    """A bit of the binary form is 1 where the number is above zero."""
    (vector,) = answer.vectors
    numbers: _Numbers = vector if "float" in types else UNSET
    signs = tuple([1 if value > 0 else 0 for value in vector]) if "binary" in types else UNSET
    return msgspec.json.encode(
        _Answer(
            embedding=numbers,
            embeddings_by_type=_ByType(numbers, signs),
            input_text_token_count=answer.input_tokens,
        )
    )


TITAN_EMBEDDINGS = EmbeddingFamily(
    example='{"inputText": "Hello"}', parse=parser(TitanEmbeddingsBody), decode=_decode
)
