"""The native body `text-embeddings`: one text in, one vector out, as numbers or signs. Pure.

The answer always holds `embeddingsByType`, and `embedding` wherever numbers were asked for.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from kilonova.core.embedding import EmbeddingAnswer, EmbeddingRequest
from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model
from kilonova.dialects.bedrock.body import decode_text

__all__ = ["DecodedEmbedding", "EmbeddingType", "decode_embedding", "encode_embedding"]

EmbeddingType = Literal["float", "binary"]
_DEFAULT: tuple[EmbeddingType, ...] = ("float",)


class _Body(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    input_text: Annotated[str, Meta(min_length=1)]
    dimensions: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    normalize: bool | None = None
    embedding_types: (
        Annotated[tuple[EmbeddingType, ...], Meta(min_length=1, max_length=2)] | None
    ) = None


class DecodedEmbedding(Struct, frozen=True):
    request: EmbeddingRequest
    types: tuple[EmbeddingType, ...]


_Numbers = tuple[float, ...] | UnsetType


class _ByType(Struct, frozen=True):
    float_: _Numbers = field(name="float", default=UNSET)
    binary: tuple[int, ...] | UnsetType = UNSET


class _Answer(Struct, frozen=True, kw_only=True, rename="camel"):
    embedding: _Numbers
    embeddings_by_type: _ByType
    input_text_token_count: int


_decoder = msgspec.json.Decoder(_Body)


def decode_embedding(body: bytes, model: Model) -> DecodedEmbedding:
    """Raises InvalidRequest."""
    try:
        wire = decode_text(_decoder, body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(
            f"Malformed input request: {error}, please reformat your input and try again.",
            param="body",
        ) from None
    request = EmbeddingRequest(
        model=model.id,
        texts=(wire.input_text,),
        dimensions=wire.dimensions,
        is_normalised=wire.normalize is not False,
    )
    return DecodedEmbedding(request, wire.embedding_types or _DEFAULT)


def encode_embedding(answer: EmbeddingAnswer, types: tuple[EmbeddingType, ...]) -> bytes:
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
