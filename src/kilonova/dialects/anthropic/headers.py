"""The headers of answers on Anthropic's wire."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from kilonova.core.identity import Rate
from kilonova.core.money import format_nano
from kilonova.telemetry.trace import Trace
from kilonova.web.message import Header, Request

__all__ = ["answer_headers", "price_header", "rate_headers"]

# Headers that change nothing: what a beta brings has fields, and a key belongs to one project.
_HINTS = (b"anthropic-beta", b"anthropic-workspace-id")


def answer_headers(request: Request, ignored: Sequence[str]) -> tuple[Header, ...]:
    """What every answer says beside its content, once the request was admitted."""
    headers = [(b"request-id", request.trace.request_id.encode()), *rate_headers(request.trace)]
    hints = [*ignored, *(name.decode() for name in _HINTS if name in request.headers)]
    if hints:
        headers.append((b"x-kilonova-ignored", ", ".join(hints).encode()))
    if request.trace.was_replayed:
        headers.append((b"x-kilonova-replayed", b"true"))
    return tuple(headers)


def price_header(trace: Trace) -> tuple[Header, ...]:
    """What a whole answer cost; nothing where it was free of charge, as counts are."""
    if trace.record is None:
        return ()
    return ((b"x-kilonova-price", format_nano(trace.record.price_nano).encode()),)


def rate_headers(trace: Trace) -> list[Header]:
    """The limits per minute that are nearest to being used up, where there are any."""
    headers: list[Header] = []
    for what, rate in (("requests", trace.requests_rate), ("tokens", trace.tokens_rate)):
        if rate is not None:
            headers += _rate(f"anthropic-ratelimit-{what}", rate)
    return headers


def _rate(name: str, rate: Rate) -> list[Header]:
    full = datetime.now(UTC) + timedelta(seconds=math.ceil(rate.full_in_s))
    said = {
        "limit": str(rate.per_minute),
        "remaining": str(rate.remaining),
        "reset": full.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return [(f"{name}-{what}".encode(), text.encode()) for what, text in said.items()]
