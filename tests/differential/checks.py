"""What a wire must be shown to do, whoever's SDK speaks it."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from differential import canon
from differential.heard import Heard, Wire
from differential.recorder import Recorder
from differential.values import as_values
from differential.wires import Manner
from in_process import Running, findings
from kilonova.core.books import UsageFilter
from kilonova.core.chat import ChatRequest, ImagePart, Message, TextPart
from kilonova.core.usage import UsageRecord

__all__ = ["converse", "leave", "show"]

_PNG = bytes(range(256))
_FIRST = Heard(
    text=canon.SAID,
    thought=canon.THOUGHT,
    calls=tuple((name, given) for _, name, given in canon.CALLS),
    reason="tool_calls",
    prompt_tokens=canon.FIRST_USAGE.prompt_tokens,
    cached_tokens=canon.FIRST_USAGE.cache_read_tokens,
    output_tokens=canon.FIRST_USAGE.output_tokens,
    thought_tokens=canon.FIRST_USAGE.reasoning_tokens,
)
_SECOND = Heard(
    text=canon.ANSWER,
    reason="stop",
    prompt_tokens=canon.SECOND_USAGE.prompt_tokens,
    cached_tokens=canon.SECOND_USAGE.cache_read_tokens,
    output_tokens=canon.SECOND_USAGE.output_tokens,
    thought_tokens=canon.SECOND_USAGE.reasoning_tokens,
)


def converse(recorder: Recorder, manner: Manner, wire: Wire, *, is_streamed: bool) -> None:
    """The canonical conversation is the same to the engine and to the caller."""
    recorder.asked.clear()
    recorder.says = [canon.first_events(), canon.second_events()]
    heard = [wire.ask(is_streamed=is_streamed), wire.answer(is_streamed=is_streamed)]
    muted: Any = {name: type(getattr(_FIRST, name))() for name in manner.mute}
    assert heard == [replace(_FIRST, **muted), replace(_SECOND, **muted)]
    first, second = recorder.asked
    assert as_values(first) == _without(canon.FIRST, manner.lacks)
    assert as_values(second) == _without(canon.SECOND, manner.lacks)
    # A signature that did not fit its thought would have been refused.
    assert any(_signatures(second)) == manner.is_sealed


def _without(request: ChatRequest, lacks: Mapping[str, Any]) -> Any:
    """The request as a wire that lacks these words can say it."""
    plain = as_values(request)
    for path, value in lacks.items():
        if path == "is_error":
            results = [p for m in plain["messages"] for p in m["parts"] if path in p]
            for part in results:
                part[path] = value
            continue
        if path == "results":
            for part in (p for m in plain["messages"] for p in m["parts"] if "call_id" in p):
                part["text"] = value[part["call_id"]]
            continue
        if path == "thoughts":
            for message in plain["messages"]:
                message["parts"] = _merged(message["parts"], value)
            continue
        *parents, name = path.split(".")
        place = plain
        for parent in parents:
            place = place[parent]
        place[name] = {"schema": None, **value} if isinstance(value, dict) else value
    return plain


def _merged(parts: list[Any], form: str | None) -> list[Any]:
    """The parts with their thought inside of the text that follows it, or without it."""
    if parts[0]["type"] != "reasoning":
        return parts
    thought, text, *rest = parts
    if form is None:
        return [text, *rest]
    return [{**text, "text": form.format(thought["text"]) + text["text"]}, *rest]


def _signatures(request: ChatRequest) -> list[str | None]:
    parts = [part for message in request.messages for part in message.parts]
    return [part.signature for part in parts if hasattr(part, "signature")]


def show(recorder: Recorder, wire: Wire) -> None:
    """A picture's very bytes and its kind reach the engine."""
    recorder.asked.clear()
    recorder.says = [canon.second_events()]
    wire.show(_PNG)
    [asked] = recorder.asked
    assert asked.messages == (Message("user", (TextPart("See:"), ImagePart("image/png", _PNG))),)


def leave(running: Running, recorder: Recorder, wire: Wire) -> None:
    """Who closes a stream ends the work behind it, and pays for what came."""
    recorder.says.clear()
    cancelled, before = recorder.cancelled, len(_records(running))
    wire.leave("[[echo: tokens=4000, delay_ms=5]] word")
    _wait_until(lambda: recorder.cancelled == cancelled + 1)
    assert recorder.running == 0
    _wait_until(lambda: len(_records(running)) == before + 1)
    record = _records(running)[-1]
    assert record.outcome == "cancelled"
    assert 0 < record.usage.output_tokens < 4000
    assert findings(running.application) == []


def _records(running: Running) -> list[UsageRecord]:
    """Oldest first."""
    page = running.application.books.store.book.page(UsageFilter(), after="", limit=500)
    return sorted((one.record for one in page), key=lambda record: record.finished_ms)


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.01)
