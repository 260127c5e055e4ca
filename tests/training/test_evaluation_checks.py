"""The rules by which answers are judged, and the figures that are counted from them."""

from pathlib import Path

import msgspec
import pytest

from structure.baselines import canonical, guessed_call
from structure.checks import (
    equal_json,
    field_counts,
    is_fitting_talk,
    same_calls,
    same_text,
    schema_problems,
    tells_order,
)
from structure.conversation import Call, Json
from structure.figures import Asked, results_of
from structure.items import Item, item_of, read_items, write_items
from structure.served import Reply
from structure.suites import SUITES, items

_TURN = Call("turn", {"lamp": "desk"})
_WAIT = Call("wait", {"minutes": 5})
_SCHEMA = {"type": "object", "properties": {"lamp": {"type": "string"}}, "required": ["lamp"]}


def _item(**fields: object) -> Item:
    message = {"role": "user", "content": "turn the desk lamp, please"}
    tools = [
        {"name": "wait", "description": "", "parameters": {"type": "object", "properties": {}}},
        {"name": "turn", "description": "Turn a lamp", "parameters": _SCHEMA},
    ]

    whole = {"id": "t-1", "messages": [message], "tools": tools} | fields
    return msgspec.convert(whole, Item)


@pytest.mark.parametrize(
    ("first", "second", "is_equal"),
    [
        (1, 1.0, True),
        (True, 1, False),
        (None, "null", False),
        (None, None, True),
        ("5", 5, False),
        (" Oslo ", "Oslo", True),
        ("oslo", "Oslo", False),
        ({"a": 1, "b": [1, 2]}, {"b": [1, 2], "a": 1.0}, True),
        ([1, 2], [2, 1], False),
        ({"a": 1}, {"a": 1, "b": None}, False),
    ],
)
def test_equality_of_json(first: Json, second: Json, is_equal: bool) -> None:
    """Protects the meaning of "exact": numbers by value, texts stripped, nothing else forgiven."""
    assert equal_json(first, second) is is_equal


def test_order_of_calls_matters_where_the_request_tells_one() -> None:
    """Protects two independent calls from being judged by an order that nobody asked for."""
    assert not same_calls((_TURN, _WAIT), (_WAIT, _TURN))
    assert same_calls((_TURN, _WAIT), (_WAIT, _TURN), in_order=False)
    assert not same_calls((_TURN, _TURN), (_TURN, _WAIT), in_order=False)
    assert not same_calls((_TURN,), None)
    assert tells_order("Turn the lamp on and then wait")
    assert not tells_order("Turn on the lamp and the radio")


def test_text_is_equal_to_one_of_several() -> None:
    """Protects accepted spellings, and JSON answers from being judged by their blanks."""
    assert same_text(("94 metres", "94 metres deep"), " 94 metres deep\n")
    assert same_text(('{"amount": 5, "currency": "EUR"}',), '{"currency":"EUR","amount":5.0}')
    assert not same_text(("94 metres",), "about 94 metres")


def test_talk_has_the_right_words_and_not_too_many() -> None:
    """Protects titles: short, about the matter, and no call in disguise."""
    assert is_fitting_talk("Broken printer", about=("printer",), words_max=4)
    assert not is_fitting_talk("A broken machine", about=("printer",), words_max=4)
    assert not is_fitting_talk("The printer on floor two broke", about=("printer",), words_max=4)
    assert not is_fitting_talk('{"title": "printer"}', about=("printer",), words_max=4)


def test_fields_are_counted_by_path() -> None:
    """Protects the field F1: nested fields count one by one, a wrong and an extra one cost."""
    expected: Json = {"name": "Ann", "address": {"city": "Oslo", "zip": "0150"}}
    given: Json = {"name": "Ann", "address": {"city": "Bergen"}, "age": 4}
    assert field_counts(expected, given) == (1, 3, 3)
    assert field_counts(expected, "no object") == (0, 3, 1)


def test_schemas_are_checked_to_the_bottom() -> None:
    """Protects the figure "calls fit their schema" from nested mistakes."""
    schema = {
        "properties": {
            "tags": {"type": "array", "items": {"type": "string"}},
            "at": {"type": "object", "properties": {"hour": {"type": "integer"}}},
        },
        "required": ["tags"],
    }
    assert schema_problems(schema, {"tags": ["a"], "at": {"hour": 3}}) == []
    assert schema_problems(schema, {"at": {"hour": 3}}) == ["tags is missing"]
    assert schema_problems(schema, {"tags": ["a", 1]}) == ["tags has the wrong type"]
    assert schema_problems(schema, {"tags": [], "at": {"hour": True}}) == [
        "hour has the wrong type"
    ]


@pytest.mark.parametrize("suite", list(SUITES))
def test_generated_items_survive_their_file(suite: str, tmp_path: Path) -> None:
    """Protects the frozen sets: what is read back is what the generator made, with its answer."""

    path = tmp_path / "set.jsonl.xz"
    made = [item_of(item, f"x-{number}") for number, item in enumerate(items(suite, 8, seed="t"))]
    write_items(made, path)
    back = read_items(path)
    assert back == made
    again = [item.conversation() for item in back]
    for one, other in zip(items(suite, 8, seed="t"), again, strict=True):
        assert [turn.content for turn in one.turns[:-1]] == [t.content for t in other.turns[:-1]]
        assert one.turns[-1].calls == other.turns[-1].calls
        assert one.tools == other.tools


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    """Protects whoever mends a set: the error says file and line."""

    path = tmp_path / "ht9.jsonl"
    path.write_text('{"id": "a", "messages": []}\n{"id": 3}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"ht9\.jsonl:2: "):
        read_items(path)


def test_call_figures_count_what_they_say() -> None:
    """Protects the headline figures, each answer of known worth."""
    asked_for = [{"name": "turn", "arguments": {"lamp": "desk"}}]
    item = _item(calls=asked_for)
    replies = [
        Reply(calls=(("turn", '{"lamp": "desk"}'),)),
        Reply(calls=(("turn", '{"lamp": "floor"}'),)),
        Reply(calls=(("turn", '{"lamp": '),)),
        Reply(text="I have no tool for that."),
        Reply(calls=(("wait", "{}"),)),
    ]
    found = results_of(Asked([item] * 5, replies, replies, {"other": replies}))
    values = {key: metric.value for key, metric in found.figures.items()}
    assert values["exact"] == 20.0
    assert values["right_tool"] == 40.0
    assert values["json_valid"] == 80.0
    assert values["false_abstain"] == 20.0
    assert values["exact_raw"] == values["exact"]
    assert found.figures["exact"].baselines["other"] == 20.0
    assert found.figures["right_tool"].baselines["random tool"] == 50.0
    assert found.figures["right_tool"].baselines["first tool"] == 0.0
    assert found.groups["exact by number of tools"]["2"].of == 5
    assert len(found.mistakes) == 4


def test_raw_calls_are_read_from_text() -> None:
    """Protects the figures without grammar: a call is read where it can be, else it is broken."""
    whole = '<tool_call>\n{"name": "turn", "arguments": {"lamp": "desk"}}\n</tool_call>'
    good = Reply(f"Now: {whole}").with_calls_read()
    assert good.calls == (("turn", '{"lamp": "desk"}'),)
    assert good.text == "Now:"
    broken = Reply(whole[:40]).with_calls_read()
    assert broken.calls == ()
    item = _item(calls=[{"name": "turn", "arguments": {"lamp": "desk"}}])
    found = results_of(Asked([item, item], [good, broken]))
    assert found.figures["json_valid"].value == 50.0


def test_abstaining_is_no_call_and_some_text() -> None:
    """Protects NT: silence, a call and JSON in the text are all wrong."""
    item = _item(calls=[], why="missing", missing="lampName")
    replies = [
        Reply("Which lamp do you mean?"),
        Reply("No."),
        Reply(""),
        Reply('{"name": "turn"}'),
        Reply(calls=(("turn", "{}"),)),
    ]
    found = results_of(Asked([item] * 5, replies))
    assert found.figures["right"].value == 40.0
    assert found.figures["asks_for_it"].value == 20.0


def test_baselines_do_what_a_simple_program_can() -> None:
    """Protects the comparison from a straw man: the programs do find what is easy to find."""
    easy = _item(calls=[{"name": "turn", "arguments": {"lamp": "desk"}}])
    assert guessed_call(easy).name == "turn"
    for text, answer in {
        "Write 3 March 2024 as YYYY-MM-DD": "2024-03-03",
        "ISO date of May 10th, 2020?": "2020-05-10",
        "What is 7 pm on a 24-hour clock?": "19:00",
        "Give twelve as digits": "12",
        "Turn 1,250.50 euros into JSON": '{"amount": 1250.5, "currency": "EUR"}',
    }.items():
        assert canonical(_item(messages=[{"role": "user", "content": text}])) == answer
