"""What the echo engine will say: a pure function of the request and of its directives.

A directive is written in the prompt, ``[[echo: fail_after=3, token_ms=5]]``, or in the engine's
option ``script``; ``Script`` lists what it can say. Directives are not echoed.
"""

import re
from collections.abc import Iterator

import msgspec

from kilonova.core.chat import (
    ChatRequest,
    ImagePart,
    Part,
    Tool,
    ToolCallPart,
)
from kilonova.core.errors import InvalidRequest
from kilonova.core.events import (
    Delta,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallStarted,
)
from kilonova.engines.example import example_of

__all__ = ["Plan", "Script", "count_words", "deltas", "plan_answer", "read_script"]

_WORD = re.compile(r"\s*\S+(?:\s+\Z)?")
_OPENING = "[[echo:"
_DIRECTIVE = re.compile(r"\s*\[\[echo:([^\[\]]*)\]\]")
_LOGPROB = -0.1


class Script(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``name`` or ``name=number``, separated by commas or spaces.

    ``tokens`` is the length of the answer, whose words then repeat; ``reasoning`` puts so many
    words of thinking before it, unless the request rules them out. ``call`` makes a tool call under
    tool choice ``auto``, ``calls=n`` several. ``hang`` never answers; ``hang_after=n`` and
    ``fail_after=n`` come after n deltas.
    """

    fail_before: bool = False
    fail_after: int | None = None
    hang: bool = False
    hang_after: int | None = None
    overloaded: bool = False
    not_ready: bool = False
    timeout: bool = False
    refuse: bool = False
    call: bool = False
    calls: int = 0
    tokens: int | None = None
    reasoning: int = 0
    first_token_ms: float | None = None
    delay_ms: float | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer, known before its first word is sent; a piece is a token."""

    reason: FinishReason
    pieces: tuple[str, ...] = ()
    stop_sequence: str | None = None
    calls: tuple[tuple[str, tuple[str, ...]], ...] = ()
    thoughts: int = 0


NOTHING = Script()


def read_script(request: ChatRequest, options_script: str) -> Script:
    """The directives of the engine's options, overridden by those of the last message."""
    words = options_script.replace(",", " ").split()
    text = _last_text(request)
    if _OPENING in text:
        for directive in _DIRECTIVE.findall(text):
            words += directive.replace(",", " ").split()
    if not words:
        return NOTHING
    said = {name: value or "true" for name, _, value in (word.partition("=") for word in words)}
    try:
        return msgspec.convert(said, Script, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"[[echo: …]] is not understood: {error}") from error


def count_words(request: ChatRequest) -> int:
    """The input tokens: words of all messages and of all tools."""
    texts = [_text_of(part) for message in request.messages for part in message.parts]
    texts.append(request.prompt or "")
    for tool in request.tools:
        texts += tool.name, tool.description, bytes(tool.parameters).decode()
    return sum(len(text.split()) for text in texts)


def plan_answer(request: ChatRequest, script: Script) -> Plan:
    """What will be said, cut at the first stop sequence; the engine cuts at the limit of tokens."""
    text = _last_text(request)
    if _OPENING in text:
        text = _DIRECTIVE.sub("", text).strip()
    if tools := _tools_to_call(request, script, text):
        calls = tuple((tool.name, _arguments(tool, text)) for tool in tools)
        return Plan(reason="tool_calls", calls=calls, thoughts=_thoughts(request, script))
    answer = _in_format(request, text)
    if script.tokens is not None:
        answer = _repeat(answer, script.tokens)
    if request.continues_last:
        answer = answer.removeprefix(request.messages[-1].text)
    stop_sequence = None
    if request.sampling.stop:
        answer, stop_sequence = _cut(answer, request.sampling.stop)
    reason: FinishReason = "stop_sequence" if stop_sequence is not None else "stop"
    return Plan(
        reason="content_filter" if script.refuse else reason,
        pieces=tuple(_WORD.findall(answer)),
        stop_sequence=stop_sequence,
        thoughts=_thoughts(request, script),
    )


def deltas(plan: Plan, top_logprobs: int | None) -> Iterator[Delta]:
    """The deltas of a plan, each of one token."""
    count = 0
    for count in range(1, plan.thoughts + 1):
        yield ReasoningDelta("thinking ", count)
    for index, (name, pieces) in enumerate(plan.calls):
        count += 1
        yield ToolCallStarted(index, f"call_{index:08d}", name, count)
        for piece in pieces:
            count += 1
            yield ToolCallDelta(index, piece, count)
    for number, piece in enumerate(plan.pieces, count + 1):
        if top_logprobs is None:
            yield TextDelta(piece, number)
        else:
            yield TextDelta(piece, number, 0, (_logprob(piece, top_logprobs),))


def _last_text(request: ChatRequest) -> str:
    """The prompt, or the last message that is not the assistant's: a question, a tool's result."""
    if request.prompt is not None:
        return request.prompt
    for message in reversed(request.messages):
        if message.role in ("user", "tool"):
            return "".join(_text_of(part) for part in message.parts)
    return ""


def _thoughts(request: ChatRequest, script: Script) -> int:
    """As many as the script says, unless the request wants fewer or none."""
    thinking = request.thinking
    if thinking.is_on is False:
        return 0
    budget = thinking.budget_tokens
    return script.reasoning if budget is None else min(script.reasoning, budget)


def _text_of(part: Part) -> str:
    match part:
        case ToolCallPart():
            return f"{part.name} {part.arguments}"
        case ImagePart():
            return "image"
        case _:
            return part.text


def _tools_to_call(request: ChatRequest, script: Script, text: str) -> list[Tool]:
    choice = request.tool_choice
    if not request.tools or choice.mode == "none":
        return []
    allowed = [tool for tool in request.tools if not choice.names or tool.name in choice.names]
    wanted = script.calls or int(script.call or choice.mode == "required")
    is_answer = request.messages[-1].role == "tool"
    if not wanted and not is_answer:
        allowed = [tool for tool in allowed if tool.name in text]
        wanted = min(1, len(allowed))
    return [allowed[index % len(allowed)] for index in range(wanted)] if allowed else []


def _arguments(tool: Tool, text: str) -> tuple[str, ...]:
    document = msgspec.json.encode(example_of(tool.parameters, text))
    return tuple(_WORD.findall(msgspec.json.format(document, indent=0).decode()))


def _in_format(request: ChatRequest, text: str) -> str:
    wanted = request.output_format
    if wanted.kind == "text":
        return text
    document = example_of(wanted.schema, text) if wanted.schema is not None else {"echo": text}
    return msgspec.json.format(msgspec.json.encode(document), indent=0).decode()


def _repeat(text: str, count: int) -> str:
    words = text.split() or ["echo"]
    return " ".join(words[index % len(words)] for index in range(count))


def _cut(text: str, stops: tuple[str, ...]) -> tuple[str, str | None]:
    """The text before the stop sequence that comes first in it, and that sequence."""
    found = [(at, stop) for stop in stops if stop and (at := text.find(stop)) >= 0]
    if not found:
        return text, None
    at, stop = min(found)
    return text[:at], stop


def _logprob(token: str, alternatives: int) -> TokenLogprob:
    """The token itself is the first of its alternatives, as in every vendor's answer."""
    chosen = TokenLogprob(token, _LOGPROB, token.encode())
    others = (
        TokenLogprob(f"~{rank}", _LOGPROB - rank, f"~{rank}".encode())
        for rank in range(1, alternatives)
    )
    listed = (chosen, *others) if alternatives else ()
    return TokenLogprob(token, _LOGPROB, chosen.token_bytes, listed)
