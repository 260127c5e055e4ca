"""A chat request as llama.cpp's server is asked: the shared body, with its own fields.

Tools and JSON answers are under our own grammar, not llama.cpp's. Measured with a weak model: its
``required`` lets a model write any text before the call, and then no call ever comes; its JSON
allows any white space; its parser fails a whole answer over a call that is not quite right. Only
templates that write calls in another form than ``calls`` are left to it, for free choice.

A forced call and a JSON answer get temperature 0 unless the caller says otherwise: they have little
use for chance.
"""

import re

import msgspec

from kilonova.core.chat import ChatRequest, Tool
from kilonova.engines.llamacpp.calls import OPENING
from kilonova.engines.llamacpp.grammar import (
    ANY_OBJECT,
    after_thought,
    answer_grammar,
    call_grammar,
    talk_grammar,
)
from kilonova.engines.llamacpp.header import ModelHeader
from kilonova.engines.llamacpp.images import check_images
from kilonova.engines.llamacpp.limits import check_chat
from kilonova.engines.llamacpp.rules import Ceilings
from kilonova.engines.llamacpp.schema import SchemaReader
from kilonova.engines.llamacpp.thoughts import CLOSED_THOUGHT, Beginning, Thoughts
from kilonova.engines.llamacpp.tool_text import with_tools_as_text
from kilonova.engines.openai.body import Body, chat_body, completion_body, encode_tool

__all__ = ["Prompt", "PromptWriter"]

# llama.cpp reads this seed as "choose one yourself".
_SEEDS = 2**32 - 1

# Between the first and the second letter of a control token: it is then text, and looks the same.
_WORD_JOINER = "\u2060"
_CONTROL_CHARS_MIN = 3


class Prompt(msgspec.Struct, frozen=True):
    """What is sent, and how the answer is to be read.

    ``calls`` are the tools whose calls come as text, if any do. ``beginning`` is where thoughts
    come as text.
    """

    body: Body
    calls: tuple[str, ...] = ()
    beginning: Beginning = "text"


class PromptWriter:
    """Writes bodies for one model. ``knows_tools`` is whether its chat template does."""

    def __init__(
        self,
        header: ModelHeader,
        *,
        knows_tools: bool,
        thoughts: Thoughts,
        can_see: bool = False,
        ceilings: Ceilings | None = None,
    ) -> None:
        self._knows_tools = knows_tools
        self._thoughts = thoughts
        self._can_see = can_see
        self._ceilings = ceilings or Ceilings()
        self._is_our_form = not knows_tools or _writes_our_form(header.chat_template)
        tokens = [token for token in header.control_tokens if len(token) >= _CONTROL_CHARS_MIN]
        encoded = sorted((msgspec.json.encode(token)[1:-1] for token in tokens), reverse=True)
        self._control = re.compile(b"|".join(map(re.escape, encoded))) if encoded else None

    def write(self, request: ChatRequest) -> Prompt:
        """Raises InvalidRequest for everything that the engine must not be asked."""
        check_chat(request)
        check_images(request, can_see=self._can_see)
        if request.prompt is not None:
            body = completion_body(request, "")
            _add_own_fields(body, request)
            return Prompt(body)
        grammar = self._grammar(request)
        told = request if self._knows_tools else with_tools_as_text(request)
        body = chat_body(told, "", tells_thoughts=self._thoughts.reads_earlier)
        _repair_calls(body)
        _add_own_fields(body, request)
        body |= self._thoughts.fields(request)
        if request.continues_last:
            self._continue_last(body)
        if told.tools:
            body["tools"] = [encode_tool(tool) for tool in _offered(request)]
            is_ours = grammar is not None or request.tool_choice.mode == "none"
            body["tool_choice"] = "none" if is_ours else "auto"
        beginning = self._thoughts.begin(request)
        if grammar is not None and beginning in ("thought", "either"):
            body["grammar"] = after_thought(grammar, is_open=beginning == "thought")
        elif grammar is not None:
            body["grammar"] = grammar
            if request.tool_choice.mode == "required" or request.output_format.kind != "text":
                body.setdefault("temperature", 0)
        calls = tuple(tool.name for tool in _offered(request)) if grammar is not None else ()
        return Prompt(body, calls, beginning)

    def _continue_last(self, body: Body) -> None:
        body |= {"continue_final_message": "content", "add_generation_prompt": False}
        if self._thoughts.opens_always:
            messages = body["messages"]
            assert isinstance(messages, list)
            messages[-1]["content"] = CLOSED_THOUGHT + messages[-1]["content"]

    def _grammar(self, request: ChatRequest) -> str | None:
        """For calls, for a JSON answer, or for either; None where nothing is enforced by us."""
        mode = request.tool_choice.mode if request.tools else "none"
        answer = _answer_schema(request)
        if mode == "none":
            return None if answer is None else answer_grammar(answer, self._ceilings)
        tools = _offered(request)
        is_single = len(request.tool_choice.names) == 1 or not request.can_call_in_parallel
        if mode == "required" or answer is not None:
            other = answer if mode == "auto" else None
            return call_grammar(tools, is_single=is_single, answer=other, ceilings=self._ceilings)
        if self._is_our_form:
            return talk_grammar(tools, is_single=is_single, ceilings=self._ceilings)
        for tool in tools:  # llama.cpp converts these, so they are checked at least
            SchemaReader(tool.parameters, is_strict=tool.is_strict)
        return None

    def encode(self, body: Body) -> bytes:
        """As JSON, with the control tokens in a caller's text made harmless.

        A template's own control tokens are added later, in the engine. In a caller's text such a
        token would end the message and begin another, of any role (measured: it does). Where the
        whole prompt is the caller's, so are the control tokens in it.
        """
        encoded = msgspec.json.encode(body)
        if self._control is None or "prompt" in body:
            return encoded
        return self._control.sub(_defuse, encoded)


def _defuse(found: re.Match[bytes]) -> bytes:
    token = found[0].decode()
    return f"{token[0]}{_WORD_JOINER}{token[1:]}".encode()


def _offered(request: ChatRequest) -> tuple[Tool, ...]:
    """The tools that may be called. A restricted choice hides the others from the model."""
    names = request.tool_choice.names
    return tuple(tool for tool in request.tools if not names or tool.name in names)


def _writes_our_form(template: str) -> bool:
    """Whether the template writes calls as ``calls`` reads them: one family does, of many."""
    return OPENING in template and '"arguments"' in template and "<function=" not in template


def _answer_schema(request: ChatRequest) -> msgspec.Raw | None:
    if request.output_format.kind == "text":
        return None
    return ANY_OBJECT if request.output_format.schema is None else request.output_format.schema


def _add_own_fields(body: Body, request: ChatRequest) -> None:
    for field in ("response_format", "stop", "model"):
        body.pop(field, None)
    body["cache_prompt"] = True
    body["timings_per_token"] = True
    if request.sampling.seed is not None:
        body["seed"] = request.sampling.seed % _SEEDS
    if request.top_logprobs is not None:
        asked = "top_logprobs" if request.prompt is None else "logprobs"
        body[asked] = max(1, request.top_logprobs)  # with 0 it tells none at all


def _repair_calls(body: Body) -> None:
    """Templates read the arguments of earlier calls as an object; a caller may send any text."""
    messages = body["messages"]
    assert isinstance(messages, list)
    for message in messages:
        for call in message.get("tool_calls", ()):
            function = call["function"]
            function["arguments"] = _as_object(function["arguments"])


def _as_object(arguments: str) -> str:
    try:
        msgspec.json.decode(arguments, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return msgspec.json.encode({"input": arguments}).decode()
    return arguments
