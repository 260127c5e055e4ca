"""Events → chunks on Google's stream. Pure.

Each chunk is a ``GenerateContentResponse`` with what is new. A call is held back until it is whole,
since this wire has no fragments of one; the reason to finish and the usage come last, together.
"""

from typing import assert_never

from msgspec import UNSET, UnsetType

from kilonova.core.bill import BillOf, no_bill
from kilonova.core.errors import ContentRefused, KilonovaError
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
from kilonova.dialects.gemini.answer_schema import (
    FINISH_REASONS,
    AnswerHead,
    FunctionCall,
    Manner,
    Part,
    arguments_of,
    average_logprob,
    bare_enum,
    wire_logprobs,
    wire_usage,
)
from kilonova.dialects.gemini.encode import CUT_CALL
from kilonova.dialects.gemini.errors import error_body
from kilonova.dialects.gemini.framing import Framing
from kilonova.dialects.wire.bills import wire_bill
from kilonova.dialects.wire.sse import encode_line

__all__ = ["StreamEncoder"]

_START = b'{"candidates":[{"content":{"parts":['


class StreamEncoder:
    """One for each stream. ``encode`` gives the bytes of an event, which may be none."""

    def __init__(
        self, head: AnswerHead, framing: Framing, manner: Manner, *, bill: BillOf = no_bill
    ) -> None:
        self._bill = bill
        self._framing = framing
        self._manner = manner
        # What both heads say, as members of one document.
        self._head = b"," + encode_line(head)[1:]
        self._rest = b'],"role":"model"},"index":0}]' + self._head
        self._thoughts: list[str] = []
        self._word: list[str] = []
        self._call: ToolCallStarted | None = None
        self._arguments: list[str] = []
        self._is_cut = False
        self._end: ChoiceFinished | None = None

    def encode(self, event: ChatEvent) -> bytes:
        """The chunks of one event, framed."""
        if type(event) is TextDelta and self._call is None and self._is_plain(event):
            # Nearly every event of a stream takes this way.
            return self._framing.frame(
                _START + b'{"text":' + encode_line(event.text) + b"}" + self._rest
            )
        if isinstance(event, ChatStarted):
            return b""
        if isinstance(event, ChatFinished):
            return self._framing.frame(self._last(event)) + self._framing.end
        return self._next(event)

    def _is_plain(self, event: TextDelta) -> bool:
        return not event.logprobs and not self._manner.is_bare_enum

    def _next(
        self, event: TextDelta | ReasoningDelta | ToolCallStarted | ToolCallDelta | ChoiceFinished
    ) -> bytes:
        if isinstance(event, ToolCallDelta):
            self._arguments.append(event.arguments)
            return b""
        before = self._finish_call()
        match event:
            case TextDelta():
                return before + self._text(event)
            case ReasoningDelta():
                return before + self._thought(event)
            case ToolCallStarted():
                self._call = event
            case ChoiceFinished():
                self._end = event
                if self._word:
                    before += self._part(Part(text=bare_enum("".join(self._word))))
            case _ as never:
                assert_never(never)
        return before

    def fail(self, error: KilonovaError) -> bytes:
        """The last bytes of a stream that broke. A refusal is an end like others on this wire."""
        if isinstance(error, ContentRefused):
            message = encode_line(error.message)
            refused = (
                b'{"candidates":[{"finishReason":"SAFETY","finishMessage":' + message
                + b',"index":0}]' + self._head
            )  # fmt: skip
            return self._framing.frame(refused) + self._framing.end
        return self._framing.frame(error_body(error)) + self._framing.end

    def _part(self, part: Part) -> bytes:
        return self._framing.frame(_START + encode_line(part) + self._rest)

    def _thought(self, event: ReasoningDelta) -> bytes:
        self._thoughts.append(event.text)
        if not self._manner.shows_thoughts:
            return b""
        return self._part(Part(text=event.text, thought=True))

    def _signature(self) -> str | UnsetType:
        """Of what was thought, once: with the first call, else at the end."""
        thought = "".join(self._thoughts)
        self._thoughts = []
        return self._manner.seal.hide(thought) if thought else UNSET

    def _text(self, event: TextDelta) -> bytes:
        if self._manner.is_bare_enum:
            # The quotes are known to be such when the word is whole, and a word is short.
            self._word.append(event.text)
            return b""
        if not event.logprobs:
            return self._part(Part(text=event.text))
        likely = encode_line(wire_logprobs(event.logprobs))
        average = encode_line(average_logprob(event.logprobs))
        return self._framing.frame(
            _START + encode_line(Part(text=event.text)) + b'],"role":"model"},"index":0'
            + b',"avgLogprobs":' + average + b',"logprobsResult":' + likely + b"}]" + self._head
        )  # fmt: skip

    def _finish_call(self) -> bytes:
        """The call that was held back, now that the next thing follows it."""
        call, self._call = self._call, None
        if call is None:
            return b""
        arguments = arguments_of("".join(self._arguments))
        self._arguments = []
        if arguments is None:
            self._is_cut = True
            return b""
        written = FunctionCall(call.id, call.name, arguments)
        return self._part(Part(function_call=written, thought_signature=self._signature()))

    def _last(self, event: ChatFinished) -> bytes:
        assert self._end is not None, "an engine ended without finishing its choice"
        reason = FINISH_REASONS[self._end.reason]
        if self._is_cut and self._end.reason != "length":
            reason = "MALFORMED_FUNCTION_CALL"
        note = b',"finishMessage":' + encode_line(CUT_CALL) if self._is_cut else b""
        part = encode_line(Part(text="", thought_signature=self._signature()))
        return (
            _START + part + b'],"role":"model"},"finishReason":'
            + encode_line(reason) + note + b',"index":0}],"usageMetadata":'
            + encode_line(wire_usage(event.usage)) + wire_bill(self._bill()) + self._head
        )  # fmt: skip
