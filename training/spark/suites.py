"""The evaluation items: held-out words and templates of every family, and the handwritten set."""

import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from spark.conversation import Call, Conversation, Goal, JsonObject, Role, Tool, Turn
from spark.generators.chat import make_chat
from spark.generators.draw import Draw, Split
from spark.generators.extraction import make_extraction
from spark.generators.normalisation import make_normalisation
from spark.generators.reading import make_reading
from spark.generators.tool_calls import (
    make_call,
    make_decline,
    make_question,
    make_single,
    make_tool_calls,
)
from spark.generators.tool_results import shortened

__all__ = ["SUITES", "handwritten", "items"]

Maker = Callable[[Draw], Conversation]


def first_exchange(conversation: Conversation) -> Conversation:
    """The conversation up to its first assistant turn."""
    for index, turn in enumerate(conversation.turns):
        if turn.role is Role.ASSISTANT:
            return msgspec.structs.replace(conversation, turns=conversation.turns[: index + 1])
    return conversation


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
    "calls": partial(make_single, exchange=make_call),
    "declines": partial(make_single, exchange=make_decline),
    "questions": partial(make_single, exchange=make_question),
    "results": _reported_result,
    "extraction": lambda draw: first_exchange(make_extraction(draw)),
    "normalisation": lambda draw: first_exchange(make_normalisation(draw)),
    "reading": lambda draw: first_exchange(make_reading(draw)),
    "echo": _exact_chat,
}


def items(suite: str, count: int, *, seed: int) -> list[Conversation]:
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


def schema_problems(schema: JsonObject, arguments: JsonObject) -> list[str]:
    """Why the arguments do not fit the schema; enough of JSON Schema for our tools."""
    properties = schema.get("properties")
    required = schema.get("required") or []
    assert isinstance(properties, dict)
    assert isinstance(required, list)
    problems = [f"{name} is missing" for name in required if str(name) not in arguments]
    kinds: dict[str, tuple[type, ...]] = {
        "string": (str,),
        "integer": (int,),
        "number": (int, float),
        "boolean": (bool,),
        "array": (list,),
        "object": (dict,),
    }
    for name, value in arguments.items():
        described = properties.get(name)
        if not isinstance(described, dict):
            problems.append(f"{name} is not in the schema")
            continue
        if not isinstance(value, kinds[str(described["type"])]):
            problems.append(f"{name} has the wrong type")
        allowed = described.get("enum")
        if isinstance(allowed, list) and value not in allowed:
            problems.append(f"{name} is not among the allowed values")
    return problems
