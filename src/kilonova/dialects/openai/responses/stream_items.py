"""One item of a streamed answer: how it opens, what is added to it, how it closes. Pure.

Each gives the events of its life as ``(name, fields)``; ``encode_stream.py`` numbers and frames
them. ``fields`` begin with a comma: they stand behind the event's type and number.
"""

from typing import Literal, Protocol

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from kilonova.core.events import TextDelta, TokenLogprob
from kilonova.dialects.openai.answer_schema import wire_logprobs
from kilonova.dialects.openai.responses.encode import Manner
from kilonova.dialects.openai.responses.items import KeptItem
from kilonova.dialects.openai.responses.schema import (
    FunctionCall,
    MessageItem,
    OutputText,
    ReasoningItem,
    ReasoningText,
    SummaryText,
)
from kilonova.dialects.wire.sse import encode_line

__all__ = ["CallItem", "Events", "OpenItem", "TextItem", "ThoughtItem"]

Events = list[tuple[bytes, bytes]]
_Status = Literal["completed", "incomplete"]

_EMPTY_LIST = Raw(b"[]")
_EMPTY_TEXT = OutputText("", annotations=_EMPTY_LIST, logprobs=_EMPTY_LIST)
_encode = msgspec.json.Encoder().encode


class OpenItem(Protocol):
    """An item that is being streamed."""

    def open(self) -> Events: ...

    def close(self, status: _Status) -> tuple[KeptItem, Events]: ...


def _added(index: int, item: KeptItem) -> tuple[bytes, bytes]:
    started = encode_line(replace(item, status="in_progress"))
    return b"response.output_item.added", b',"output_index":%d,"item":' % index + started


def _done(index: int, item: KeptItem) -> tuple[bytes, bytes]:
    return b"response.output_item.done", b',"output_index":%d,"item":' % index + encode_line(item)


class TextItem:
    """A message of the assistant with one part."""

    def __init__(self, manner: Manner, index: int) -> None:
        self._manner = manner
        self._index = index
        self._texts: list[str] = []
        self._logprobs: list[TokenLogprob] = []
        self._message = manner.message(index, "", ())
        self._place = b',"item_id":%b,"output_index":%d,"content_index":0' % (
            _encode(self._message.id),
            index,
        )

    def open(self) -> Events:
        part = self._place + b',"part":' + _encode(_EMPTY_TEXT)
        return [
            _added(self._index, replace(self._message, content=[])),
            (b"response.content_part.added", part),
        ]

    def add(self, event: TextDelta) -> tuple[bytes, bytes]:
        """The next piece of text."""
        self._texts.append(event.text)
        told = b"[]"
        if event.logprobs:
            self._logprobs += event.logprobs
            told = encode_line(wire_logprobs(event.logprobs).content)
        fields = self._place + b',"delta":' + encode_line(event.text) + b',"logprobs":' + told
        return b"response.output_text.delta", fields

    def close(self, status: _Status) -> tuple[MessageItem, Events]:
        item = self._manner.message(self._index, "".join(self._texts), self._logprobs)
        item = replace(item, status=status)
        part = item.content[0]
        assert isinstance(part, OutputText), "an answer is text"
        text = b',"text":' + encode_line(part.text) + b',"logprobs":' + encode_line(part.logprobs)
        return item, [
            (b"response.output_text.done", self._place + text),
            (b"response.content_part.done", self._place + b',"part":' + encode_line(part)),
            _done(self._index, item),
        ]


class ThoughtItem:
    """Thinking: in the content, or all of it in the summary where one was asked for."""

    def __init__(self, manner: Manner, index: int) -> None:
        self._manner = manner
        self._index = index
        self._texts: list[str] = []
        name = _encode(manner.thought(index, "").id)
        where = b"summary_index" if manner.has_summary else b"content_index"
        self._place = b',"item_id":%b,"output_index":%d,"%b":0' % (name, index, where)
        self._part = (
            b"response.reasoning_summary_part" if manner.has_summary else b"response.content_part"
        )
        self._text = (
            b"response.reasoning_summary_text" if manner.has_summary else b"response.reasoning_text"
        )

    def open(self) -> Events:
        begun = ReasoningItem(summary=[], id=self._manner.thought(self._index, "").id)
        return [_added(self._index, begun), (self._part + b".added", self._told(""))]

    def add(self, text: str) -> tuple[bytes, bytes]:
        """The next piece of thinking."""
        self._texts.append(text)
        return self._text + b".delta", self._place + b',"delta":' + encode_line(text)

    def close(self, status: _Status) -> tuple[ReasoningItem, Events]:
        text = "".join(self._texts)
        item = replace(self._manner.thought(self._index, text), status=status)
        return item, [
            (self._text + b".done", self._place + b',"text":' + encode_line(text)),
            (self._part + b".done", self._told(text)),
            _done(self._index, item),
        ]

    def _told(self, text: str) -> bytes:
        part = SummaryText(text) if self._manner.has_summary else ReasoningText(text)
        return self._place + b',"part":' + encode_line(part)


class CallItem:
    """A call of a function."""

    def __init__(self, manner: Manner, index: int, *, call_id: str, name: str) -> None:
        self._index = index
        self._call = manner.call(index, call_id, name=name)
        self._arguments: list[str] = []
        self._place = b',"item_id":%b,"output_index":%d' % (_encode(self._call.id), index)

    def open(self) -> Events:
        return [_added(self._index, self._call)]

    def add(self, arguments: str) -> tuple[bytes, bytes]:
        """The next piece of the arguments."""
        self._arguments.append(arguments)
        fields = self._place + b',"delta":' + encode_line(arguments)
        return b"response.function_call_arguments.delta", fields

    def close(self, status: _Status) -> tuple[FunctionCall, Events]:
        item = replace(self._call, arguments="".join(self._arguments), status=status)
        told = b',"name":' + encode_line(item.name) + b',"arguments":' + encode_line(item.arguments)
        return item, [
            (b"response.function_call_arguments.done", self._place + told),
            _done(self._index, item),
        ]
