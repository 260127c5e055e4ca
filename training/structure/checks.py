"""Judges an answer against its reference. The rules, once and for all:

- JSON: objects are equal whatever the order of their keys, lists only in the same order. Numbers
  are equal by value (`1` is `1.0`), `true` is not `1`, a number is not its text. Texts are equal
  after stripping white space at both ends; case, accents and inner spaces count. An object with a
  key too many or too few is wrong, and so is `null` for an argument that was not said.
- Calls: the right tools with equal arguments, nothing more and nothing less. Where the request
  itself tells an order ("then", "after that", "first"), the calls must come in it; otherwise
  calls of one answer are independent and may come in any order. Any listed alternative is as right.
- Text: equal to one of the accepted texts after stripping; where that is JSON, by the rule for it.
- Abstaining: some text, no call, and no JSON that pretends to be one.
- Talk: the same, within the words allowed and with one of the words that it must have.
"""

import json
import re
from collections.abc import Sequence

from structure.conversation import Call, Conversation, Goal, Json, JsonObject, Turn
from structure.template import answer_text

__all__ = [
    "abstains",
    "accepts",
    "equal_json",
    "field_counts",
    "is_fitting_talk",
    "parse_calls",
    "parse_json",
    "reference_answer",
    "same_calls",
    "same_text",
    "schema_problems",
    "tells_order",
]

_CALL = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)
_ORDER = re.compile(
    r"\b(then|afterwards|after that|after this|first|firstly|second|secondly|next|finally|once|"
    r"before|followed by|when (that|this|it) is done)\b",
    re.IGNORECASE,
)
_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def parse_json(text: str) -> Json:
    """A JSON value, or a ValueError that the caller counts."""
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
        except ValueError:
            return None
        match value:
            case {"name": str(name), "arguments": dict(arguments)}:
                calls.append(Call(name, arguments))
            case _:
                return None
    return tuple(calls)


def equal_json(first: Json, second: Json) -> bool:
    """Equality of JSON values by the rules above."""
    match first, second:
        case (bool(), _) | (_, bool()) | (None, _) | (_, None):
            return first is second
        case (int() | float(), int() | float()):
            return first == second
        case str(), str():
            return first.strip() == second.strip()
        case dict(), dict():
            return first.keys() == second.keys() and all(
                equal_json(value, second[key]) for key, value in first.items()
            )
        case list(), list():
            return len(first) == len(second) and all(map(equal_json, first, second))
        case _:
            return False


def tells_order(request: str) -> bool:
    """Whether a request says in which order its parts are to be done."""
    return _ORDER.search(request) is not None


def _same_call(one: Call, other: Call) -> bool:
    return one.name == other.name and equal_json(one.arguments, other.arguments)


def same_calls(
    expected: Sequence[Call], given: Sequence[Call] | None, *, in_order: bool = True
) -> bool:
    """The same calls, in the same order unless that does not matter."""
    if given is None or len(given) != len(expected):
        return False
    if in_order:
        return all(map(_same_call, expected, given))
    left = list(given)
    for call in expected:
        found = next((index for index, one in enumerate(left) if _same_call(call, one)), None)
        if found is None:
            return False
        del left[found]
    return True


def same_text(accepted: Sequence[str], answer: str) -> bool:
    """One of the accepted texts."""
    return any(_one_text(text, answer) for text in accepted)


def _one_text(expected: str, answer: str) -> bool:
    if answer.strip() == expected.strip():
        return True
    return expected.lstrip()[:1] in ("{", "[") and _is_json_equal(expected, answer)


def _is_json_equal(expected: str, answer: str) -> bool:
    try:
        return equal_json(parse_json(expected), parse_json(answer))
    except ValueError:
        return False


def abstains(answer: str) -> bool:
    """Some text, but no call and no JSON."""
    return bool(answer.strip()) and "<tool_call>" not in answer and "{" not in answer


def is_fitting_talk(answer: str, *, about: Sequence[str], words_max: int) -> bool:
    """Readable text about the right thing, and not too much of it."""
    lowered = answer.lower()
    is_about = not about or any(word.lower() in lowered for word in about)
    return abstains(answer) and is_about and (not words_max or len(answer.split()) <= words_max)


def accepts(reference: Turn, answer: str) -> bool:
    """Whether the text of an answer meets the goal of the reference turn; calls in order."""
    match reference.goal:
        case Goal.CALL:
            return same_calls(reference.calls, parse_calls(answer))
        case Goal.JSON:
            return _is_json_equal(reference.content, answer)
        case Goal.EXACT:
            return same_text((reference.content,), answer)
        case Goal.ABSTAIN | Goal.CHAT:
            return abstains(answer)


def reference_answer(conversation: Conversation) -> str:
    """The text that the last turn of a conversation must have."""
    return answer_text(conversation.turns[-1])


def _leaves(value: Json, path: str = "") -> dict[str, Json]:
    """Fields by their path; a list is one value."""
    if not isinstance(value, dict):
        return {path: value}
    found: dict[str, Json] = {}
    for key, inner in value.items():
        found |= _leaves(inner, f"{path}/{key}")
    return found


def field_counts(expected: Json, given: Json) -> tuple[int, int, int]:
    """Fields that agree, fields expected, fields given: what a field F1 is made of."""
    wanted, found = _leaves(expected), _leaves(given)
    right = sum(path in found and equal_json(value, found[path]) for path, value in wanted.items())
    return right, len(wanted), len(found)


def _type_problems(schema: JsonObject, value: Json, name: str) -> list[str]:
    kinds = schema.get("type")
    names = kinds if isinstance(kinds, list) else [] if kinds is None else [kinds]
    allowed = tuple(kind for wanted in names for kind in _KINDS[str(wanted)])
    is_wrong = bool(allowed) and not isinstance(value, allowed)
    if is_wrong or (isinstance(value, bool) and bool(allowed) and bool not in allowed):
        return [f"{name} has the wrong type"]
    choices = schema.get("enum")
    if isinstance(choices, list) and not any(equal_json(choice, value) for choice in choices):
        return [f"{name} is not among the allowed values"]
    items = schema.get("items")
    if isinstance(value, list) and isinstance(items, dict):
        return [problem for inner in value for problem in _type_problems(items, inner, name)]
    if isinstance(value, dict) and "properties" in schema:
        return schema_problems(schema, value)
    return []


def schema_problems(schema: JsonObject, arguments: JsonObject) -> list[str]:
    """Why the arguments do not fit the schema; enough of JSON Schema for our tools."""
    properties = schema.get("properties") or {}
    required = schema.get("required") or []
    assert isinstance(properties, dict)
    assert isinstance(required, list)
    problems = [f"{name} is missing" for name in required if str(name) not in arguments]
    for name, value in arguments.items():
        described = properties.get(name)
        if not isinstance(described, dict):
            problems.append(f"{name} is not in the schema")
            continue
        problems += _type_problems(described, value, name)
    return problems
