"""Tool calling: pick the tool, copy the values, abstain when nothing fits, ask when one is missing.

A conversation shows its tools once and then makes several independent requests, so that the costly
tool list is read once for many answers.
"""

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from spark.conversation import Call, Conversation, Goal, Json, JsonObject, Role, Tool, Turn
from spark.generators.chat import small_talk, system_turns
from spark.generators.domains import (
    Domain,
    domain_request,
    domains,
    incomplete_request,
    make_domain_tool,
)
from spark.generators.draw import Draw
from spark.generators.tool_results import result_turns
from spark.generators.toolsmith import (
    Wording,
    Workpiece,
    make_tool,
    naming_style,
    request,
    words_of,
)

__all__ = ["DECLINES", "make_call", "make_decline", "make_question", "make_tool_calls"]

DECLINES = (
    "I am sorry, none of my tools can do that.",
    "I have no tool for that.",
    "None of the tools fits this request.",
)
_GENERAL_QUESTIONS = (
    "Who wrote {t}?",
    "What is the meaning of {t}?",
    "Tell me a joke about {t}.",
    "Who is {p}?",
    "Write a poem about {t}.",
    "Why is {t} important?",
    "What do you think about {t}?",
    "Explain {t} to a child.",
    "What is the capital of {c}?",
    "How old is {p}?",
    "Write a story about {p} and a {t}.",
    "Which is better, {t} or {t2}?",
    "Tell me about {c}.",
)


_FALLBACK_SHARE = 0.08


class Entry(msgspec.Struct, frozen=True):
    """A tool with the ways to ask for it."""

    piece: Workpiece
    ask: Callable[[Draw], Wording]
    ask_incompletely: Callable[[Draw], tuple[str, str] | None]


Exchange: TypeAlias = Callable[[Draw, list[Entry]], list[Turn]]


def _built(draw: Draw, style: str, noun: str | None) -> Entry:
    piece = make_tool(draw, style=style, noun=noun)
    needed = [item.name for item in piece.parameters if item.required]

    def ask_incompletely(other: Draw) -> tuple[str, str] | None:
        if not needed:
            return None
        missing = other.one(needed)
        return request(other, piece, omit=missing).text, missing

    return Entry(piece, lambda other: request(other, piece), ask_incompletely)


def _everyday(draw: Draw, domain: Domain, style: str) -> Entry:
    piece = make_domain_tool(draw, domain, style=style)
    return Entry(
        piece,
        lambda other: domain_request(other, domain, piece),
        lambda other: incomplete_request(other, domain, piece),
    )


def _toolbox(draw: Draw, count: int) -> list[Entry]:
    """Distinct tools; some share a noun, so that the verb has to decide."""
    style = naming_style(draw)
    chosen = draw.some(domains(), count)
    everyday = draw.weighted({0.0: 0.45, 1.0: 0.25, 0.5: 0.3})
    shared = draw.word("nouns") if draw.chance(0.35) else None
    box: dict[str, Entry] = {}
    for domain in chosen:
        natural = draw.chance(everyday)
        noun = shared if draw.chance(0.7) else None
        entry = _everyday(draw, domain, style) if natural else _built(draw, style, noun)
        box.setdefault(entry.piece.tool.name, entry)
    return list(box.values())


def _user(text: str) -> Turn:
    return Turn(Role.USER, text)


def _calls(*calls: Call) -> Turn:
    return Turn(Role.ASSISTANT, calls=calls, goal=Goal.CALL)


def make_call(draw: Draw, box: list[Entry]) -> list[Turn]:
    """A request that one tool answers."""
    entry = draw.one(box)
    wording = entry.ask(draw)
    turns = [_user(wording.text), _calls(wording.call)]
    return turns + result_turns(draw, turns[-1].calls) if draw.chance(0.35) else turns


def _two_calls(draw: Draw, box: list[Entry]) -> list[Turn]:
    """Two requests in one message, answered by two calls in order."""
    first, second = draw.one(box).ask(draw), draw.one(box).ask(draw)
    glue = draw.one((" And then: ", " Also, ", "\n", " and ", " After that, ", "; "))
    text = first.text.rstrip(".?!") + glue + second.text
    return [_user(text), _calls(first.call, second.call)]


def make_decline(draw: Draw, box: list[Entry]) -> list[Turn]:
    """A request that no tool answers."""
    taken = {entry.piece.noun for entry in box}
    searchable = any(item.kind == "topic" for entry in box for item in entry.piece.parameters)
    if draw.chance(0.4) and not searchable:
        pattern = draw.kept(_GENERAL_QUESTIONS)
        text = pattern.format(t=draw.topic(), t2=draw.topic(), p=draw.person(), c=draw.place())
    else:
        strangers = [entry for entry in _toolbox(draw, 4) if entry.piece.noun not in taken]
        text = strangers[0].ask(draw).text if strangers else f"What is {draw.thing()}?"
    answer = draw.weighted({DECLINES[0]: 0.8, DECLINES[1]: 0.1, DECLINES[2]: 0.1})
    return [_user(text), Turn(Role.ASSISTANT, answer, goal=Goal.ABSTAIN)]


def make_question(draw: Draw, box: list[Entry]) -> list[Turn]:
    """A request that lacks a required value; the answer asks for it."""
    for entry in draw.some(box, len(box)):
        lacking = entry.ask_incompletely(draw)
        if lacking is not None:
            text, missing = lacking
            question = f"Which {words_of(missing)} should I use?"
            return [_user(text), Turn(Role.ASSISTANT, question, goal=Goal.ABSTAIN)]
    return make_call(draw, box)


def _placeholder(schema: Json) -> Json:
    """A value for a parameter about which nothing was said."""
    assert isinstance(schema, dict)
    allowed = schema.get("enum")
    if isinstance(allowed, list):
        return allowed[0]
    blanks: JsonObject = {"integer": 0, "number": 0, "boolean": False, "array": []}
    return blanks.get(str(schema["type"]), "unknown")


def with_fallback(turn: Turn, tool: Tool) -> Turn:
    """The same answer, followed by a call with placeholders.

    When a call is required, the engine's grammar still allows text first and only forbids the end
    of the turn before a call. Seen rarely, this answer never wins by itself, but it is what follows
    when the model wanted to stop and may not.
    """
    properties = tool.parameters["properties"]
    required = tool.parameters.get("required")
    assert isinstance(properties, dict)
    names = required if isinstance(required, list) else []
    arguments = {str(name): _placeholder(properties[str(name)]) for name in names}
    return Turn(turn.role, turn.content, (Call(tool.name, arguments),), Goal.CALL)


_EXCHANGES: dict[Exchange, float] = {
    make_call: 0.76,
    make_decline: 0.11,
    make_question: 0.05,
    _two_calls: 0.04,
    lambda draw, _: small_talk(draw): 0.04,
}


def make_tool_calls(draw: Draw, *, exchanges_max: int = 5) -> Conversation:
    """A conversation with one to four tools and a few independent requests."""
    box = _toolbox(draw, draw.weighted({1: 0.2, 2: 0.25, 3: 0.3, 4: 0.25}))
    turns = system_turns(draw, chance=0.4)
    for _ in range(draw.whole(1, exchanges_max)):
        turns += draw.weighted(_EXCHANGES)(draw, box)
        is_plain = not turns[-1].calls and turns[-2].role is Role.USER
        if is_plain and draw.chance(_FALLBACK_SHARE):
            turns[-1] = with_fallback(turns[-1], box[0].piece.tool)
    tools = tuple(entry.piece.tool for entry in box)
    return Conversation("tool_calls", tuple(turns), tools)


def make_single(draw: Draw, exchange: Exchange) -> Conversation:
    """One request only, for evaluation: the reference is the first assistant turn."""
    box = _toolbox(draw, draw.whole(1, 4))
    turns = exchange(draw, box)[:2]
    return Conversation("tool_calls", tuple(turns), tuple(entry.piece.tool for entry in box))
