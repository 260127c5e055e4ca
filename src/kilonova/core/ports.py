"""The faces that concrete parts show to the request path. ``app.py`` plugs the parts in."""

from asyncio import Future
from collections.abc import AsyncIterator
from typing import Protocol

from msgspec import Struct

from kilonova.core.chat import ChatRequest
from kilonova.core.embedding import EmbeddingAnswer, EmbeddingRequest
from kilonova.core.events import ChatEvent
from kilonova.core.identity import Credential, Principal
from kilonova.core.usage import Usage, UsageRecord

__all__ = ["Authority", "Engine", "Health", "Hold", "Ledger"]


class Health(Struct, frozen=True):
    """``detail`` is a sentence for an operator."""

    is_ready: bool
    detail: str = ""


class Engine(Protocol):
    """A way to run models. One instance may serve several models by ``request.model``.

    ``chat`` is an asynchronous generator; closing it frees what the request held in the engine
    within two decode steps. Errors are KilonovaErrors; an error before the first event means that
    nothing was generated.
    """

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def health(self) -> Health: ...

    async def count_tokens(self, request: ChatRequest) -> int:
        """Input tokens that ``chat`` would report, or an upper bound where none can be counted."""

    def chat(self, request: ChatRequest) -> AsyncIterator[ChatEvent]: ...

    async def count_embedding(self, request: EmbeddingRequest) -> int:
        """Input tokens that ``embed`` would report, or an upper bound where none can be counted.

        Raises ContextTooLong for the first text that does not fit, where it can be told."""

    async def embed(self, request: EmbeddingRequest) -> EmbeddingAnswer:
        """One vector a text. Raises InvalidRequest where the engine has no embedding model, or
        cannot make vectors of these dimensions."""


class Authority(Protocol):
    """Knows keys. Raises Unauthenticated with a reason.

    ``generation`` grows with every change of a key, a limit or an owner.
    """

    @property
    def generation(self) -> int: ...

    def principal(self, credential: Credential) -> Principal: ...

    def current(self, principal: Principal) -> Principal:
        """The same caller with the limits of now; raises if its key was revoked or expired."""


class Hold(Struct, frozen=True, kw_only=True):
    """Money and tokens set aside for one running request, as it is kept on disk."""

    request_id: str
    organisation_id: str
    project_id: str
    key_id: str
    model_id: str
    dialect: str
    held_nano: int
    currency: str
    price_version: str
    price_input: int
    price_cache_read: int
    price_cache_write: int
    price_output: int
    input_tokens: int
    started_ms: int


class Ledger(Protocol):
    """The durable book of requests: reserve, checkpoint, settle. Called on the event loop.

    ``reserve`` and ``settle`` return futures that are done when the entry is on disk; they raise
    Overloaded when the store cannot take it. A settlement is never dropped: if its future fails,
    the ledger keeps it and writes it as soon as the store takes it.
    """

    def reserve(self, hold: Hold) -> "Future[None]": ...

    def checkpoint(self, request_id: str, usage: Usage) -> None: ...

    def settle(self, record: UsageRecord) -> "Future[None]": ...

    def spent_nano(self, level_id: str) -> int:
        """All money settled so far against a key, project or organisation."""
