"""One request, always in this order: authorise, admit, route, engine, meter.

    Credential, ChatRequest ─ authorise ► Principal ─ admit ► Permit ─ route ► Route
                            ─ engine ► ChatEvents ─ meter ► UsageRecord

Before it a dialect decodes; after it the same dialect encodes. Nothing else touches the wire.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec.structs import replace

from kilonova.catalog.catalog import Catalog
from kilonova.core.chat import ChatRequest
from kilonova.core.embedding import EmbeddingAnswer, EmbeddingRequest
from kilonova.core.events import ChatEvent
from kilonova.core.model import Model
from kilonova.core.ports import Authority
from kilonova.gateway.abilities import EmbeddingLimits, refuse_unable, refuse_unembeddable
from kilonova.gateway.admission import Admission
from kilonova.gateway.call import Call, Caller
from kilonova.gateway.meter import Meter
from kilonova.gateway.replay import Attempt, Replays, replay_key
from kilonova.gateway.router import Router
from kilonova.gateway.stream import ChatStream
from kilonova.telemetry.trace import Trace

__all__ = ["Gateway"]


class Gateway:
    """The request path. Every dialect calls it; it calls no dialect."""

    def __init__(
        self,
        *,
        authority: Authority,
        catalog: Catalog,
        admission: Admission,
        router: Router,
        meter: Meter,
        replays: Replays,
        embedding_limits: EmbeddingLimits | None = None,
    ) -> None:
        self._authority = authority
        self._catalog = catalog
        self._admission = admission
        self._router = router
        self._meter = meter
        self._replays = replays
        self._embedding_limits = embedding_limits or EmbeddingLimits()

    def authorise(self, call: Call) -> Caller:
        """The proven caller. Raises Unauthenticated. The first step of every dialect handler."""
        trace = call.trace
        trace.dialect = call.dialect
        principal = self._authority.principal(call.credential)
        trace.organisation_id = principal.organisation_id
        trace.project_id = principal.project_id
        trace.key_id = principal.key_id
        return Caller(call, principal, self._authority.generation)

    def renew(self, caller: Caller) -> Caller:
        """The caller as of now: it waited, and its key may have been revoked or limited since."""
        generation = self._authority.generation
        if generation == caller.generation:
            return caller
        return Caller(caller.call, self._authority.current(caller.principal), generation)

    async def chat(
        self, caller: Caller, request: ChatRequest, *, is_whole: bool = False
    ) -> ChatStream:
        """Returns once the first event is there and the permit is on disk.

        Every refusal is raised here, before a dialect has sent a byte. What breaks later is raised
        while the stream is read. A retry of a request that was already answered is answered again
        from memory and billed once. ``is_whole``: the caller of this will ``collect`` it.
        """
        trace = caller.call.trace
        trace.is_whole = is_whole
        model = self.model(request.model)
        trace.model_id = model.id
        refuse_unable(model, request)
        if is_whole and self._router.engine(model).answers_whole:
            request = replace(request, is_whole=True)
        if caller.call.idempotency_key is None:
            events = await self._run(caller, model, request)
        else:
            attempt = await self._replays.find(replay_key(caller), caller.call.body)
            if attempt is None:
                events = self._run_once(caller, model, request)
            else:
                events = _replay(attempt, trace)
        if request.is_whole:
            events = await self._meter.read_whole(events, trace)
        return ChatStream(events, await anext(events), model, trace)

    async def _run(
        self, caller: Caller, model: Model, request: ChatRequest
    ) -> AsyncGenerator[ChatEvent, None]:
        """Admit, route, engine, meter. No await stands between the permit and its meter."""
        route = self._router.route(model, request, cache_scope=caller.principal.organisation_id)
        input_tokens = await route.engine.count_tokens(route.request)
        caller = self.renew(caller)
        permit = self._admission.admit_chat(caller, model, request, input_tokens=input_tokens)
        limited = replace(route.request, max_output_tokens=permit.max_output_tokens)
        return self._meter.watch(permit, route.engine.chat(limited), choices=request.choices)

    async def _run_once(
        self, caller: Caller, model: Model, request: ChatRequest
    ) -> AsyncGenerator[ChatEvent, None]:
        """As ``_run``, and keeps a complete answer for retries with the same idempotency key."""
        events: list[ChatEvent] = []
        try:
            async with aclosing(await self._run(caller, model, request)) as source:
                async for event in source:
                    events.append(event)
                    yield event
        finally:
            self._replays.finish(replay_key(caller), events, caller.call.trace.record)

    async def count_tokens(self, caller: Caller, request: ChatRequest) -> int:
        """The input tokens that ``chat`` would bill. Free of charge."""
        model = self.model(request.model)
        caller.call.trace.model_id = model.id
        refuse_unable(model, request)
        route = self._router.route(model, request, cache_scope=caller.principal.organisation_id)
        return await route.engine.count_tokens(route.request)

    async def embed(self, caller: Caller, request: EmbeddingRequest) -> EmbeddingAnswer:
        """One vector a text. A retry of what was already answered is billed once."""
        model = self.model(request.model)
        caller.call.trace.model_id = model.id
        refuse_unembeddable(model, request, limits=self._embedding_limits)
        if caller.call.idempotency_key is None:
            return await self._embed(caller, model, request)
        key = replay_key(caller, "embed")
        attempt = await self._replays.find(key, caller.call.body)
        if attempt is not None:
            caller.call.trace.was_replayed = True
            caller.call.trace.record = attempt.record
            return attempt.embedding
        answer: EmbeddingAnswer | None = None
        try:
            answer = await self._embed(caller, model, request)
        finally:
            self._replays.finish_embedding(key, answer, caller.call.trace.record)
        return answer

    async def _embed(
        self, caller: Caller, model: Model, request: EmbeddingRequest
    ) -> EmbeddingAnswer:
        """As ``_run``, for a request without output."""
        engine = self._router.engine(model)
        served = replace(request, model=model.engine_model or model.id)
        input_tokens = await engine.count_embedding(served)
        caller = self.renew(caller)
        permit = self._admission.admit_whole(caller, model, input_tokens=input_tokens)
        return await self._meter.watch_whole(permit, engine.embed(served))

    def budget_left_nano(self, caller: Caller) -> int | None:
        """The money that this caller may still spend; None where nothing limits it."""
        return self._admission.budget_left_nano(caller.principal)

    def models(self) -> tuple[Model, ...]:
        """Every model on offer."""
        return self._catalog.models

    def model(self, name: str) -> Model:
        """The model of this id or alias. Raises NotFound."""
        return self._catalog.find(name)


async def _replay(attempt: Attempt, trace: Trace) -> AsyncGenerator[ChatEvent, None]:
    trace.was_replayed = True
    trace.record = attempt.record
    if attempt.record is not None:
        trace.service_tier = attempt.record.service_tier
    for event in attempt.events:
        yield event
