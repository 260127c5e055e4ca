"""The engine ``static``: vectors of texts from a file of a few megabytes, inside this process.

It makes no answers. Nothing waits for it, so the only thing it must not do is to hold the event
loop: between slices of a large request it lets others run.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NoReturn

import msgspec

from kilonova.core.chat import ChatRequest
from kilonova.core.embedding import EmbeddingAnswer, EmbeddingRequest
from kilonova.core.errors import ContextTooLong, InvalidRequest, ModelNotReady, RequestTooLarge
from kilonova.core.events import EngineEvent
from kilonova.core.ports import Health
from kilonova.engines import EngineOptionsError
from kilonova.engines.static.file import StaticFile, StaticFileError, read_static
from kilonova.engines.static.vectors import TOKENS_MAX

__all__ = ["StaticVectors"]

# How long others wait at most for a slice of a large request, beside its last text.
_SLICE_S = 0.002


class StaticOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``model`` is the path of a file of static vectors; ``context_tokens`` bounds one text, and
    ``text_chars_max`` bounds it before it is split."""

    model: str
    sha256: str = ""
    context_tokens: int = 8_192
    text_chars_max: int = 65_536


class StaticVectors:
    """See the module."""

    Options = StaticOptions
    answers_whole = False

    def __init__(self, name: str, options: StaticOptions, home: Path | None = None) -> None:
        if not 1 <= options.context_tokens <= TOKENS_MAX:
            raise EngineOptionsError(
                f"engines.{name}.context_tokens: must be between 1 and {TOKENS_MAX}"
            )
        self.name = name
        self.home = home
        self.options = options
        self._file: StaticFile | None = None
        self._problem = "not started"

    async def start(self) -> None:
        """Reads the file. One that is wrong is reported by ``health`` and to callers."""
        options = self.options
        try:
            self._file = await asyncio.to_thread(
                read_static, Path(options.model), sha256=options.sha256
            )
        except StaticFileError as error:
            self._problem = str(error)

    async def stop(self) -> None:
        self._file = None
        self._problem = "not started"

    async def health(self) -> Health:
        if self._file is None:
            return Health(False, self._problem)
        return Health(True, f"{self._file.vectors.dimensions} dimensions")

    async def count_tokens(self, request: ChatRequest) -> int:
        self._refuse_chat(request)

    def chat(self, request: ChatRequest) -> AsyncIterator[EngineEvent]:
        self._refuse_chat(request)

    def _refuse_chat(self, request: ChatRequest) -> NoReturn:
        raise InvalidRequest(f"The model {request.model} makes embeddings only.", param="model")

    async def count_embedding(self, request: EmbeddingRequest) -> int:
        """Exactly what ``embed`` reports."""
        split = self._ready.pieces.split
        total = 0
        pause = _Pause()
        for index, text in enumerate(request.texts):
            await pause.between()
            self._refuse_long(index, text)
            tokens = len(split(text))
            if tokens > self.options.context_tokens:
                raise ContextTooLong(
                    input_tokens=tokens, context_tokens=self.options.context_tokens, text=index
                )
            total += tokens
        return total

    async def embed(self, request: EmbeddingRequest) -> EmbeddingAnswer:
        file = self._ready
        dimensions = self._dimensions(request, file.vectors.dimensions)
        tokens = await self.count_embedding(request)
        vectors: list[tuple[float, ...]] = []
        pause = _Pause()
        for text in request.texts:
            await pause.between()
            pieces = file.pieces.split(text)
            vectors.append(
                file.vectors.embed(pieces, dimensions, is_normalised=request.is_normalised)
            )
        return EmbeddingAnswer(vectors=tuple(vectors), input_tokens=tokens)

    def _refuse_long(self, index: int, text: str) -> None:
        most = self.options.text_chars_max
        if len(text) > most:
            raise RequestTooLarge(
                f"Text {index} (counted from 0) has {len(text)} characters, more than the {most} "
                "that this model reads. Divide it.",
                param="input",
            )

    def _dimensions(self, request: EmbeddingRequest, most: int) -> int:
        asked = request.dimensions or most
        if asked > most:
            raise InvalidRequest(
                f"dimensions is {asked}; this model makes vectors of at most {most} dimensions.",
                param="dimensions",
            )
        return asked

    @property
    def _ready(self) -> StaticFile:
        if self._file is None:
            raise ModelNotReady(f"The engine {self.name} is not ready.", retry_after_s=1)
        return self._file


class _Pause:
    """Gives way to others whenever a slice of time is used up."""

    def __init__(self) -> None:
        self._until_s = time.perf_counter() + _SLICE_S

    async def between(self) -> None:
        """Call it between two texts."""
        if time.perf_counter() >= self._until_s:
            await asyncio.sleep(0)
            self._until_s = time.perf_counter() + _SLICE_S
