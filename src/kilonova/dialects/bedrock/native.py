"""The body of InvokeModel: the model family's own JSON, which AWS passes through untouched.

Which family speaks which body is a property of the model's catalogue entry. A family decodes into
the platform's request and encodes its answers; framing and headers are not its business.
"""

from collections.abc import Callable
from typing import Any, Protocol

from msgspec import Struct

from kilonova.core.events import ChatAnswer, ChatEvent
from kilonova.core.model import Model
from kilonova.core.usage import Usage
from kilonova.dialects.bedrock.decode import Decoded

__all__ = ["About", "Family", "FamilyEvents"]


class About(Struct, frozen=True):
    """What an answer says about itself in some families."""

    request_id: str
    model_id: str
    created_s: int


class FamilyEvents(Protocol):
    """The chunks of one stream: each is a JSON document."""

    def encode(self, event: ChatEvent) -> list[bytes]:
        """The chunks that one event amounts to."""

    def finish(self, usage: Usage, metrics: dict[str, Any]) -> bytes:
        """The last chunk, with AWS's metrics inside."""


class Family(Struct, frozen=True):
    """One kind of native body.

    `decode` takes the body, the model, and whether the operation streams (None: it does not say);
    it raises InvalidRequest. `encode` gives a whole answer, `events` a fresh encoder of a stream.
    """

    decode: Callable[[bytes, Model, bool | None], Decoded]
    encode: Callable[[ChatAnswer, About], bytes]
    events: Callable[[About], FamilyEvents]
