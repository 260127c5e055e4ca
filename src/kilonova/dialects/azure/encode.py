"""Models, as Azure lists them: with what each can do. Pure.

Every field of OpenAI's card is there, too, since Azure's clients are OpenAI's.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from kilonova.core.model import Model

__all__ = ["encode_model", "encode_models"]


class _Capabilities(Struct, frozen=True):
    chat_completion: bool
    completion: bool
    embeddings: bool
    fine_tune: bool = False
    inference: bool = True


class _Card(Struct, frozen=True, kw_only=True):
    id: str
    object: str = "model"
    created: int
    owned_by: str
    created_at: int
    updated_at: int
    status: str = "succeeded"
    lifecycle_status: str = "generally-available"
    deprecation: dict[str, int] = {}
    capabilities: _Capabilities


class _Cards(Struct, frozen=True):
    data: tuple[_Card, ...]
    object: str = "list"


def encode_model(model: Model) -> bytes:
    """A ``model`` object."""
    return msgspec.json.encode(_card(model))


def encode_models(models: Sequence[Model]) -> bytes:
    """All models, as one page."""
    return msgspec.json.encode(_Cards(tuple(_card(model) for model in models)))


def _card(model: Model) -> _Card:
    capabilities = _Capabilities(
        chat_completion=model.can("chat"),
        completion=model.can("completion"),
        embeddings=model.can("embeddings"),
    )
    return _Card(
        id=model.id,
        created=model.created_s,
        owned_by=model.provider,
        created_at=model.created_s,
        updated_at=model.created_s,
        capabilities=capabilities,
    )
