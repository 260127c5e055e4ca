"""The headers of answers on OpenAI's wire and on those of its relatives."""

import math

from kilonova.core.money import format_nano
from kilonova.telemetry.trace import Trace
from kilonova.web.message import Header, Request

__all__ = ["JSON", "STREAMED", "answer_headers", "price_header", "rate_headers"]

JSON: Header = (b"content-type", b"application/json")
# Proxies in front hold streams back unless they are told not to.
STREAMED: tuple[Header, ...] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)

_SCOPES = (b"openai-organization", b"openai-project")


def answer_headers(request: Request, ignored: list[str]) -> tuple[Header, ...]:
    """What every answer says beside its content, once the request was admitted."""
    trace = request.trace
    headers = [(b"x-request-id", trace.request_id.encode()), *rate_headers(trace)]
    scopes = [name.decode() for name in _SCOPES if name in request.headers]
    if ignored or scopes:
        headers.append((b"x-kilonova-ignored", ", ".join([*ignored, *scopes]).encode()))
    if trace.was_replayed:
        headers.append((b"x-kilonova-replayed", b"true"))
    return tuple(headers)


def price_header(trace: Trace) -> tuple[Header, ...]:
    """What a whole answer cost; a stream's price is known when its headers are long gone."""
    if trace.record is None:
        return ()
    return ((b"x-kilonova-price", format_nano(trace.record.price_nano).encode()),)


def rate_headers(trace: Trace) -> list[Header]:
    """The limits per minute that are nearest to being used up, where there are any."""
    headers: list[Header] = []
    for what, rate in ((b"requests", trace.requests_rate), (b"tokens", trace.tokens_rate)):
        if rate is not None:
            headers += [
                (b"x-ratelimit-limit-" + what, b"%d" % rate.per_minute),
                (b"x-ratelimit-remaining-" + what, b"%d" % rate.remaining),
                (b"x-ratelimit-reset-" + what, _duration(rate.full_in_s)),
            ]
    return headers


def _duration(seconds: float) -> bytes:
    """As OpenAI writes them: ``20ms``, ``1.5s``, ``1m0s``."""
    if seconds < 1:
        return b"%dms" % math.ceil(seconds * 1000)
    minutes, rest = divmod(math.ceil(seconds * 1000), 60_000)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".")
    return (f"{minutes}m{text}s" if minutes else f"{text}s").encode()
