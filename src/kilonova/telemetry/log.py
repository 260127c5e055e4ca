"""JSON log lines on standard error: one canonical line a request, and events of the server."""

import sys
import time
from collections.abc import MutableMapping
from typing import Any, TextIO

import msgspec
import structlog

from kilonova.core.money import format_nano
from kilonova.telemetry.trace import Trace

__all__ = ["configure", "log_request", "logger"]

logger = structlog.get_logger("kilonova")


def _render(_logger: object, _name: str, event: MutableMapping[str, Any]) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()


def configure(stream: TextIO | None = None) -> None:
    """Sends every log line to ``stream`` (standard error by default) as one JSON object."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(20),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=True,
    )


def log_request(trace: Trace) -> None:
    """The one line of a request. Its fields are an allow-list: no content can reach it."""
    now_s = time.perf_counter()
    fields: dict[str, Any] = {
        "request_id": trace.request_id,
        "method": trace.method,
        "path": trace.path,
        "status": trace.status,
        "dialect": trace.dialect,
        "total_ms": round((now_s - trace.started_s) * 1000, 2),
    }
    if trace.first_event_s is not None:
        fields["ttft_ms"] = round((trace.first_event_s - trace.started_s) * 1000, 2)
    for name in ("model_id", "organisation_id", "project_id", "key_id", "error", "parent"):
        value = getattr(trace, name)
        if value:
            fields[name] = value
    if trace.error_detail:
        fields["error_detail"] = trace.error_detail
    if trace.was_disconnected:
        fields["disconnected"] = True
    if trace.was_replayed:
        fields["replayed"] = True
    if trace.record is not None:
        usage = trace.record.usage
        fields["outcome"] = trace.record.outcome
        fields["input_tokens"] = usage.input_tokens
        fields["cache_read_tokens"] = usage.cache_read_tokens
        fields["output_tokens"] = usage.output_tokens
        fields["price"] = format_nano(trace.record.price_nano)
    logger.info("request", **fields)
