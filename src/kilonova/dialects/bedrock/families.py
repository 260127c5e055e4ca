"""Which native body a model speaks, and which family's body it was sent.

A model takes the body of its own family, named in the catalogue; one that has another family's
marker is taken for what it is, so that a vendor's own SDK may ask every model.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model
from kilonova.dialects.bedrock.bodies.cohere_command import COHERE_COMMAND
from kilonova.dialects.bedrock.bodies.cohere_embed import COHERE_EMBED
from kilonova.dialects.bedrock.bodies.cohere_rerank import COHERE_RERANK
from kilonova.dialects.bedrock.bodies.deepseek_text import DEEPSEEK_TEXT
from kilonova.dialects.bedrock.bodies.llama import LLAMA
from kilonova.dialects.bedrock.bodies.messages_v1 import messages_v1
from kilonova.dialects.bedrock.bodies.mistral_text import MISTRAL_TEXT
from kilonova.dialects.bedrock.bodies.nova_embeddings import NOVA_EMBEDDINGS
from kilonova.dialects.bedrock.bodies.titan_embeddings import TITAN_EMBEDDINGS
from kilonova.dialects.bedrock.bodies.titan_text import TITAN_TEXT
from kilonova.dialects.wire.native import EmbeddingFamily, Family, NativeEmbedding, NativeRequest
from kilonova.dialects.wire.sealed_reasoning import ReasoningSeal

__all__ = ["EMBEDDINGS", "TALKING", "Families"]

TALKING: Mapping[str, Family] = {
    "cohere-command": COHERE_COMMAND,
    "deepseek-text": DEEPSEEK_TEXT,
    "llama": LLAMA,
    "mistral-text": MISTRAL_TEXT,
    "titan-text": TITAN_TEXT,
}
EMBEDDINGS: Mapping[str, EmbeddingFamily] = {
    "cohere-embed": COHERE_EMBED,
    "cohere-rerank": COHERE_RERANK,
    "nova-embeddings": NOVA_EMBEDDINGS,
    "text-embeddings": TITAN_EMBEDDINGS,
}

_keys = msgspec.json.Decoder(dict[str, Raw])


class Families:
    """All of them: the bodies of this folder, and those of other dialects, which ``app`` hands
    in."""

    def __init__(self, seal: ReasoningSeal, others: Mapping[str, Family]) -> None:
        self._talking = {"messages-v1": messages_v1(seal), **TALKING, **others}
        self._marked = {one.marker: name for name, one in self._talking.items() if one.marker}

    def example(self, name: str) -> str:
        """The smallest body of a family."""
        return EMBEDDINGS[name].example if name in EMBEDDINGS else self._talking[name].example

    def makes_vectors(self, model: Model) -> bool:
        """Whether the model's own body asks for a vector."""
        return model.native_body in EMBEDDINGS

    def decode(self, body: bytes, model: Model, streams: bool | None) -> NativeRequest:
        """Raises InvalidRequest, which shows the right body to who sent a wrong one.

        ``streams`` is None where the operation does not say.
        """
        name = self._name(body, model)
        family = self._talking[name]
        try:
            wire = family.parse(body)
        except InvalidRequest as error:
            raise _show(error, name, family.example) from None
        return family.decode(wire, model, streams)

    def decode_embedding(self, body: bytes, model: Model) -> NativeEmbedding:
        """As ``decode``, for a model that makes vectors."""
        family = EMBEDDINGS[model.native_body]
        try:
            wire = family.parse(body)
        except InvalidRequest as error:
            raise _show(error, model.native_body, family.example) from None
        return family.decode(wire, model)

    def _name(self, body: bytes, model: Model) -> str:
        for marker, name in self._marked.items():
            if marker.encode() in body and marker in _members(body):
                return name
        if model.native_body in EMBEDDINGS:
            raise InvalidRequest(
                f"The model {model.id} makes embeddings and is only asked by InvokeModel, not "
                "streamed, talked to or counted.",
                param="modelId",
            )
        return model.native_body


def _members(body: bytes) -> dict[str, Raw]:
    try:
        return _keys.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _show(error: InvalidRequest, name: str, example: str) -> InvalidRequest:
    said = error.message.removesuffix(".")
    return InvalidRequest(f"{said}. A body of the family '{name}': {example}", param=error.param)
