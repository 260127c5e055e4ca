"""The body `nova-embeddings`: one text in, one vector out.

Shapes: the user guide's "Complete embeddings request and response schema" of Amazon Nova.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from kilonova.core.embedding import EmbeddingAnswer, EmbeddingRequest
from kilonova.core.model import Model
from kilonova.dialects.bedrock.bodies.reading import NO, malformed, noted, parser, refuse
from kilonova.dialects.wire.native import EmbeddingFamily, NativeEmbedding

__all__ = ["IGNORED", "NOVA_EMBEDDINGS", "REFUSED", "NovaEmbeddingsBody"]

_NO_MEDIA = "no model here makes vectors of it; send text"

IGNORED: Mapping[str, str] = {
    "embeddingPurpose": "a text has one vector, whatever it is for",
    "truncationMode": "nothing is cut off: a text that is too long is refused",
}
REFUSED: Mapping[str, str] = {
    "segmentedEmbeddingParams": "cut the text into segments and send each by itself",
    "image": _NO_MEDIA,
    "audio": _NO_MEDIA,
    "video": _NO_MEDIA,
    "source": "text is not fetched; send it as value",
}


class NovaText(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    value: Annotated[str, Meta(min_length=1)] | None = None
    truncation_mode: Literal["START", "END", "NONE"] | None = None
    source: Raw = NO


class SingleEmbeddingParams(
    Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    text: NovaText | None = None
    embedding_purpose: (
        Literal[
            "GENERIC_INDEX", "GENERIC_RETRIEVAL", "TEXT_RETRIEVAL", "IMAGE_RETRIEVAL",
            "VIDEO_RETRIEVAL", "DOCUMENT_RETRIEVAL", "AUDIO_RETRIEVAL", "CLASSIFICATION",
            "CLUSTERING",
        ]
        | None
    ) = None  # fmt: skip
    embedding_dimension: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    image: Raw = NO
    audio: Raw = NO
    video: Raw = NO


class NovaEmbeddingsBody(
    Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    schema_version: Literal["nova-multimodal-embed-v1"] | None = None
    task_type: Literal["SINGLE_EMBEDDING", "SEGMENTED_EMBEDDING"]
    single_embedding_params: SingleEmbeddingParams | None = None
    segmented_embedding_params: Raw = NO


def _decode(body: NovaEmbeddingsBody, model: Model) -> NativeEmbedding:
    refuse(body, REFUSED)
    params = body.single_embedding_params
    if body.task_type != "SINGLE_EMBEDDING" or params is None:
        raise malformed("#/taskType: SINGLE_EMBEDDING with singleEmbeddingParams is made here")
    refuse(params, REFUSED)
    if params.text is None:
        raise malformed("#/singleEmbeddingParams: required key [text] not found")
    refuse(params.text, REFUSED)
    if params.text.value is None:
        raise malformed("#/singleEmbeddingParams/text: required key [value] not found")
    request = EmbeddingRequest(
        model=model.id, texts=(params.text.value,), dimensions=params.embedding_dimension
    )
    hints = noted(params, IGNORED)
    if params.text.truncation_mode != "NONE":
        hints += noted(params.text, IGNORED)
    return NativeEmbedding(request, _encode, hints)


def _encode(answer: EmbeddingAnswer, _request_id: str) -> bytes:
    (vector,) = answer.vectors
    return msgspec.json.encode({"embeddings": [{"embeddingType": "TEXT", "embedding": vector}]})


NOVA_EMBEDDINGS = EmbeddingFamily(
    example=(
        '{"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {"embeddingPurpose": '
        '"GENERIC_INDEX", "text": {"truncationMode": "NONE", "value": "Hello"}}}'
    ),
    parse=parser(NovaEmbeddingsBody),
    decode=_decode,
)
