"""Events → chunks on OpenAI's stream, framed as server-sent events or bare. Pure.

Everything that stays the same over a stream is encoded once, so that a chunk costs one JSON string
and a few concatenations. The first chunk of each choice carries its role, the last its finish
reason; the usage, where it was asked for, comes alone after all choices.
"""

from collections.abc import Callable
from typing import assert_never

import msgspec
from msgspec import Struct

from kilonova.core.bill import BillOf, no_bill
from kilonova.core.events import (
    ChatEvent,
    ChatFinished,
    ChatStarted,
    ChoiceFinished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from kilonova.core.usage import Usage
from kilonova.dialects.openai.answer_schema import (
    FINISH_REASONS,
    AnswerHead,
    WireUsage,
    wire_logprobs,
    wire_usage,
)
from kilonova.dialects.wire.bills import wire_bill
from kilonova.dialects.wire.sse import DONE, encode_line

__all__ = ["Form", "StreamEncoder"]

_encode = msgspec.json.Encoder().encode


class Form(Struct, frozen=True):
    """What stands around each chunk, and in the place of a content where there is none."""

    opening: bytes = b"data: "
    closing: bytes = b"\n\n"
    no_content: bytes = b"null"


_SSE = Form()


class StreamEncoder:
    """One for each stream. ``encode`` gives the bytes of an event, which may be none. From the
    first chunk on (``is_open``) an event is one chunk."""

    def __init__(
        self,
        head: AnswerHead,
        *,
        choices: int,
        has_usage: bool,
        usage: Callable[[Usage], WireUsage] = wire_usage,
        form: Form = _SSE,
        bill: BillOf = no_bill,
    ) -> None:
        tier = b"" if head.service_tier is msgspec.UNSET else _tier(head.service_tier)
        self._head = (
            form.opening + b'{"id":' + _encode(head.id)
            + b',"object":"chat.completion.chunk","created":' + _encode(head.created)
            + b',"model":' + _encode(head.model) + tier
            + b',"system_fingerprint":' + _encode(head.system_fingerprint)
            + b',"choices":['
        )  # fmt: skip
        self._tail = (b'],"usage":null}' if has_usage else b"]}") + form.closing
        self._has_usage = has_usage
        self._usage = usage
        self._form = form
        self._bill = bill
        self.is_open = False
        # A choice's chunk up to its delta, and from there on when nothing else is to be said.
        self._deltas = [self._head + b'{"index":%d,"delta":{' % index for index in range(choices)]
        self._rest = b'},"logprobs":null,"finish_reason":null}' + self._tail

    def encode(self, event: ChatEvent) -> bytes:
        """The chunks of one event, in their form."""
        if type(event) is TextDelta and self.is_open and not event.logprobs:
            # Nearly every event of a stream takes this way.
            text = b'"content":' + encode_line(event.text)
            return self._deltas[event.choice] + text + self._rest
        return b"".join(self.chunks(event))

    def chunks(self, event: ChatEvent) -> list[bytes]:
        """The same, one by one."""
        if isinstance(event, ChatStarted):
            return []
        if isinstance(event, ChatFinished):
            return self._end(event)
        return [*self._open(event), self._chunk(event)]

    def _open(self, event: ChatEvent) -> list[bytes]:
        """Every choice's role, in order: clients number choices as they first meet them."""
        if self.is_open:
            return []
        self.is_open = True
        has_text = isinstance(event, TextDelta | ChoiceFinished)
        content = b'""' if has_text else self._form.no_content
        role = b'"role":"assistant","content":' + content + b',"refusal":null'
        return [delta + role + self._rest for delta in self._deltas]

    def _chunk(
        self, event: TextDelta | ReasoningDelta | ToolCallStarted | ToolCallDelta | ChoiceFinished
    ) -> bytes:
        start, rest = self._deltas[event.choice], self._rest
        match event:
            case TextDelta():
                if event.logprobs:
                    rest = self._rest_with(encode_line(wire_logprobs(event.logprobs)), b"null")
                return start + b'"content":' + encode_line(event.text) + rest
            case ReasoningDelta():
                return start + b'"reasoning_content":' + encode_line(event.text) + rest
            case ToolCallStarted():
                return start + _tool_call_start(event) + rest
            case ToolCallDelta():
                return (
                    start + b'"tool_calls":[{"index":%d,"function":{"arguments":' % event.index
                    + encode_line(event.arguments) + b"}}]" + rest
                )  # fmt: skip
            case ChoiceFinished():
                return start + self._rest_with(b"null", _encode(FINISH_REASONS[event.reason]))
            case _ as never:
                assert_never(never)

    def _rest_with(self, logprobs: bytes, reason: bytes) -> bytes:
        return b'},"logprobs":' + logprobs + b',"finish_reason":' + reason + b"}" + self._tail

    def _end(self, event: ChatFinished) -> list[bytes]:
        if not self._has_usage:
            return [DONE]
        usage = b'],"usage":' + _encode(self._usage(event.usage)) + wire_bill(self._bill()) + b"}"
        return [self._head + usage + self._form.closing, DONE]


def _tier(service_tier: str | msgspec.UnsetType) -> bytes:
    return b',"service_tier":' + _encode(service_tier)


def _tool_call_start(event: ToolCallStarted) -> bytes:
    return (
        b'"tool_calls":[{"index":%d,"id":' % event.index + encode_line(event.id)
        + b',"type":"function","function":{"name":' + encode_line(event.name)
        + b',"arguments":""}}]'
    )  # fmt: skip
