"""Which native body a model speaks."""

from collections.abc import Mapping

from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model, NativeBody
from kilonova.dialects.bedrock.completions_body import COMPLETIONS
from kilonova.dialects.bedrock.messages_body import MESSAGES
from kilonova.dialects.bedrock.native import Family

__all__ = ["family_of"]

_FAMILIES: Mapping[NativeBody, Family] = {
    "messages-v1": MESSAGES,
    "chat-completions": COMPLETIONS,
}


def family_of(model: Model) -> Family:
    """The family of a catalogue entry. Raises InvalidRequest for one that makes vectors only."""
    family = _FAMILIES.get(model.native_body)
    if family is None:
        raise InvalidRequest(
            f"The model {model.id} makes embeddings and is only asked by InvokeModel, not "
            "streamed, talked to or counted.",
            param="modelId",
        )
    return family
