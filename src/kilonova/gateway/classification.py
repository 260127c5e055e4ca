"""Reading texts instead of writing them: the same path as any request, without an engine.

    authorise ► Principal ─ admit ► Permit ─ scan ► Scans ─ meter ► UsageRecord

The model is part of the platform itself, so there is no queue and nothing to route. A token of it
is four bytes of UTF-8, begun ones included.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from kilonova.catalog.catalog import Catalog
from kilonova.core.errors import (
    ContextTooLong,
    EngineFailed,
    InvalidRequest,
    ModelNotReady,
    NotFound,
    RequestTooLarge,
)
from kilonova.core.model import Model
from kilonova.gateway.abilities import require
from kilonova.gateway.admission import Admission
from kilonova.gateway.call import Caller
from kilonova.gateway.meter import Meter
from kilonova.gateway.replay import Replays, replay_key
from kilonova.guardrails.scan import Scan

__all__ = [
    "BYTES_PER_TOKEN",
    "Classification",
    "ClassificationLimits",
    "ClassificationRequest",
    "Classifications",
    "Scanner",
    "open_sentry",
]

BYTES_PER_TOKEN = 4

# What a scan takes in memory, nearly all of it the probabilities of every label, and what each find
# in it takes.
_SCAN_BYTES, _SPAN_BYTES = 12_288, 128


class Scanner(Protocol):
    """What reads a text. One serves all threads."""

    labels: dict[str, tuple[str, ...]]

    def scan(self, text: str) -> Scan: ...


class ClassificationLimits(Struct, frozen=True, kw_only=True):
    """What one request may ask to read."""

    texts_max: int = 1_024
    characters_max: int = 2_000_000


_LIMITS = ClassificationLimits()


class ClassificationRequest(Struct, frozen=True, kw_only=True):
    """``model`` None: the first that classifies."""

    model: str | None
    texts: tuple[str, ...]


class Classification(Struct, frozen=True, kw_only=True):
    """One scan a text, in order. ``labels`` are those of each task, in the order of its
    probabilities; ``input_tokens`` is what was read over all texts."""

    model: Model
    scans: tuple[Scan, ...]
    labels: dict[str, tuple[str, ...]]
    input_tokens: int


class Classifications:
    """Admits, scans and meters. The scanner is opened by the first request that needs it."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        admission: Admission,
        meter: Meter,
        open_scanner: Callable[[], Scanner],
        replays: Replays,
        renew: Callable[[Caller], Caller],
        limits: ClassificationLimits = _LIMITS,
    ) -> None:
        self._catalog = catalog
        self._admission = admission
        self._meter = meter
        self._open_scanner = open_scanner
        self._replays = replays
        self._renew = renew
        self._limits = limits
        self._scanner: Scanner | None = None
        self._opening = asyncio.Lock()

    async def classify(self, caller: Caller, request: ClassificationRequest) -> Classification:
        """Raises whatever refuses the request before it costs anything. A retry of what was already
        answered is billed once."""
        model = self._find(request.model)
        trace = caller.call.trace
        trace.model_id = model.id
        require(model, "classify", "model")
        self._refuse_too_much(request)
        if caller.call.idempotency_key is None:
            return await self._classify(caller, model, request)
        key = replay_key(caller, "classify")
        attempt = await self._replays.find(key, caller.call.body)
        if attempt is not None:
            assert isinstance(attempt.whole, Classification), "kept under a key of its own kind"
            trace.was_replayed, trace.record = True, attempt.record
            return attempt.whole
        answer: Classification | None = None
        try:
            answer = await self._classify(caller, model, request)
        finally:
            size = _kept_bytes(answer) if answer is not None else 0
            self._replays.finish_whole(key, answer, size=size, record=trace.record)
        return answer

    async def _classify(
        self, caller: Caller, model: Model, request: ClassificationRequest
    ) -> Classification:
        tokens = _count_tokens(model, request.texts)
        caller = self._renew(caller)
        permit = self._admission.admit_whole(caller, model, input_tokens=tokens)
        return await self._meter.watch_whole(permit, self._read(model, request.texts, tokens))

    def _find(self, name: str | None) -> Model:
        """Raises NotFound; without a name, where nothing classifies here."""
        if name is not None:
            return self._catalog.find(name)
        for model in self._catalog.models:
            if model.can("classify"):
                return model
        raise NotFound("No model here classifies texts.", param="model", reason="model_not_found")

    async def _read(self, model: Model, texts: tuple[str, ...], tokens: int) -> Classification:
        """In a thread: a page takes a millisecond, and a request may hold a thousand."""
        scanner = await self._opened()
        scans = await asyncio.to_thread(lambda: tuple([scanner.scan(text) for text in texts]))
        return Classification(model=model, scans=scans, labels=scanner.labels, input_tokens=tokens)

    async def _opened(self) -> Scanner:
        async with self._opening:
            if self._scanner is None:
                self._scanner = await asyncio.to_thread(self._open_scanner)
        return self._scanner

    def _refuse_too_much(self, request: ClassificationRequest) -> None:
        count, limits = len(request.texts), self._limits
        if not 1 <= count <= limits.texts_max:
            raise InvalidRequest(
                f"There are {count} texts to read; send 1 to {limits.texts_max} at a time.",
                param="input",
            )
        characters = sum(map(len, request.texts))
        if characters > limits.characters_max:
            raise RequestTooLarge(
                f"The texts to read have {characters} characters together, more than the limit of "
                f"{limits.characters_max}. Send fewer at a time.",
                param="input",
            )


def _kept_bytes(answer: Classification) -> int:
    return sum(_SCAN_BYTES + _SPAN_BYTES * len(scan.personal_data) for scan in answer.scans)


def open_sentry() -> Scanner:
    """The packaged Sentry. Loads NumPy, so only those who classify pay for it."""
    try:
        from kilonova.guardrails.sentry import Sentry
    except ModuleNotFoundError as error:
        raise ModelNotReady(f"Sentry needs the package {error.name!r}: install it.") from None
    from kilonova.guardrails.weights import WeightsError

    try:
        return Sentry.packaged()
    except WeightsError as error:
        raise EngineFailed(f"Sentry cannot be opened: {error}.") from None


def _count_tokens(model: Model, texts: tuple[str, ...]) -> int:
    """Raises ContextTooLong for the first text that the model would not read whole."""
    total = 0
    for index, text in enumerate(texts):
        tokens = -(-len(text.encode(errors="replace")) // BYTES_PER_TOKEN)
        if tokens > model.context_tokens:
            raise ContextTooLong(
                input_tokens=tokens, context_tokens=model.context_tokens, text=index
            )
        total += tokens
    return total
