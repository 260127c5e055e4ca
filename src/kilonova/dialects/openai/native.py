"""Chat completions as a native body of clouds: three families that share it.

`chat-completions`: Qwen, DeepSeek V3 and most others. `gpt-oss`: thoughts stand in the content,
between tags. `mistral-chat`: Mistral's own words beside OpenAI's. Shapes: the user guide's pages on
OpenAI models and on Mistral's chat completion, langchain-aws.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct
from msgspec.structs import replace

from kilonova.core.chat import ChatRequest, Sampling
from kilonova.core.errors import InvalidRequest
from kilonova.core.events import (
    ChatAnswer,
    ChatEvent,
    ChatFinished,
    ChatStarted,
    Choice,
    ChoiceFinished,
    ReasoningDelta,
    TextDelta,
)
from kilonova.core.model import Model
from kilonova.core.usage import Usage
from kilonova.dialects.openai.answer_schema import AnswerHead, wire_usage
from kilonova.dialects.openai.body import decode_body
from kilonova.dialects.openai.chat import fingerprint
from kilonova.dialects.openai.decode import decode_chat, parse_chat
from kilonova.dialects.openai.encode import encode_answer
from kilonova.dialects.openai.encode_stream import StreamEncoder
from kilonova.dialects.openai.parameters import ignored_by_chat, ignored_by_model
from kilonova.dialects.openai.schema import ChatBody
from kilonova.dialects.wire.native import About, Family, NativeRequest

__all__ = ["NATIVE_FAMILIES"]

_OPENING, _CLOSING = "<reasoning>", "</reasoning>"
_FRAME = b"data: "
_STOPS_MAX = 16
_Stop = Annotated[str, Meta(max_length=1_024)]


class _Extras(Struct, frozen=True):
    """What these models take beside OpenAI's own parameters, or more of, and what the path says."""

    model: str | None = None
    stream: bool | None = None
    top_k: int | None = None
    random_seed: int | None = None
    stop: str | Annotated[tuple[_Stop, ...], Meta(max_length=_STOPS_MAX)] | None = None


class _Body(Struct, frozen=True):
    chat: ChatBody
    extras: _Extras
    unknown: tuple[str, ...]


_members = msgspec.json.Decoder(dict[str, Raw])
_extras = msgspec.json.Decoder(_Extras)
_NO_EXTRAS = _Extras()
_KNOWN = frozenset(ChatBody.__struct_fields__)
_TAKEN = frozenset(_Extras.__struct_fields__)


def _parse(body: bytes) -> _Body:
    """Fields that no model here knows are ignored: each vendor has some of its own."""
    members = decode_body(body, _members)
    taken = {name: value for name, value in members.items() if name in _TAKEN}
    extras = decode_body(msgspec.json.encode(taken), _extras) if taken else _NO_EXTRAS
    own = {name: value for name, value in members.items() if name in _KNOWN - _TAKEN}
    if own.get("tool_choice") == Raw(b'"any"'):
        own["tool_choice"] = Raw(b'"required"')
    # The path names the model.
    chat = parse_chat(msgspec.json.encode({"model": "-", **own}))
    return _Body(chat, extras, tuple(sorted(members.keys() - _KNOWN - _TAKEN)))


def _sampling(own: Sampling, extras: _Extras) -> Sampling:
    """A top k of zero and less is no bound, as several vendors write it."""
    stop = (extras.stop,) if isinstance(extras.stop, str) else extras.stop or ()
    return replace(
        own,
        seed=extras.random_seed if own.seed is None else own.seed,
        top_k=extras.top_k if extras.top_k is not None and extras.top_k > 0 else None,
        stop=tuple(filter(None, stop)),
    )


def _contradiction(name: str, problem: str) -> InvalidRequest:
    return InvalidRequest(f"Invalid '{name}': {problem}.", param=name)


class _Adapt(Struct, frozen=True, kw_only=True):
    """How a family differs from OpenAI's own wire."""

    has_tags: bool = False
    document: Callable[[bytes], bytes] = bytes

    def decode(self, body: _Body, model: Model, streams: bool | None) -> NativeRequest:
        """As ``Family.decode``."""
        extras = body.extras
        if None not in (extras.stream, streams) and extras.stream != streams:
            raise _contradiction("stream", "it must agree with the operation that is called")
        if extras.model is not None and not extras.model.endswith((model.id, *model.aliases)):
            raise _contradiction("model", "it must be the model that the path names")
        # A limit or an option of streams is right where the operation streams.
        asked = decode_chat(replace(body.chat, model=model.id, stream=True))
        asked = replace(asked, sampling=_sampling(asked.sampling, extras))
        ignored = [*ignored_by_chat(body.chat), *body.unknown]
        ignored += ignored_by_model(body.chat, model, asked.thinking)
        return NativeRequest(asked, partial(_Writer, self, asked), tuple(sorted(ignored)))


class _Writer:
    def __init__(self, adapt: _Adapt, asked: ChatRequest, about: About) -> None:
        self._document = adapt.document
        self._tags = _Tags() if adapt.has_tags else None
        self._has_logprobs = asked.top_logprobs is not None
        self._head = AnswerHead(
            id=f"chatcmpl-{about.request_id.removeprefix('req_')}",
            created=about.created_s,
            model=about.model.id,
            system_fingerprint=fingerprint(about.model.engine, about.model.engine_model),
        )
        self._events = StreamEncoder(self._head, choices=asked.choices, has_usage=False)
        self._held: list[bytes] = []

    def whole(self, answer: ChatAnswer) -> bytes:
        if self._tags is not None:
            answer = replace(answer, choices=tuple([_tagged(one) for one in answer.choices]))
        text = encode_answer(self._head, answer, has_logprobs=self._has_logprobs)
        return self._document(text)

    def chunks(self, event: ChatEvent) -> list[bytes]:
        events = [event] if self._tags is None else self._tags.put(event)
        chunks = [chunk for one in events for chunk in self._encode(one)]
        if isinstance(event, ChoiceFinished):
            # Clients stop at the chunk with a finish reason, and look for the metrics in it.
            held, self._held = self._held, chunks
            return held
        return chunks

    def last(self, usage: Usage, metrics: dict[str, int]) -> list[bytes]:
        *before, end = self._held
        document = msgspec.json.decode(end)
        document["usage"] = wire_usage(usage)
        document["amazon-bedrock-invocationMetrics"] = metrics
        return [*before, msgspec.json.encode(document)]

    def _encode(self, event: ChatEvent) -> list[bytes]:
        # langchain-aws takes the content of every chunk for text.
        encoded = self._events.encode(event).replace(b'"content":null', b'"content":""')
        framed = encoded.split(b"\n\n")
        return [self._document(chunk.removeprefix(_FRAME)) for chunk in framed if chunk]


class _Tags:
    """Puts thoughts between tags into the text of each choice."""

    def __init__(self) -> None:
        self._open: set[int] = set()

    def put(self, event: ChatEvent) -> list[ChatEvent]:
        """The events without thoughts that one event amounts to."""
        if isinstance(event, ChatStarted | ChatFinished):
            return [event]
        if isinstance(event, ReasoningDelta):
            opening = "" if event.choice in self._open else _OPENING
            self._open.add(event.choice)
            return [TextDelta(opening + event.text, event.output_tokens, event.choice)]
        if event.choice not in self._open:
            return [event]
        self._open.remove(event.choice)
        return [TextDelta(_CLOSING, event.output_tokens, event.choice), event]


def _tagged(choice: Choice) -> Choice:
    if not choice.reasoning:
        return choice
    return replace(
        choice, text=f"{_OPENING}{choice.reasoning}{_CLOSING}{choice.text}", reasoning=""
    )


def _in_mistrals_words(document: bytes) -> bytes:
    said = msgspec.json.decode(document)
    for choice in said["choices"]:
        choice["stop_reason"] = choice["finish_reason"]
        if "delta" in choice:
            choice["message"] = choice["delta"]
    return msgspec.json.encode(said)


def _family(adapt: _Adapt) -> Family:
    return Family(
        example='{"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 64}',
        parse=_parse,
        decode=adapt.decode,
    )


NATIVE_FAMILIES: Mapping[str, Family] = {
    "chat-completions": _family(_Adapt()),
    "gpt-oss": _family(_Adapt(has_tags=True)),
    "mistral-chat": _family(_Adapt(document=_in_mistrals_words)),
}
