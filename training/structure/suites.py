"""The generated evaluation items: held-out words and templates of every family of tasks.

Also the twenty requests of `handwritten.toml`. They were looked at while v1 was made, so they serve
for looks during training only; what counts is in `sets/`.
"""

import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from structure.checks import schema_problems
from structure.conversation import Call, Conversation, Goal, Role, Tool, Turn
from structure.generators.chat import make_chat
from structure.generators.draw import Draw, Split
from structure.generators.extraction import make_extraction
from structure.generators.labels import make_label, make_title
from structure.generators.normalisation import make_normalisation
from structure.generators.reading import make_reading
from structure.generators.tool_calls import (
    Exchange,
    make_call,
    make_decline,
    make_question,
    make_single,
    make_tool_calls,
    make_two_calls,
)
from structure.generators.tool_results import shortened

__all__ = ["SUITES", "first_exchange", "handwritten", "items", "schema_problems"]

Maker = Callable[[Draw], Conversation]


def first_exchange(conversation: Conversation) -> Conversation:
    """The conversation up to its first assistant turn."""
    for index, turn in enumerate(conversation.turns):
        if turn.role is Role.ASSISTANT:
            return msgspec.structs.replace(conversation, turns=conversation.turns[: index + 1])
    return conversation


def _single(
    draw: Draw, exchange: Exchange, goal: Goal, everyday: float | None = None
) -> Conversation:
    """One request; drawn again where the generator had to fall back to another kind."""
    while True:
        found = make_single(draw, exchange, everyday=everyday)
        if found.turns[-1].goal is goal:
            return found


def _reported_result(draw: Draw) -> Conversation:
    """A conversation that ends with a reported tool result; drawn again until there is one."""
    while True:
        found = shortened(make_tool_calls(draw))
        if found.turns[-2].role is Role.TOOL:
            return found


def _exact_chat(draw: Draw) -> Conversation:
    """Chat with one right answer: echoes and sums."""
    while True:
        found = first_exchange(make_chat(draw))
        if found.turns[-1].goal is Goal.EXACT:
            return found


SUITES: dict[str, Maker] = {
    "calls": partial(_single, exchange=make_call, goal=Goal.CALL, everyday=0.0),
    "two_calls": partial(_single, exchange=make_two_calls, goal=Goal.CALL, everyday=0.0),
    "everyday": partial(_single, exchange=make_call, goal=Goal.CALL, everyday=1.0),
    "declines": partial(_single, exchange=make_decline, goal=Goal.ABSTAIN),
    "questions": partial(_single, exchange=make_question, goal=Goal.ABSTAIN),
    "results": _reported_result,
    "extraction": lambda draw: first_exchange(make_extraction(draw)),
    "normalisation": lambda draw: first_exchange(make_normalisation(draw)),
    "reading": lambda draw: first_exchange(make_reading(draw)),
    "labels": lambda draw: first_exchange(make_label(draw)),
    "titles": lambda draw: first_exchange(make_title(draw)),
    "echo": _exact_chat,
}


def items(suite: str, count: int, *, seed: int | str) -> list[Conversation]:
    """The held-out items of one suite."""
    return [SUITES[suite](Draw(f"{seed}/{suite}/{n}", Split.HELDOUT)) for n in range(count)]


def handwritten() -> list[Conversation]:
    """Each request with its own tool among three others."""
    text = Path(__file__).with_name("handwritten.toml").read_text(encoding="utf-8")
    source = tomllib.loads(text)
    tools = [Tool(**tool) for tool in source["tool"]]
    made = []
    for number, item in enumerate(source["item"]):
        call = Call(**item["call"])
        own = next(tool for tool in tools if tool.name == call.name)
        others = [tool for tool in tools if tool is not own]
        shown = others[number % 7 : number % 7 + 3]
        shown.insert(number % 4, own)
        answer = Turn(Role.ASSISTANT, calls=(call,), goal=Goal.CALL)
        turns = (Turn(Role.USER, item["request"]), answer)
        made.append(Conversation("handwritten", turns, tuple(shown)))
    return made
