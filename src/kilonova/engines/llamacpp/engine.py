"""The engine ``llamacpp``: a GGUF model in a supervised child process.

``start`` returns at once and the model loads behind it; requests that come meanwhile wait a bounded
time. Counting a prompt and answering it send the same bytes to the same tokenizer, so that both
report the same number. Closing a stream closes its connection, which frees the slot.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from kilonova.core.chat import ChatRequest
from kilonova.core.embedding import EmbeddingAnswer, EmbeddingRequest
from kilonova.core.errors import (
    EngineFailed,
    InvalidRequest,
    KilonovaError,
    ModelNotReady,
)
from kilonova.core.events import ChatBegun, EngineEvent
from kilonova.core.ports import Health
from kilonova.engines.choices import fan_out
from kilonova.engines.llamacpp.answer import AnswerReader
from kilonova.engines.llamacpp.embeddings import Embeddings
from kilonova.engines.llamacpp.launch import Launcher
from kilonova.engines.llamacpp.launch import Options as LaunchOptions
from kilonova.engines.llamacpp.quarantine import Quarantine
from kilonova.engines.llamacpp.supervisor import Patience, Supervisor

__all__ = ["LlamaCpp"]


class LlamaCpp:
    """See the module. The file, and all waits and limits, are in ``Options``."""

    Options = LaunchOptions
    answers_whole = False

    def __init__(
        self,
        name: str,
        options: LaunchOptions,
        home: Path | None = None,
        *,
        patience: Patience | None = None,
    ) -> None:
        self.name = name
        self.home = home
        self.options = options
        launcher = Launcher(options)
        given = patience or Patience(
            ready_wait_s=options.ready_wait_s, drain_s_max=options.drain_s_max
        )
        self.supervisor = Supervisor(name, launcher.launch, given)
        self._quarantine = Quarantine()
        self._embeddings = Embeddings(options, self.supervisor)

    async def start(self) -> None:
        """Makes the supervisor's task, which ``stop`` ends."""
        self.supervisor.start()

    async def stop(self) -> None:
        await self.supervisor.stop()

    async def health(self) -> Health:
        return self.supervisor.health()

    async def count_tokens(self, request: ChatRequest) -> int:
        """Exactly what ``chat`` reports."""
        child = await self.supervisor.ready()
        prompt = child.writer.write(request)
        try:
            if request.prompt is not None:
                return await child.server.count_prompt(request.prompt)
            return await child.server.count(child.writer.encode(prompt.body))
        except EngineFailed as error:
            if error.reason != "connection":
                raise
            # The child died, and nothing was generated: callers may simply come again.
            raise ModelNotReady(
                f"The model is being started again ({self.name}).", retry_after_s=1
            ) from error

    def chat(self, request: ChatRequest) -> AsyncGenerator[EngineEvent, None]:
        return fan_out(self._stream, request)

    async def count_embedding(self, request: EmbeddingRequest) -> int:
        return await self._embeddings.count(request)

    async def embed(self, request: EmbeddingRequest) -> EmbeddingAnswer:
        return await self._embeddings.embed(request)

    async def _stream(self, request: ChatRequest) -> AsyncGenerator[EngineEvent, None]:
        child = await self.supervisor.ready()
        if child.process.spec.makes_embeddings:
            raise InvalidRequest(f"The model {request.model} makes embeddings only.", param="model")
        prompt = child.writer.write(request)
        self._quarantine.admit(prompt.body)
        reader = AnswerReader(request, prompt)
        ask = child.server.chat if request.prompt is None else child.server.complete
        try:
            async with child.slots.lease(request) as lease:
                yield ChatBegun()
                body = child.writer.encode(prompt.body | {"id_slot": lease.index})
                async with aclosing(ask(body)) as received:
                    async for chunks in received:
                        for event in reader.read(chunks):
                            yield event
                        if reader.is_done:
                            break
                lease.is_over = not reader.is_done
        except KilonovaError as error:
            if error.reason == "connection" and await self.supervisor.is_dead(child):
                self._quarantine.note_death(prompt.body)
            raise
        self._quarantine.note_answer(prompt.body)
        for event in reader.finish():
            yield event
