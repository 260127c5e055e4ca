"""JSON log lines on standard error: one canonical line a request, and events of the server.

Events go through ``logging``, so that a host can route them; the line of a request is written
directly, without the record and the handlers that an event passes through.
"""

import logging
import sys
import time
from functools import lru_cache
from typing import Any, TextIO

import msgspec

from kilonova.core.money import format_nano
from kilonova.core.usage import UsageRecord
from kilonova.telemetry.trace import Trace

__all__ = ["configure", "log_event", "log_request"]

_logger = logging.getLogger("kilonova")
_encode = msgspec.json.Encoder(enc_hook=str).encode


class _Output:
    """Where lines go; set once by ``configure``."""

    stream: TextIO = sys.stderr


_output = _Output()


class _JsonLines(logging.Formatter):
    """One JSON object a line, with the fields of the event beside its name."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "timestamp": _timestamp(record.created),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return _encode(fields).decode()


def configure(stream: TextIO | None = None) -> None:
    """Sends every log line of the process to ``stream`` (standard error by default)."""
    _output.stream = stream or sys.stderr
    handler = logging.StreamHandler(_output.stream)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)


def log_event(level: int, event: str, *, is_failure: bool = False, **fields: object) -> None:
    """An event of the server. ``is_failure`` adds the traceback of the exception being handled."""
    _logger.log(level, event, exc_info=is_failure, extra={"fields": fields})


_OPTIONAL = (
    "model_id", "organisation_id", "project_id", "key_id", "error", "error_detail", "parent",
    "was_disconnected", "was_replayed",
)  # fmt: skip


def log_request(trace: Trace) -> None:
    """The one line of a request. Its fields are an allow-list: no content can reach it."""
    fields: dict[str, Any] = {
        "timestamp": _timestamp(time.time()),
        "level": "info",
        "event": "request",
        "request_id": trace.request_id,
        "method": trace.method,
        "path": trace.path,
        "status": trace.status,
        "dialect": trace.dialect,
        "total_ms": round((time.perf_counter() - trace.started_s) * 1000, 2),
    }
    if trace.first_event_s is not None:
        fields["ttft_ms"] = round((trace.first_event_s - trace.started_s) * 1000, 2)
    for name in _OPTIONAL:
        value = getattr(trace, name)
        if value:
            fields[name] = value
    if trace.record is not None:
        _add_usage(fields, trace.record)
    _output.stream.write(_encode(fields).decode() + "\n")


def _add_usage(fields: dict[str, Any], record: UsageRecord) -> None:
    usage = record.usage
    fields["outcome"] = record.outcome
    fields["input_tokens"] = usage.input_tokens
    fields["cache_read_tokens"] = usage.cache_read_tokens
    fields["output_tokens"] = usage.output_tokens
    fields["price"] = format_nano(record.price_nano)


@lru_cache(maxsize=2)
def _second(whole_s: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole_s))


def _timestamp(now_s: float) -> str:
    whole_s = int(now_s)
    return f"{_second(whole_s)}.{int((now_s - whole_s) * 1000):03d}Z"
