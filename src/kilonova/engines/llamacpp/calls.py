"""Tool calls as text: written ``<tool_call>{"name": …, "arguments": …}</tool_call>``, read back.

Models write them under a grammar of this form (``grammar``), which is that of the Hermes family of
templates; models whose template knows no tools are asked in words to write it. The scanner is
linear: it looks at each character once, whatever a model writes.
"""

import re
from collections.abc import Iterator

import msgspec

from kilonova.core.events import ChatEvent, TextDelta, ToolCallDelta, ToolCallStarted
from kilonova.core.ids import new_id
from kilonova.engines.llamacpp.rules import compact

__all__ = ["CLOSING", "OPENING", "CallScanner", "call_head", "held_back"]

OPENING = "<tool_call>"
CLOSING = "</tool_call>"

_HEAD = re.compile(
    r'\s*\{\s*"name"\s*:\s*("[^"\\\n]*")\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=\{)'
)
_HEAD_CHARS_MAX = 1_024
_NOTABLE = re.compile(r'[{}"\\]')


class CallScanner:
    """Splits the text of one answer into text and tool calls.

    ``names`` are the tools that may be called. ``is_forced``: nothing but calls can come.
    """

    def __init__(self, names: tuple[str, ...] = (), *, is_forced: bool = False) -> None:
        self.calls = 0
        self._names = names
        self._is_forced = is_forced
        self._rest = ""
        self._state = self._in_text
        self._depth = 0
        self._is_in_string = False
        self._output = 0

    def feed(self, delta: TextDelta) -> Iterator[ChatEvent]:
        """The events of the next piece; its end may be held back until it is clear what it is."""
        self._rest += delta.text
        self._output = delta.output_tokens
        before = ""
        while self._rest and self._rest != before:
            before = self._rest
            yield from self._state()

    def finish(self) -> Iterator[ChatEvent]:
        """What is still held back, once nothing can follow.

        A call that was cut before its name was whole is begun where only one name is possible, and
        is nothing where several are; what was written of it is never text.
        """
        rest, self._rest = self._rest, ""
        is_call = self._state == self._in_head
        if is_call:
            names = [name for name in self._names if call_head(name).startswith(rest)]
        else:
            is_call = self._is_forced and self._state == self._in_text and not self.calls
            names = list(self._names)
        if is_call and len(names) == 1:
            yield ToolCallStarted(self.calls, new_id("call"), names[0], self._output)
            self.calls += 1
        elif is_call and not names:
            yield TextDelta(OPENING + rest, self._output)
        elif rest and self._state == self._in_text and not self._is_forced:
            yield TextDelta(rest, self._output)

    def _in_text(self) -> Iterator[ChatEvent]:
        text, opening, rest = self._rest.partition(OPENING)
        if opening:
            self._rest, self._state = rest, self._in_head
            text = text.rstrip("\n")
        else:
            keep = held_back(text, OPENING)
            self._rest = text[len(text) - keep :]
            text = text[: len(text) - keep]
        if text.strip() or (text and not self.calls):
            yield TextDelta(text, self._output)

    def _in_head(self) -> Iterator[ChatEvent]:
        head = _HEAD.match(self._rest)
        if head is not None:
            name = msgspec.json.decode(head[1].encode(), type=str)
            yield ToolCallStarted(self.calls, new_id("call"), name, self._output)
            self.calls += 1
            self._rest, self._state = self._rest[head.end() :], self._in_arguments
            self._depth = 0
        elif CLOSING in self._rest or len(self._rest) > _HEAD_CHARS_MAX:
            yield TextDelta(OPENING + self._rest, self._output)
            self._rest, self._state = "", self._in_text

    def _in_arguments(self) -> Iterator[ChatEvent]:
        end = self._end_of_arguments()
        arguments, self._rest = self._rest[:end], self._rest[end:]
        if arguments:
            yield ToolCallDelta(self.calls - 1, arguments, self._output)

    def _end_of_arguments(self) -> int:
        """How much of what is here belongs to the arguments; notes where they end."""
        at = 0
        while found := _NOTABLE.search(self._rest, at):
            at = found.end()
            sign = found[0]
            if sign == '"':
                self._is_in_string = not self._is_in_string
            elif sign == "\\" and self._is_in_string:
                if at == len(self._rest):
                    return at - 1  # the escaped character is still to come
                at += 1
            elif not self._is_in_string and sign in "{}":
                self._depth += 1 if sign == "{" else -1
                if self._depth == 0:
                    self._state = self._in_tail
                    return at
        return len(self._rest)

    def _in_tail(self) -> Iterator[ChatEvent]:
        _, closing, rest = self._rest.partition(CLOSING)
        if closing:
            self._rest, self._state = rest, self._in_text
        else:
            self._rest = self._rest[-len(CLOSING) :]
        yield from ()


def call_head(name: str) -> str:
    """What stands between the opening mark and the arguments, as grammars write it."""
    return f'\n{{"name": {compact(name)}, "arguments": '


def held_back(text: str, wanted: str) -> int:
    """How many characters at the end of ``text`` may be the beginning of ``wanted``."""
    for size in range(min(len(text), len(wanted) - 1), 0, -1):
        if text.endswith(wanted[:size]):
            return size
    return 0
