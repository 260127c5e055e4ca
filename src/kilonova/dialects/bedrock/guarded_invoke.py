"""A guardrail around InvokeModel: as around Converse, in the body of the model's own family.

The body of the answer says what the guardrail did, in a stream its last chunk.
"""

from typing import Any

import msgspec
from msgspec import Raw, Struct

from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model
from kilonova.dialects.bedrock.families import Families
from kilonova.dialects.bedrock.guarded import Guarded, GuardedChat, Guarding, events_of
from kilonova.dialects.bedrock.guarded_trace import native_trace
from kilonova.dialects.bedrock.native_answer import NativeAnswer, about
from kilonova.dialects.bedrock.schema import GuardrailConfig
from kilonova.dialects.wire.native import NativeRequest
from kilonova.gateway.call import Caller
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.screening import Screening
from kilonova.web.message import Request

__all__ = ["GuardedInvoke", "NativeAsked"]

_members = msgspec.json.Decoder(dict[str, Raw])


class NativeAsked(Struct, frozen=True):
    """Who asks which model, under which guardrail."""

    caller: Caller
    model: Model
    config: GuardrailConfig


class GuardedInvoke:
    """Answers requests whose headers name a guardrail."""

    def __init__(self, gateway: Gateway, screening: Screening, families: Families) -> None:
        self._guarded = GuardedChat(gateway, screening)
        self._families = families

    async def whole(self, request: Request, asked: NativeAsked) -> tuple[NativeAnswer, int]:
        """One body, and the price of it and of its readings."""
        native, guarded = await self._answer(request, asked, streams=False)
        writer = native.writer(about(request.trace.request_id, asked.model))
        body = _marked(writer.whole(guarded.answer), guarded, asked.config)
        return NativeAnswer(body, native.ignored), guarded.price_nano

    async def chunks(
        self, request: Request, asked: NativeAsked
    ) -> tuple[list[bytes], tuple[str, ...]]:
        """All chunks of a stream, which was held back until its answer was read."""
        native, guarded = await self._answer(request, asked, streams=True)
        writer = native.writer(about(request.trace.request_id, asked.model))
        chunks = [chunk for event in events_of(guarded.answer) for chunk in writer.chunks(event)]
        chunks += writer.last(guarded.answer.usage, _metrics(guarded))
        chunks[-1] = _marked(chunks[-1], guarded, asked.config)
        return chunks, native.ignored

    async def _answer(
        self, request: Request, asked: NativeAsked, *, streams: bool
    ) -> tuple[NativeRequest, Guarded]:
        if self._families.makes_vectors(asked.model):
            raise InvalidRequest(
                "guardrailIdentifier: texts that become vectors are not read by guardrails; use "
                "ApplyGuardrail before.",
                param="guardrailIdentifier",
            )
        native = self._families.decode(request.body, asked.model, streams)
        if native.request.choices != 1:
            raise InvalidRequest(
                "guardrailIdentifier: a guardrail reads one answer; ask for one at a time.",
                param="guardrailIdentifier",
            )
        if native.request.top_logprobs is not None:
            raise InvalidRequest(
                "guardrailIdentifier: log-probabilities would tell what a guardrail masks; leave "
                "logprobs out.",
                param="logprobs",
            )
        guarding = Guarding(native.request, asked.config)
        return native, await self._guarded.answer(request, asked.caller, guarding)


def _marked(body: bytes, guarded: Guarded, config: GuardrailConfig) -> bytes:
    """The object, with what the guardrail did among its members."""
    members: dict[str, Any] = dict(_members.decode(body))
    readings = guarded.readings
    members["amazon-bedrock-guardrailAction"] = "INTERVENED" if readings.has_intervened else "NONE"
    trace = native_trace(readings, config.trace)
    if trace is not None:
        members["amazon-bedrock-trace"] = {"guardrail": trace}
    return msgspec.json.encode(members)


def _metrics(guarded: Guarded) -> dict[str, int]:
    usage = guarded.answer.usage
    return {
        "inputTokenCount": usage.input_tokens,
        "outputTokenCount": usage.output_tokens,
        "invocationLatency": guarded.latency_ms,
        "firstByteLatency": guarded.latency_ms,
        "cacheReadInputTokenCount": usage.cache_read_tokens,
        "cacheWriteInputTokenCount": usage.cache_write_tokens,
    }
