"""Judges an answer against a reference turn: the checkers that come with the generated tasks."""

import json
import re

from spark.conversation import Call, Conversation, Goal, Json, Turn
from spark.template import answer_text

__all__ = ["accepts", "parse_calls", "parse_json", "reference_answer"]

_CALL = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)


def parse_json(text: str) -> Json:
    """A JSON value, or an error that the caller counts."""
    value: Json = json.loads(text)
    return value


def parse_calls(text: str) -> tuple[Call, ...] | None:
    """The calls in an answer, in order; None where one of them is malformed or not closed."""
    bodies = _CALL.findall(text)
    if len(bodies) != text.count("<tool_call>"):
        return None
    calls = []
    for body in bodies:
        try:
            value = parse_json(body)
        except json.JSONDecodeError:
            return None
        match value:
            case {"name": str(name), "arguments": dict(arguments)}:
                calls.append(Call(name, arguments))
            case _:
                return None
    return tuple(calls)


def _equal_json(first: Json, second: Json) -> bool:
    """Equality in which `true` is not 1, which Python's own comparison would allow."""
    return json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)


def _same_calls(expected: tuple[Call, ...], given: tuple[Call, ...] | None) -> bool:
    if given is None or len(given) != len(expected):
        return False
    return all(
        one.name == other.name and _equal_json(one.arguments, other.arguments)
        for one, other in zip(expected, given, strict=True)
    )


def _is_json_equal(expected: str, answer: str) -> bool:
    try:
        return _equal_json(parse_json(expected), parse_json(answer))
    except json.JSONDecodeError:
        return False


def accepts(reference: Turn, answer: str) -> bool:
    """Whether the answer meets the goal of the reference turn."""
    match reference.goal:
        case Goal.CALL:
            return _same_calls(reference.calls, parse_calls(answer))
        case Goal.JSON:
            return _is_json_equal(reference.content, answer)
        case Goal.EXACT:
            return answer.strip() == reference.content
        case Goal.ABSTAIN | Goal.CHAT:
            return bool(answer.strip()) and "<tool_call>" not in answer and "{" not in answer


def reference_answer(conversation: Conversation) -> str:
    """The text that the last turn of a conversation must have."""
    return answer_text(conversation.turns[-1])
