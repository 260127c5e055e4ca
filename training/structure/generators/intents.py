"""Human utterances with their marked intents and slots, turned into calls, labels and JSON.

This is where natural wording comes from: the utterances were written by people (CLINC150,
Banking77, Restaurant8k, NLU++), only the tools around them are made here.
"""

import json
from collections.abc import Sequence

import msgspec

from structure.conversation import Call, Conversation, Goal, Json, JsonObject, Role, Tool, Turn
from structure.corpus import Record
from structure.generators.chat import ABILITIES, IDENTITY, IGNORANCE, small_talk, system_turns
from structure.generators.draw import Draw
from structure.generators.schemas import naming_style, styled, words_of
from structure.generators.tool_calls import DECLINE

__all__ = ["Utterances", "make_intents"]

_NO_ARGUMENTS: JsonObject = {"type": "object", "properties": {}}
_CHAT_ANSWERS = {
    "greeting": "Hello! How can I help you?",
    "goodbye": "Goodbye!",
    "thank_you": "You are welcome.",
    "what_is_your_name": IDENTITY,
    "who_made_you": IDENTITY,
    "are_you_a_bot": IDENTITY,
    "who_do_you_work_for": IDENTITY,
    "what_can_i_ask_you": ABILITIES,
    "oos": IGNORANCE,
    "fun_fact": IGNORANCE,
    "meaning_of_life": IGNORANCE,
    "definition": IGNORANCE,
}
_LABEL_ASKS = (
    "Which label fits: {l}?\nText: {t}",
    "Classify the text as one of: {l}.\n{t}",
    "Text: {t}\nLabels: {l}\nAnswer with one label.",
    "Choose one intent from {l} for: {t}",
    "{t}\n\nPick the best label: {l}",
    "Label this message ({l}): {t}",
)
_SLOT_ASKS = (
    "Extract {f} as JSON: {t}",
    "{t}\n\nReturn {f} as JSON.",
    "Get {f} from this message: {t}",
    "JSON with {f}: {t}",
    "Find the {f}: {t}",
)
_SLOT_HINTS = {
    "people": "Number of people as said",
    "time": "Time as said",
    "date": "Day as said",
    "first_name": "First name",
    "last_name": "Last name",
}


class Utterances(msgspec.Struct, frozen=True):
    """The records by use: by intent, by chat label, and with slots."""

    intents: dict[str, list[str]]
    chat: dict[str, list[str]]
    bookings: list[Record]
    slotted: list[Record]


def group_utterances(intents: Sequence[Record], slotted: Sequence[Record]) -> Utterances:
    """Sort the records by how they are used."""
    by_label: dict[str, list[str]] = {}
    for record in intents:
        by_label.setdefault(record.label, []).append(record.text)
    chat = {label: by_label.pop(label) for label in _CHAT_ANSWERS if label in by_label}
    # Very short replies ("16") have meaning only after a question, which is not in the record.
    marked = [record for record in slotted if record.slots and len(record.text.split()) > 3]
    bookings = [record for record in marked if "restaurant8k" in record.source]
    return Utterances(by_label, chat, bookings, marked)


def _labels(draw: Draw, source: Utterances) -> list[str]:
    return draw.some(sorted(source.intents), draw.whole(2, 6))


def _choice(draw: Draw, source: Utterances) -> Conversation:
    """Tools without arguments, named after intents."""
    labels = _labels(draw, source)
    style = naming_style(draw)
    described = draw.chance(0.7)
    tools = tuple(
        Tool(
            styled(label.lower().replace("?", ""), style),
            f"{words_of(label).capitalize()}" if described else "",
            _NO_ARGUMENTS,
        )
        for label in labels
    )
    turns = system_turns(draw, chance=0.3)
    for _ in range(draw.whole(1, 4)):
        index = draw.whole(0, len(labels) - 1)
        turns.append(Turn(Role.USER, draw.one(source.intents[labels[index]])))
        if draw.chance(0.12):
            turns[-1] = Turn(Role.USER, draw.one(source.chat["oos"]))
            turns.append(Turn(Role.ASSISTANT, DECLINE, goal=Goal.ABSTAIN))
            continue
        call = Call(tools[index].name, {})
        turns.append(Turn(Role.ASSISTANT, calls=(call,), goal=Goal.CALL))
    return Conversation("intents", tuple(turns), tools)


def _labelling(draw: Draw, source: Utterances) -> Conversation:
    labels = _labels(draw, source)
    label = draw.one(labels)
    text = draw.one(source.intents[label])
    question = draw.kept(_LABEL_ASKS).replace("{t}", text).replace("{l}", ", ".join(labels))
    answer = Turn(Role.ASSISTANT, label, goal=Goal.EXACT)
    return Conversation(
        "intents", (*system_turns(draw, chance=0.2), Turn(Role.USER, question), answer)
    )


def _chatting(draw: Draw, source: Utterances) -> Conversation:
    label = draw.one(sorted(source.chat))
    turns = system_turns(draw, chance=0.4)
    turns.append(Turn(Role.USER, draw.one(source.chat[label])))
    turns.append(Turn(Role.ASSISTANT, _CHAT_ANSWERS[label]))
    return Conversation("chat", tuple(turns + (small_talk(draw) if draw.chance(0.3) else [])))


def _first_slots(record: Record) -> dict[str, Json]:
    """The first value of each slot, in the order of the text."""
    values: dict[str, Json] = {}
    for slot in record.slots:
        values.setdefault(slot.slot, slot.value.strip(".,!? "))
    return values


def _booking(draw: Draw, source: Utterances) -> Conversation:
    """A table reservation with the details as the guest wrote them."""
    style = naming_style(draw)
    names = draw.some(sorted(_SLOT_HINTS), len(_SLOT_HINTS))
    properties: JsonObject = {
        styled(name, style): {"type": "string", "description": _SLOT_HINTS[name]} for name in names
    }
    schema: JsonObject = {"type": "object", "properties": properties}
    verb = draw.one(("book_table", "reserve_table", "set_reservation", "update_booking"))
    tool = Tool(styled(verb, style), draw.one(("Book a table.", "Reservation details", "")), schema)
    turns = system_turns(draw, chance=0.3)
    for _ in range(draw.whole(1, 4)):
        record = draw.one(source.bookings)
        values = _first_slots(record)
        given: JsonObject = {styled(name, style): values[name] for name in names if name in values}
        turns.append(Turn(Role.USER, record.text))
        turns.append(Turn(Role.ASSISTANT, calls=(Call(tool.name, given),), goal=Goal.CALL))
    return Conversation("intents", tuple(turns), (tool,))


def _slot_filling(draw: Draw, source: Utterances) -> Conversation:
    record = draw.one(source.slotted)
    values = _first_slots(record)
    asked = draw.some(list(values), len(values))
    fields: JsonObject = {name: values[name] for name in asked}
    if draw.chance(0.2):
        fields.setdefault(draw.one(("colour", "country", "price")), None)
    question = draw.kept(_SLOT_ASKS).replace("{t}", record.text).replace("{f}", ", ".join(fields))
    answer = json.dumps(fields, ensure_ascii=False)
    turns = (Turn(Role.USER, question), Turn(Role.ASSISTANT, answer, goal=Goal.JSON))
    return Conversation("intents", turns)


def make_intents(draw: Draw, source: Utterances) -> Conversation:
    """One conversation around human utterances."""
    makers = {_choice: 0.45, _booking: 0.25, _labelling: 0.08, _chatting: 0.12, _slot_filling: 0.1}
    return draw.weighted(makers)(draw, source)
