"""Vectors from a child that runs an embedding model.

A large request is sent in batches: a caller who leaves stops between two, others get their turn,
and no batch is so long that its silence looks like a hang. Counting asks the same tokenizer.
"""

import math
from collections.abc import Iterator, Sequence

from kilonova.core.embedding import EmbeddingAnswer, EmbeddingRequest
from kilonova.core.errors import (
    ContextTooLong,
    EngineFailed,
    InvalidRequest,
    KilonovaError,
    ModelNotReady,
    Overloaded,
)
from kilonova.engines.llamacpp.launch import Options
from kilonova.engines.llamacpp.limits import check_embedding
from kilonova.engines.llamacpp.quarantine import Quarantine
from kilonova.engines.llamacpp.supervisor import Child, Supervisor

__all__ = ["Embeddings"]

_BATCH_TEXTS_MAX = 32
_COUNT_TEXTS_MAX = 256
_BYTES_PER_TOKEN = 4  # roughly: only how much goes into one batch depends on it

Vector = tuple[float, ...]


class Embeddings:
    """``embed`` and ``count`` of one engine."""

    def __init__(self, options: Options, supervisor: Supervisor) -> None:
        self._options = options
        self._supervisor = supervisor
        self._quarantine = Quarantine()
        self._running = 0

    async def count(self, request: EmbeddingRequest) -> int:
        """Exactly what ``embed`` reports. Raises ContextTooLong for the first text too long."""
        check_embedding(request)
        child = await self._ready(request)
        try:
            return await _count(child, request.texts)
        except EngineFailed as error:
            if error.reason != "connection":
                raise
            # The child died, and nothing was made: callers may simply come again.
            raise ModelNotReady("The model is being started again.", retry_after_s=1) from error

    async def embed(self, request: EmbeddingRequest) -> EmbeddingAnswer:
        """One vector a text, cut and normalised as asked."""
        child = await self._ready(request)
        if self._running >= self._options.queue_max:
            raise Overloaded("The embedding model is busy; try again.", retry_after_s=1)
        self._running += 1
        try:
            return await self._embed(child, request)
        finally:
            self._running -= 1

    async def _embed(self, child: Child, request: EmbeddingRequest) -> EmbeddingAnswer:
        vectors: list[Vector] = []
        tokens = 0
        batch_bytes = child.process.spec.context_tokens * _BYTES_PER_TOKEN
        for batch in _batches(request.texts, texts_max=_BATCH_TEXTS_MAX, bytes_max=batch_bytes):
            made, read = await self._ask(child, batch, is_normalised=request.is_normalised)
            vectors += [self._cut(vector, request) for vector in made]
            tokens += read
        return EmbeddingAnswer(vectors=tuple(vectors), input_tokens=tokens)

    async def _ask(
        self, child: Child, texts: Sequence[str], *, is_normalised: bool
    ) -> tuple[list[Vector], int]:
        body: dict[str, object] = {"input": texts}
        self._quarantine.admit(body)
        try:
            made, read = await child.server.embed(texts, is_normalised=is_normalised)
        except KilonovaError as error:
            if error.reason == "connection" and await self._supervisor.is_dead(child):
                self._quarantine.note_death(body)
            raise
        self._quarantine.note_answer(body)
        return made, read

    def _cut(self, vector: Vector, request: EmbeddingRequest) -> Vector:
        """The first dimensions alone, where the operator says that the model was made for it."""
        asked, made, least = request.dimensions, len(vector), self._options.dimensions_min
        if asked is None or asked == made:
            return vector
        if not least or not least <= asked < made:
            can = f"{least} to {made}" if least else f"{made}, and no others"
            raise InvalidRequest(
                f"dimensions is {asked}; this model makes vectors of {can}.", param="dimensions"
            )
        kept = vector[:asked]
        length = math.hypot(*kept)
        if not request.is_normalised or not length:
            return kept
        return tuple([value / length for value in kept])

    async def _ready(self, request: EmbeddingRequest) -> Child:
        child = await self._supervisor.ready()
        if not child.process.spec.makes_embeddings:
            raise InvalidRequest(f"The model {request.model} makes no embeddings.", param="model")
        return child


async def _count(child: Child, texts: Sequence[str]) -> int:
    """Short texts are counted many at a time: a token is at least a byte, so they surely fit."""
    server, most = child.server, child.process.spec.context_tokens
    short: list[str] = []
    total = 0
    for index, text in enumerate(texts):
        if len(text.encode()) + server.framing_tokens <= most:
            short.append(text)
            continue
        tokens = await server.count_texts((text,))
        if tokens > most:
            raise ContextTooLong(input_tokens=tokens, context_tokens=most, text=index)
        total += tokens
    for batch in _batches(short, texts_max=_COUNT_TEXTS_MAX):
        total += await server.count_texts(batch)
    return total


def _batches(
    texts: Sequence[str], *, texts_max: int, bytes_max: int | None = None
) -> Iterator[Sequence[str]]:
    """Neighbours together, up to a number and a size; a text alone may be larger."""
    batch: list[str] = []
    size = 0
    for text in texts:
        grown = size + len(text.encode())
        if batch and (len(batch) == texts_max or (bytes_max is not None and grown > bytes_max)):
            yield batch
            batch, grown = [], len(text.encode())
        batch.append(text)
        size = grown
    if batch:
        yield batch
