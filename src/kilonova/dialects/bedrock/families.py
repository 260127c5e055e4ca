"""Which native body a model speaks."""

from collections.abc import Mapping

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
    """The family of a catalogue entry."""
    return _FAMILIES[model.native_body]
