"""The faces that concrete parts show to the request path. ``app`` plugs the parts in."""

from asyncio import Future
from collections.abc import AsyncIterator
from typing import Protocol

from msgspec import Struct

from kilonova.core.chat import ChatRequest
from kilonova.core.embedding import EmbeddingAnswer, EmbeddingRequest
from kilonova.core.events import EngineEvent
from kilonova.core.identity import Credential, Principal
from kilonova.core.model import Model, Price
from kilonova.core.usage import Cost, Usage, UsageRecord

__all__ = [
    "Authority",
    "CostMeter",
    "Engine",
    "Health",
    "Hold",
    "Ledger",
    "PriceBook",
    "Purchase",
    "Quote",
    "Work",
]


class Health(Struct, frozen=True):
    """``detail`` is a sentence for an operator."""

    is_ready: bool
    detail: str = ""


class Engine(Protocol):
    """A way to run models. One instance may serve several models by ``request.model``.

    ``chat`` is an asynchronous generator; closing it frees what the request held in the engine
    within two decode steps. Its first event is ``ChatBegun``, once the request has left whatever
    queue the engine has. Errors are KilonovaErrors; an error before the event after that means
    that nothing was generated.

    ``answers_whole``: a request that ``is_whole`` is not stopped by closing it where it runs, and
    tells what it used at its end alone, so the gateway reads it to there whoever leaves.
    """

    @property
    def answers_whole(self) -> bool: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def health(self) -> Health: ...

    async def count_tokens(self, request: ChatRequest) -> int:
        """Input tokens that ``chat`` would report, or an upper bound where none can be counted."""

    def chat(self, request: ChatRequest) -> AsyncIterator[EngineEvent]: ...

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
    """Money and tokens set aside for one running request, as it is kept on disk.

    ``price`` is the one of the moment it started; whatever the book says later, it is settled by.
    """

    request_id: str
    organisation_id: str
    project_id: str
    key_id: str
    model_id: str
    dialect: str
    held_nano: int
    price: Price
    input_tokens: int
    started_ms: int
    engine: str = ""
    service_tier: str = "default"


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

    def spent_by_day(self, level_id: str, first_day: int) -> dict[int, int]:
        """The same by the day (since the epoch, UTC) on which requests began, from that day on."""


class Quote(Struct, frozen=True):
    """A price, and the service tier that it buys: the one asked for, if that is on sale."""

    price: Price
    service_tier: str = "default"


class Purchase(Struct, frozen=True, kw_only=True):
    """What decides the price of a request, besides its tokens: who asks which model for which
    service tier, when, and with how long an input."""

    model: Model
    organisation_id: str
    service_tier: str
    input_tokens: int
    at_ms: int


class PriceBook(Protocol):
    """What is charged. Called once a request, on the event loop."""

    def quote(self, purchase: Purchase) -> Quote:
        """Raises NotFound where the model has no price that holds at this moment."""


class Work(Protocol):
    """One request at work on a resource. Each step is told once, in this order; any may be left
    out but the last."""

    def begin(self) -> None:
        """The engine took it up: it has left the engine's queue and reads its prompt."""

    def write(self) -> None:
        """The first piece of the answer is there; what it costs changes from here on."""

    def end(self, usage: Usage) -> Cost:
        """It is over, however it ended. The cost of all of it."""


class CostMeter(Protocol):
    """What requests take. Called on the event loop; no step may wait."""

    def open(self, model: Model, *, input_tokens: int, choices: int = 1) -> Work:
        """``input_tokens`` as counted before the engine read them."""
