"""Native bodies: the JSON of one model family, which a cloud passes through its invoke operation.

A dialect that has the codec of a family offers it as a ``Family``; the dialect that serves the
invoke operation frames what it writes. ``app`` brings the two together. Pure.
"""

from collections.abc import Callable
from typing import Any, Protocol

from msgspec import Struct

from kilonova.core.chat import ChatRequest
from kilonova.core.embedding import EmbeddingAnswer, EmbeddingRequest
from kilonova.core.events import ChatAnswer, ChatEvent
from kilonova.core.model import Model
from kilonova.core.usage import Usage

__all__ = ["About", "EmbeddingFamily", "Family", "NativeEmbedding", "NativeRequest", "Writer"]


class About(Struct, frozen=True):
    """What an answer may say about itself."""

    request_id: str
    model: Model
    created_s: int


class Writer(Protocol):
    """Writes the answer to one request: whole, or in chunks, each a JSON document."""

    def whole(self, answer: ChatAnswer) -> bytes: ...

    def chunks(self, event: ChatEvent) -> list[bytes]:
        """What one event amounts to, up to and without ``ChatFinished``."""

    def last(self, usage: Usage, metrics: dict[str, int]) -> list[bytes]:
        """The end of the stream; the cloud's metrics stand in the very last chunk."""


class NativeRequest(Struct, frozen=True):
    """A body, decoded. ``ignored`` names the hints in it that are not followed."""

    request: ChatRequest
    writer: Callable[[About], Writer]
    ignored: tuple[str, ...] = ()


class Family(Struct, frozen=True, kw_only=True):
    """One kind of body that a model is talked to in.

    ``parse`` raises InvalidRequest for what is no body of this family, and the caller is then shown
    ``example``, the smallest one. ``decode`` takes what ``parse`` gave, the model, and whether the
    operation streams (None: it does not say); it raises InvalidRequest. ``marker`` is a member that
    no other family's bodies have.
    """

    example: str
    parse: Callable[[bytes], Any]
    decode: Callable[[Any, Model, bool | None], NativeRequest]
    marker: str = ""


class NativeEmbedding(Struct, frozen=True):
    """As ``NativeRequest``, for vectors."""

    request: EmbeddingRequest
    encode: Callable[[EmbeddingAnswer, str], bytes]
    ignored: tuple[str, ...] = ()


class EmbeddingFamily(Struct, frozen=True, kw_only=True):
    """As ``Family``, for vectors. What is encoded may name the request by its id."""

    example: str
    parse: Callable[[bytes], Any]
    decode: Callable[[Any, Model], NativeEmbedding]
