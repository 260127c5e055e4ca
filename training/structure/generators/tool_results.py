"""What comes back from a tool, and the short English sentence that reports it."""

import json
from collections.abc import Callable

from structure.conversation import Call, Conversation, Goal, Json, JsonObject, Role, Turn
from structure.generators.draw import Draw

__all__ = ["reported", "result_turns"]

_PLAIN_FIELDS = (
    "status",
    "id",
    "name",
    "city",
    "owner",
    "temperature",
    "price",
    "total",
    "count",
    "time",
    "date",
    "condition",
    "message",
    "result",
    "balance",
    "distance",
    "score",
    "humidity",
    "state",
    "reference",
    "quantity",
    "title",
    "amount",
    "location",
    "level",
)
_CONDITIONS = ("sunny", "cloudy", "rainy", "windy", "snowing", "foggy", "clear", "stormy")
_STATES = ("ok", "done", "shipped", "pending", "confirmed", "closed", "open", "created", "active")


def _reference(draw: Draw) -> str:
    plain = draw.digits(draw.whole(3, 6))
    return plain if draw.chance(0.5) else f"{draw.coined(2)}{draw.digits(2)}"


def _number(draw: Draw) -> Json:
    """A whole number, or one with two decimals that every JSON printer writes alike."""
    cents = draw.whole(1, 9999) * 10 + 1
    return draw.whole(0, 9999) if draw.chance(0.6) else round(cents / 100, 2)


_FIELD_VALUES: dict[str, Callable[[Draw], Json]] = {
    "condition": lambda draw: draw.one(_CONDITIONS),
    "status": lambda draw: draw.one(_STATES),
    "state": lambda draw: draw.one(_STATES),
    "city": Draw.place,
    "location": Draw.place,
    "name": Draw.person,
    "owner": Draw.person,
    "message": Draw.thing,
    "title": Draw.thing,
    "time": lambda draw: f"{draw.whole(0, 23):02}:{draw.whole(0, 59):02}",
    "date": lambda draw: f"20{draw.whole(19, 30)}-{draw.whole(1, 12):02}-{draw.whole(1, 28):02}",
    "id": _reference,
    "reference": _reference,
}


def _shown(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def reported(fields: JsonObject) -> str:
    """`The city is Oslo, the temperature is 7 and the condition is cloudy.`"""
    parts = [f"the {name.replace('_', ' ')} is {_shown(value)}" for name, value in fields.items()]
    text = parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + f" and {parts[-1]}"
    return f"{text[0].upper()}{text[1:]}."


def _fields(draw: Draw, call: Call) -> JsonObject:
    """Result fields; the call's own values often come back, as real tools do."""
    fields: JsonObject = {}
    for name, value in call.arguments.items():
        if draw.chance(0.3) and isinstance(value, str | int) and not isinstance(value, bool):
            fields[name] = value
    names = draw.some(_PLAIN_FIELDS, draw.whole(1, 3))
    if draw.chance(0.25):
        names.append(draw.coined(2))
    for name in names:
        fields.setdefault(name, _FIELD_VALUES.get(name, _number)(draw))
    return fields


def _result(draw: Draw, call: Call) -> tuple[str, str, Goal]:
    kind = draw.weighted({"fields": 0.7, "text": 0.2, "error": 0.1})
    if kind == "fields":
        fields = _fields(draw, call)
        compact = draw.chance(0.25)
        text = json.dumps(fields, ensure_ascii=False, separators=(",", ":") if compact else None)
        return text, reported(fields), Goal.EXACT
    if kind == "error":
        reason = f"{draw.thing()} {draw.one(('not found', 'is missing', 'is not available'))}"
        text = json.dumps({"error": reason}) if draw.chance(0.6) else f"Error: {reason}"
        return text, f"The call failed: {reason}.", Goal.EXACT
    plain = draw.one(
        (
            draw.sentence(),
            f"{draw.whole(-20, 40)} degrees and {draw.one(_CONDITIONS)}",
            str(draw.whole(0, 99_999)),
            f"{draw.thing()}: {draw.one(_STATES)}",
        )
    )
    return plain, f"The result is: {plain}.", Goal.EXACT


def result_turns(draw: Draw, calls: tuple[Call, ...]) -> list[Turn]:
    """Tool results, in order, and one answer that reports them all."""
    results = [_result(draw, call) for call in calls]
    answer = " ".join(answer for _, answer, _ in results)
    turns = [Turn(Role.TOOL, text) for text, _, _ in results]
    return [*turns, Turn(Role.ASSISTANT, answer, goal=Goal.EXACT)]


def shortened(conversation: Conversation) -> Conversation:
    """The conversation up to its first reported result, for evaluation."""
    for index, turn in enumerate(conversation.turns):
        if turn.role is Role.TOOL:
            return Conversation("tool_results", conversation.turns[: index + 2], conversation.tools)
    return conversation
