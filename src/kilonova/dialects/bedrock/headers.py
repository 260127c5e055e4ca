"""Response headers of this wire: request id, token counts, latency, and Kilonova's own."""

import re
from collections.abc import Sequence

from kilonova.core.money import format_nano
from kilonova.core.usage import UsageRecord
from kilonova.dialects.wire.eventstream import CONTENT_TYPE
from kilonova.gateway.stream import ChatStream
from kilonova.telemetry.trace import Trace
from kilonova.web.message import Header, Request

__all__ = [
    "held_back_headers",
    "latency_ms",
    "metrics",
    "native_headers",
    "plain_headers",
    "stream_headers",
    "whole_headers",
]

_JSON: Header = (b"content-type", b"application/json")
_EVENTS: Header = (b"content-type", CONTENT_TYPE.encode())
_IGNORED_MAX = 32
# Names of ignored fields come from the caller: nothing of them may end the header.
_UNSAFE = re.compile(r"[^\x21-\x7e]")


def plain_headers(request: Request) -> tuple[Header, ...]:
    """For an answer that no model gave."""
    return _JSON, (b"x-amzn-requestid", request.trace.request_id.encode())


def whole_headers(stream: ChatStream, ignored: Sequence[str]) -> tuple[Header, ...]:
    """For a whole answer, whose stream has ended."""
    return (*_counted(stream.record), *_notes(stream.trace, ignored))


def native_headers(
    trace: Trace, ignored: Sequence[str], *, price_nano: int | None = None
) -> tuple[Header, ...]:
    """For a whole answer of any kind, whose request was settled; the price may be that of more
    than its own record."""
    assert trace.record is not None, "whole answers are given after they were settled"
    return (*_counted(trace.record, price_nano), *_notes(trace, ignored))


def _counted(record: UsageRecord, price_nano: int | None = None) -> tuple[Header, ...]:
    usage = record.usage
    told_nano = record.price_nano if price_nano is None else price_nano
    counts = (
        (b"x-amzn-bedrock-input-token-count", usage.input_tokens),
        (b"x-amzn-bedrock-output-token-count", usage.output_tokens),
        (b"x-amzn-bedrock-cache-read-input-token-count", usage.cache_read_tokens),
        (b"x-amzn-bedrock-cache-write-input-token-count", usage.cache_write_tokens),
        (b"x-amzn-bedrock-invocation-latency", latency_ms(record)),
    )
    return (
        _JSON,
        *((name, b"%d" % count) for name, count in counts),
        (b"x-kilonova-price", format_nano(told_nano).encode()),
    )


def stream_headers(stream: ChatStream, ignored: Sequence[str]) -> tuple[Header, ...]:
    """For an event stream."""
    return held_back_headers(stream.trace, ignored)


def held_back_headers(trace: Trace, ignored: Sequence[str]) -> tuple[Header, ...]:
    """For an event stream whose answer is there already."""
    return (
        _EVENTS,
        (b"x-amzn-bedrock-content-type", b"application/json"),
        *_notes(trace, ignored),
    )


def latency_ms(record: UsageRecord) -> int:
    """From the permit to the last event."""
    return max(0, record.finished_ms - record.started_ms)


def metrics(record: UsageRecord) -> dict[str, int]:
    """`amazon-bedrock-invocationMetrics`, in the last chunk of a native stream."""
    usage = record.usage
    total_ms = latency_ms(record)
    # The first token is timed from the request's arrival, the whole from the permit.
    first_ms = total_ms if record.first_token_ms is None else record.first_token_ms
    return {
        "inputTokenCount": usage.input_tokens,
        "outputTokenCount": usage.output_tokens,
        "invocationLatency": total_ms,
        "firstByteLatency": min(first_ms, total_ms),
        "cacheReadInputTokenCount": usage.cache_read_tokens,
        "cacheWriteInputTokenCount": usage.cache_write_tokens,
    }


def _notes(trace: Trace, ignored: Sequence[str]) -> list[Header]:
    notes: list[Header] = [(b"x-amzn-requestid", trace.request_id.encode())]
    if ignored:
        names = (_UNSAFE.sub("?", name)[:100] for name in ignored[:_IGNORED_MAX])
        notes.append((b"x-kilonova-ignored", ", ".join(names).encode()))
    if trace.was_replayed:
        notes.append((b"x-kilonova-replayed", b"true"))
    return notes
