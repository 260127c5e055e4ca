"""Whatever a server behind us sends in a stream: events, or the one error that says so."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.seeds import Seed
from fuzz.spoiling import changes, spoilt
from kilonova.core.embedding import EmbeddingRequest
from kilonova.core.errors import EngineFailed, KilonovaError
from kilonova.engines.openai.client import Client
from kilonova.engines.openai.sse import EventSplitter
from kilonova.engines.openai.stream import EventReader
from kilonova.engines.upstream import Upstream
from kilonova.engines.upstream_options import UpstreamOptions

_CALL = {"index": 0, "id": "c1", "function": {"name": "add", "arguments": '{"a"'}}
_LOGPROB = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}
_EVENTS: tuple[Any, ...] = (
    {"choices": [{"delta": {"reasoning_content": "hm"}}], "timings": {"prompt_n": 3}},
    {"choices": [{"delta": {"content": "a"}, "logprobs": {"content": [_LOGPROB]}}]},
    {"choices": [{"delta": {"tool_calls": [_CALL]}}]},
    {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}}]},
    {"choices": [{"text": "a", "logprobs": {"tokens": ["a"], "token_logprobs": [-1.0]}}]},
    {"choices": [{"delta": {}, "finish_reason": "stop", "stop_reason": "END"}]},
    {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}},
    {"error": {"message": "no", "code": 400, "n_ctx": 9}},
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Events in some order, some of them spoilt, and spoilt as a whole."""
    events = b""
    for document in draw(st.lists(st.sampled_from(_EVENTS), max_size=6)):
        case = spoilt(Seed("POST", "/", document), draw(st.lists(changes, max_size=2)))
        events += b"data: " + case.body + draw(st.sampled_from([b"\n\n", b"\r\n\r\n", b"\n"]))
    whole = Seed("POST", "/", body=events + b"data: [DONE]\n\n")
    return spoilt(whole, draw(st.lists(changes, max_size=2))).body


def read(stream: bytes, size: int) -> None:
    splitter, reader = EventSplitter(), EventReader(prompt_tokens=1, alternatives=1)
    for at in range(0, len(stream), size):
        for chunk in splitter.feed(stream[at : at + size]):
            json.dumps([repr(event) for event in reader.read(chunk)])
    list(reader.finish())


@settings(max_examples=150, deadline=None)
@given(streams(), st.integers(1, 4000))
def test_a_broken_stream_is_told(stream: bytes, size: int) -> None:
    """Protects callers from an upstream that breaks in any way: an engine's error, never ours."""
    with suppress(KilonovaError):
        read(stream, max(size, len(stream) // 50))


@pytest.mark.parametrize(
    "event",
    [
        b'{"x":' + b"[" * 100_000,
        b'{"choices":[{"text":"a","logprobs":{"content":[{"token":"a","bytes":[256]}]}}]}',
        b'{"choices":[{"text":"a"}],"timings":{"predicted_n":-1}}',
        b'{"choices":[{"text":"\x80"}]}',
    ],
    ids=["deep", "no byte", "fewer than none", "no text"],
)
def test_an_event_that_is_none_is_told(event: bytes) -> None:
    """Protects callers, and the books: what such a server counts is not charged."""
    with pytest.raises(EngineFailed, match="not understood"):
        EventSplitter().feed(b"data: " + event + b"\n\n")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[" * 100_000,
        b'{"data":[]}',
        b'{"data":[{"embedding":["\x80"]}]}',
        b'{"data":[{"embedding":[1]}],"usage":{"prompt_tokens":-1}}',
    ],
    ids=["nothing", "deep", "too few", "no numbers", "fewer than none"],
)
async def test_vectors_that_are_none_are_told(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Protects callers of an upstream's vectors, and the books, in the same way."""

    async def ask(*asked: object) -> bytes:
        return answer

    monkeypatch.setattr(Client, "ask", ask)
    engine = Upstream("up", UpstreamOptions(url="http://127.0.0.1:9"))
    await engine.start()
    try:
        with pytest.raises(EngineFailed, match="The engine sent"):
            await engine.embed(EmbeddingRequest(model="m", texts=("x",)))
    finally:
        await engine.stop()
