"""A guardrail around a model: it reads what the user says before the model does, and the answer
before the caller does. A stream is held back until its answer was read.

What is read: the texts that the caller marked with guardContent, otherwise every text of the
messages, thoughts and tool results among them, not the system's; of an answer text and thoughts.
Arguments of tools are not read. Each reading has a permit and a record of its own beside the
model's.
"""

import time
from collections.abc import Iterator, Sequence
from hashlib import sha256

from msgspec import Struct
from msgspec.structs import replace

from kilonova.core.chat import ChatRequest, Message, Part, ReasoningPart, TextPart, ToolResultPart
from kilonova.core.errors import InvalidRequest
from kilonova.core.events import (
    ChatAnswer,
    ChatEvent,
    ChatStarted,
    Choice,
    ChoiceFinished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from kilonova.core.usage import Usage
from kilonova.dialects.bedrock.guardrail_assessment import Judged
from kilonova.dialects.bedrock.guardrails import find_guardrail
from kilonova.dialects.bedrock.schema import GuardrailConfig
from kilonova.gateway.call import Caller
from kilonova.gateway.gateway import Gateway
from kilonova.gateway.replay import replay_key
from kilonova.gateway.screening import Screening
from kilonova.guardrails.policy import Guardrail
from kilonova.web.message import Request

__all__ = ["Guarded", "GuardedChat", "Guarding", "Readings", "events_of"]

_Text = TextPart | ReasoningPart | ToolResultPart
_READABLE = (TextPart, ReasoningPart, ToolResultPart)


class Guarded(Struct, frozen=True, kw_only=True):
    """The answer as the caller may see it, what the guardrail read, and the price of both."""

    answer: ChatAnswer
    latency_ms: int
    price_nano: int
    readings: "Readings"


class Guarding(Struct, frozen=True):
    """A request, the guardrail that it names, and the texts that it marks for it."""

    chat: ChatRequest
    config: GuardrailConfig
    marked: tuple[TextPart, ...] = ()


class GuardedChat:
    """Answers requests that name a guardrail."""

    def __init__(self, gateway: Gateway, screening: Screening) -> None:
        self._gateway = gateway
        self._screening = screening

    async def answer(self, request: Request, caller: Caller, guarding: Guarding) -> Guarded:
        """The whole answer, read; `request.trace` gets the record of whatever answered."""
        guardrail = self._find(guarding.config)
        started_s, price_nano = time.perf_counter(), 0
        asked = await self._read(caller, guardrail, _texts(guarding), is_input=True)
        if asked is not None and asked.is_blocked:
            answer = ChatAnswer((_said(guardrail.blocked_input),), Usage())
            readings = Readings(asked, None)
            request.trace.record = asked.record
        else:
            chat = guarding.chat if asked is None else _masked(guarding, asked)
            stream = await self._gateway.chat(caller, chat, is_whole=True)
            answer = await stream.collect()
            price_nano = stream.record.price_nano
            said = await self._read_output(caller, guardrail, answer)
            readings = Readings(asked, said)
            answer = _screened(answer, said)
        return Guarded(
            answer=answer,
            latency_ms=round((time.perf_counter() - started_s) * 1000),
            price_nano=price_nano + readings.price_nano,
            readings=readings,
        )

    def _find(self, config: GuardrailConfig) -> Guardrail:
        name, version = config.guardrail_identifier, config.guardrail_version
        if not name or not version:
            raise InvalidRequest(
                "guardrailConfig: guardrailIdentifier and guardrailVersion are both required.",
                param="guardrailConfig",
            )
        guardrail = find_guardrail(self._screening, name, version)
        if guardrail is None:
            raise InvalidRequest(
                "The guardrail identifier or version provided in the request does not exist.",
                param="guardrailConfig.guardrailIdentifier",
            )
        return guardrail

    async def _read_output(
        self, caller: Caller, guardrail: Guardrail, answer: ChatAnswer
    ) -> Judged | None:
        (choice,) = answer.choices
        return await self._read(caller, guardrail, [choice.text, choice.reasoning], is_input=False)

    async def _read(
        self, caller: Caller, guardrail: Guardrail, texts: Sequence[str], *, is_input: bool
    ) -> Judged | None:
        """None where there is nothing to read, which costs nothing either."""
        if not any(texts):
            return None
        aside = _aside(caller, ["input"] if is_input else ["output", *texts])
        started_s = time.perf_counter()
        verdicts = await self._screening.judge(aside, guardrail, texts, is_input=is_input)
        return Judged(
            guardrail=guardrail,
            texts=tuple(texts),
            verdicts=verdicts,
            is_input=is_input,
            latency_ms=round((time.perf_counter() - started_s) * 1000),
            record=aside.call.trace.record,
        )


def _aside(caller: Caller, what: Sequence[str]) -> Caller:
    """Who reads. A retry that has something else to read reads that."""
    key = caller.call.idempotency_key
    if key is not None:
        named = "\n".join((*replay_key(caller), *what))
        key = sha256(named.encode(errors="replace")).hexdigest()
    return caller.beside(caller.call.trace.path, idempotency_key=key)


class Readings(Struct, frozen=True):
    """Of the request and of the answer, where there was something to read."""

    asked: Judged | None
    said: Judged | None

    @property
    def all(self) -> tuple[Judged, ...]:
        return tuple(read for read in (self.asked, self.said) if read is not None)

    @property
    def price_nano(self) -> int:
        """What they cost beside the model."""
        return sum(read.record.price_nano for read in self.all if read.record is not None)

    @property
    def has_intervened(self) -> bool:
        return any(read.is_blocked or read.is_masked for read in self.all)

    @property
    def reason(self) -> str:
        """Of the reading that did most."""
        worst = max(self.all, key=lambda read: (read.is_blocked, read.is_masked), default=None)
        return "No action." if worst is None else worst.reason


def _readable(request: ChatRequest) -> list[_Text]:
    return [
        part
        for message in request.messages
        if message.role != "system"
        for part in message.parts
        if isinstance(part, _READABLE)
    ]


def _texts(guarding: Guarding) -> list[str]:
    if guarding.chat.prompt is not None:
        return [guarding.chat.prompt]
    return [part.text for part in guarding.marked or _readable(guarding.chat)]


def _masked(guarding: Guarding, read: Judged) -> ChatRequest:
    """The request with what the guardrail masked in it."""
    if guarding.chat.prompt is not None:
        return replace(guarding.chat, prompt=read.verdicts[0].text)
    parts: Sequence[_Text] = guarding.marked or _readable(guarding.chat)
    # By identity: two parts may say the same, and but one of them be marked.
    texts = {id(part): verdict.text for part, verdict in zip(parts, read.verdicts, strict=True)}

    def masked(part: Part) -> Part:
        if isinstance(part, _READABLE) and id(part) in texts:
            return replace(part, text=texts[id(part)])
        return part

    messages = tuple(
        Message(message.role, tuple(masked(p) for p in message.parts), message.name)
        for message in guarding.chat.messages
    )
    return replace(guarding.chat, messages=messages)


def _screened(answer: ChatAnswer, read: Judged | None) -> ChatAnswer:
    """The answer with what the guardrail masked, or its message instead."""
    if read is None:
        return answer
    if read.is_blocked:
        return ChatAnswer((_said(read.guardrail.blocked_output),), answer.usage)
    (choice,) = answer.choices
    text, reasoning = (verdict.text for verdict in read.verdicts)
    return ChatAnswer((replace(choice, text=text, reasoning=reasoning),), answer.usage)


def _said(text: str) -> Choice:
    return Choice(
        text=text,
        reasoning="",
        tool_calls=(),
        reason="content_filter",
        stop_sequence=None,
        logprobs=(),
    )


def events_of(answer: ChatAnswer) -> Iterator[ChatEvent]:
    """A stream that the answer is the sum of."""
    (choice,) = answer.choices
    count = answer.usage.output_tokens
    yield ChatStarted(answer.usage.prompt_tokens)
    if choice.reasoning:
        yield ReasoningDelta(choice.reasoning, count)
    if choice.text:
        yield TextDelta(choice.text, count)
    for index, tool_call in enumerate(choice.tool_calls):
        yield ToolCallStarted(index, tool_call.id, tool_call.name, count)
        yield ToolCallDelta(index, tool_call.arguments, count)
    yield ChoiceFinished(choice.reason, count, stop_sequence=choice.stop_sequence)
