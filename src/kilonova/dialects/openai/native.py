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
from kilonova.dialects.openai.decode import decode_chat
from kilonova.dialects.openai.encode import encode_answer
from kilonova.dialects.openai.encode_stream import Form, StreamEncoder
from kilonova.dialects.openai.parameters import (
    ignored_by_chat,
    ignored_by_model,
    ignored_tier,
)
from kilonova.dialects.openai.schema import NULL, ChatBody
from kilonova.dialects.wire.native import About, Family, NativeRequest

__all__ = ["NATIVE_FAMILIES"]

_OPENING, _CLOSING = "<reasoning>", "</reasoning>"
# langchain-aws takes the content of every chunk for text.
_BARE = Form(opening=b"", closing=b"", no_content=b'""')


class _Chat(ChatBody, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """OpenAI's own parameters, of which the path says two, and what these models take beside them.
    What no model here knows is ignored: each vendor has some of its own."""

    model: Annotated[str, Meta(min_length=1)] = ""
    top_k: int | None = None
    random_seed: int | None = None


class _Body(Struct, frozen=True):
    chat: _Chat
    unknown: tuple[str, ...]


_members = msgspec.json.Decoder(dict[str, Raw])
_chats = msgspec.json.Decoder(_Chat)
_KNOWN = frozenset(_Chat.__struct_fields__)
_ANY = Raw(b'"any"')


def _parse(body: bytes) -> _Body:
    members = decode_body(body, _members)
    if members.get("tool_choice") == _ANY or members.get("model") == NULL:
        body = _in_openais_words(members)
    return _Body(decode_body(body, _chats), tuple(sorted(members.keys() - _KNOWN)))


def _in_openais_words(members: Mapping[str, Raw]) -> bytes:
    said = {name: value for name, value in members.items() if (name, value) != ("model", NULL)}
    if said.get("tool_choice") == _ANY:
        said["tool_choice"] = Raw(b'"required"')
    return msgspec.json.encode(said)


def _sampling(own: Sampling, chat: _Chat) -> Sampling:
    """A top k of zero and less is no bound, as several vendors write it."""
    top_k, seed = chat.top_k, chat.random_seed
    if top_k is None and seed is None:
        return own
    return replace(
        own,
        seed=seed if own.seed is None else own.seed,
        top_k=top_k if top_k is not None and top_k > 0 else None,
    )


def _contradiction(name: str, problem: str) -> InvalidRequest:
    return InvalidRequest(f"Invalid '{name}': {problem}.", param=name)


class _Adapt(Struct, frozen=True, kw_only=True):
    """How a family differs from OpenAI's own wire."""

    has_tags: bool = False
    document: Callable[[bytes], bytes] = bytes

    def decode(self, body: _Body, model: Model, streams: bool | None) -> NativeRequest:
        """As ``Family.decode``."""
        chat = body.chat
        if None not in (chat.stream, streams) and chat.stream != streams:
            raise _contradiction("stream", "it must agree with the operation that is called")
        if chat.model and not chat.model.endswith((model.id, *model.aliases)):
            raise _contradiction("model", "it must be the model that the path names")
        # A limit or an option of streams is right where the operation streams.
        asked = decode_chat(replace(chat, model=model.id, stream=True))
        asked = replace(asked, sampling=_sampling(asked.sampling, chat))
        # In InvokeModel a header asks for the tier.
        ignored = [*ignored_by_chat(chat), *body.unknown]
        ignored += ignored_tier(asked.service_tier, "default")
        asked = replace(asked, service_tier="default")
        ignored += ignored_by_model(chat, model, asked.thinking)
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
        self._events = StreamEncoder(self._head, choices=asked.choices, has_usage=False, form=_BARE)
        self._held: list[bytes] = []

    def whole(self, answer: ChatAnswer) -> bytes:
        if self._tags is not None:
            answer = replace(answer, choices=tuple([_tagged(one) for one in answer.choices]))
        text = encode_answer(self._head, answer, has_logprobs=self._has_logprobs)
        return self._document(text)

    def chunks(self, event: ChatEvent) -> list[bytes]:
        if type(event) is TextDelta and self._events.is_open and self._tags is None:
            # Nearly every event of a stream takes this way.
            return [self._document(self._events.encode(event))]
        events = [event] if self._tags is None else self._tags.put(event)
        chunks = [self._document(chunk) for one in events for chunk in self._events.chunks(one)]
        if isinstance(event, ChoiceFinished):
            # Clients stop at the chunk with a finish reason, and look for the metrics in it.
            held, self._held = self._held, chunks
            return held
        return chunks

    def last(self, usage: Usage, metrics: dict[str, int]) -> list[bytes]:
        *before, end = self._held
        metered = {"usage": wire_usage(usage), "amazon-bedrock-invocationMetrics": metrics}
        return [*before, end[:-1] + b"," + msgspec.json.encode(metered)[1:]]


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
