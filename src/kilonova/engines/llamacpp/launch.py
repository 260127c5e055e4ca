"""From a model file to a proven child: everything that must hold before a request may come.

The order is: distrust the file, start the process, wait for its health, probe one token, prove that
callers are kept apart. Whatever fails, no process is left behind.
"""

import asyncio
import hashlib
import importlib.util
import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from kilonova.core.errors import KilonovaError
from kilonova.engines.llamacpp.body import PromptWriter
from kilonova.engines.llamacpp.header import GgufError, ModelHeader, read_header
from kilonova.engines.llamacpp.process import ChildProcess, open_child
from kilonova.engines.llamacpp.rules import Ceilings
from kilonova.engines.llamacpp.selftest import SelfTestFailed, prove_isolation
from kilonova.engines.llamacpp.server import ChildServer, Properties
from kilonova.engines.llamacpp.slots import SlotPool
from kilonova.engines.llamacpp.spec import ChildSpec
from kilonova.engines.llamacpp.supervisor import CannotStart, Child, ChildFailed
from kilonova.engines.llamacpp.thoughts import Thoughts, controls_of, is_in_thought, switched

__all__ = ["Launcher", "Options"]

_SMALL_MODEL_BYTES = 100 << 20

# A batch of a large model can take this long on a slow machine; a small one never does.
_STALL_S_MAX_SMALL, _STALL_S_MAX = 15.0, 120.0
_HEALTH_POLL_S = 0.01
_QUESTION = {"role": "user", "content": "x"}

# Every stream keeps one of the server's threads; counting tokens and erasing need others.
_SPARE_HTTP_THREADS = 8


_Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 30)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``model`` is the path of a GGUF file; 0 means: chosen from the model and the machine.

    ``context_tokens`` is what one request may have; each of the ``parallel`` slots has as much.
    ``text_chars_max`` and ``items_max`` bound texts and lists for which a schema sets no limit.
    ``embedding`` is whether it makes vectors instead of answers; by default the file says so.
    ``projector`` is the GGUF file with which the model sees images.
    ``dimensions_min`` allows vectors to be cut to so many dimensions; 0: the model's own alone.
    """

    model: str
    sha256: str = ""
    projector: str = ""
    projector_sha256: str = ""
    context_tokens: _Count = 0
    parallel: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    threads: _Count = 0
    prompt_threads: _Count = 0
    embedding: bool | None = None
    dimensions_min: _Count = 0
    text_chars_max: _Count = 0
    items_max: _Count = 0
    cache_type: Literal["f16", "q8_0"] = "f16"
    niceness: int = 0
    queue_max: _Count = 64
    queue_wait_s_max: _Seconds = 30.0
    load_s_max: _Seconds = 120.0
    silence_s_max: _Seconds = 120.0
    ready_wait_s: _Seconds = 10.0
    drain_s_max: _Seconds = 30.0


class Launcher:
    """Launches children of one model, one after the other."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.header: ModelHeader | None = None

    async def launch(self) -> Child:
        """A child that may serve. Raises CannotStart, ChildFailed or a KilonovaError."""
        header = self.header = await asyncio.to_thread(self._examine)
        process = await open_child(self._spec(header))
        server = ChildServer(process.spec, silence_s_max=self.options.silence_s_max)
        is_proven = False
        try:
            async with asyncio.timeout(self.options.load_s_max):
                await _wait_until_healthy(process, server)
                child = await self._prove(header, process, server)
            is_proven = True
            return child
        except TimeoutError as error:
            raise ChildFailed(f"the model did not load in {self.options.load_s_max:g} s") from error
        finally:
            if not is_proven:
                await server.close()
                await process.close()

    def _examine(self) -> ModelHeader:
        if importlib.util.find_spec("xllamacpp") is None:
            raise CannotStart("xllamacpp is missing: pip install 'kilonova[llamacpp]'")
        if self.options.projector:
            _examine_file(self.options.projector, self.options.projector_sha256)
        return _examine_file(self.options.model, self.options.sha256)

    def _spec(self, header: ModelHeader) -> ChildSpec:
        options = self.options
        embedding = options.embedding
        answer_threads, prompt_threads = _threads(options, header)
        return ChildSpec(
            model_path=options.model,
            projector_path=options.projector,
            parallel=options.parallel,
            context_tokens=header.served_context(options.context_tokens),
            threads=answer_threads,
            prompt_threads=prompt_threads,
            http_threads=options.parallel + _SPARE_HTTP_THREADS,
            makes_embeddings=header.makes_embeddings if embedding is None else embedding,
            has_pooling=header.pooling != 0,
            cache_type=options.cache_type,
            niceness=options.niceness,
        )

    async def _prove(
        self, header: ModelHeader, process: ChildProcess, server: ChildServer
    ) -> Child:
        properties = await server.properties()
        _check_slots(properties, process.spec)
        if process.spec.makes_embeddings:
            await server.probe_embeddings()
        else:
            try:
                await prove_isolation(server, self.options.parallel)
            except SelfTestFailed as error:
                raise ChildFailed(f"the self-test failed: {error}") from error
        slots = SlotPool(
            self.options.parallel,
            server.erase,
            server.is_idle,
            queue_max=self.options.queue_max,
            wait_s_max=self.options.queue_wait_s_max,
        )
        ceilings = Ceilings(self.options.text_chars_max or None, self.options.items_max or None)
        writer = PromptWriter(
            header,
            knows_tools=properties.knows_tools,
            thoughts=await _find_thoughts(header, server),
            can_see=bool(self.options.projector),
            ceilings=ceilings,
        )
        is_small = header.file_bytes < _SMALL_MODEL_BYTES
        return Child(
            process, server, slots, writer, _STALL_S_MAX_SMALL if is_small else _STALL_S_MAX
        )


def _examine_file(name: str, sha256: str) -> ModelHeader:
    path = Path(name)
    try:
        header = read_header(path)
    except GgufError as error:
        raise CannotStart(str(error)) from error
    if sha256:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != sha256.lower():
            raise CannotStart(f"{path} has the SHA-256 {digest}, not the one configured")
    return header


async def _find_thoughts(header: ModelHeader, server: ChildServer) -> Thoughts:
    template = header.chat_template
    if not controls_of(template):
        return Thoughts(template=template)
    asked: dict[str, object] = {"messages": [_QUESTION]}
    by_default = await server.render(asked)
    when_on = await server.render(asked | switched(is_on=True))
    when_off = await server.render(asked | switched(is_on=False))
    begun = {"role": "assistant", "content": "y"}
    going_on = {"continue_final_message": "content", "add_generation_prompt": False}
    when_begun = await server.render({"messages": [_QUESTION, begun], **going_on})
    return Thoughts(
        template=template,
        has_switch=when_on != when_off,
        opens=is_in_thought(when_on),
        opens_by_default=is_in_thought(by_default),
        opens_always=is_in_thought(when_begun),
    )


def _check_slots(properties: Properties, spec: ChildSpec) -> None:
    """Slots that share one context could push each other's text out."""
    context_tokens = properties.default_generation_settings.n_ctx
    if properties.total_slots != spec.parallel or context_tokens >= 2 * spec.context_tokens:
        raise ChildFailed(
            f"the child has {properties.total_slots} slots of {context_tokens} tokens, "
            f"not {spec.parallel} of {spec.context_tokens}"
        )


async def _wait_until_healthy(process: ChildProcess, server: ChildServer) -> None:
    while process.is_running:
        try:
            if await server.is_healthy():
                return
        except KilonovaError:
            if process.is_running:
                raise
        await asyncio.sleep(_HEALTH_POLL_S)
    raise ChildFailed(await process.wait())


def _threads(options: Options, header: ModelHeader) -> tuple[int, int]:
    """For answers and for prompts. A small model lives in the cache of one core: with a second
    thread its answers took twice as long, while prompts were read up to 1.7 times as fast."""
    cores = os.cpu_count() or 1
    is_small = header.file_bytes < _SMALL_MODEL_BYTES
    answer = options.threads or (1 if is_small else cores)
    return answer, options.prompt_threads or cores
