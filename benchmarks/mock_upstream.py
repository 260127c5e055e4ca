"""A mock of an OpenAI-compatible server: bare ASGI, canned bytes, whole or streamed.

An answer is ``WORDS`` words long; a streamed one has as many as ``words=N`` in the prompt says.
It is a role chunk, one chunk a word, the finish, the usage and ``[DONE]``, each sent alone.
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from typing import Any

import msgspec

__all__ = ["WORD", "WORDS", "app"]

WORD = "nova"
WORDS = 16
_HEAD = {"id": "chatcmpl-mock", "created": 1_790_000_000, "model": "fake"}
_LIMIT = re.compile(rb"words=(\d+)")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def _whole() -> bytes:
    message = {"role": "assistant", "content": " ".join([WORD] * WORDS)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = {**_HEAD, "object": "chat.completion", "choices": [choice], "usage": _usage(WORDS)}
    text: bytes = msgspec.json.encode(answer)
    return text


def _chunk(delta: dict[str, str], reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return _event({**_HEAD, "object": "chat.completion.chunk", "choices": [choice]})


def _event(document: dict[str, Any]) -> bytes:
    text: bytes = msgspec.json.encode(document)
    return b"data: " + text + b"\n\n"


def _usage(words: int) -> dict[str, int]:
    return {"prompt_tokens": 16, "completion_tokens": words, "total_tokens": 16 + words}


@lru_cache(maxsize=16)
def _chunks(words: int) -> tuple[bytes, ...]:
    last = {**_HEAD, "object": "chat.completion.chunk", "choices": [], "usage": _usage(words)}
    opening = _chunk({"role": "assistant", "content": ""})
    said = [_chunk({"content": f" {WORD}"})] * words
    return (opening, *said, _chunk({}, "stop"), _event(last), b"data: [DONE]\n\n")


_WHOLE = _whole()
_WHOLE_HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(_WHOLE)).encode()),
]
_STREAM_HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8")]


async def _read(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return body


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers any request with the same words."""
    assert scope["type"] == "http"
    body = b"" if scope["method"] == "GET" else await _read(receive)
    if b'"stream":true' not in body and b'"stream": true' not in body:
        await send({"type": "http.response.start", "status": 200, "headers": _WHOLE_HEADERS})
        await send({"type": "http.response.body", "body": _WHOLE})
        return
    await send({"type": "http.response.start", "status": 200, "headers": _STREAM_HEADERS})
    limit = _LIMIT.search(body)
    for chunk in _chunks(WORDS if limit is None else int(limit[1])):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
