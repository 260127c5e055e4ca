"""The hand-written evaluation sets are judged before they judge a model."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

_SETS = Path(__file__).parents[2] / "training" / "structure" / "sets"
_SIZES = {"ht2": 200, "nt2": 80, "ex2": 100, "norm2": 100, "chat2": 40}
_FORMS = {
    "ISO 4217": re.compile(r"[A-Z]{3}"),
    "HH:MM": re.compile(r"([01]\d|2[0-3]):[0-5]\d"),
    "YYYY-MM-DD": re.compile(r"\d{4}-\d\d-\d\d"),
}

_Item = dict[str, Any]


def _items(name: str) -> list[_Item]:
    lines = (_SETS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _text(item: _Item) -> str:
    return "\n".join(message["content"] for message in item["messages"])


def _answers(item: _Item) -> list[list[_Item]]:
    return [item["calls"], *item.get("alternatives", [])]


def _calls() -> Iterator[tuple[_Item, _Item, _Item]]:
    """Every call that is accepted as right: the item, the schema of the tool, the arguments."""
    for item in _items("ht2"):
        schemas = {tool["name"]: tool["parameters"] for tool in item["tools"]}
        for answer in _answers(item):
            for call in answer:
                yield item, schemas[call["name"]], call["arguments"]


def _strings(schema: _Item, value: Any) -> Iterator[tuple[_Item, str]]:
    """Every string of a value, each with its own schema."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _strings(schema["properties"][name], member)
    elif isinstance(value, list):
        for member in value:
            yield from _strings(schema["items"], member)
    elif isinstance(value, str):
        yield schema, value


def _forms(schema: _Item) -> list[re.Pattern[str]]:
    """The forms that the description of a parameter asks for."""
    return [form for name, form in _FORMS.items() if name in schema.get("description", "")]


def _is_copied(schema: _Item) -> bool:
    return "enum" not in schema and "format" not in schema and not _forms(schema)


def _is_nested(item: _Item) -> bool:
    values = [value for call in item["calls"] for value in call["arguments"].values()]
    first = [value[0] if isinstance(value, list) and value else value for value in values]
    return any(isinstance(value, dict) for value in first)


@pytest.mark.parametrize("name", _SIZES)
def test_the_set_is_whole(name: str) -> None:
    """Protects a published figure: all items there, numbered, none twice, each ending on a user."""
    items = _items(name)
    assert [item["id"] for item in items] == [f"{name}-{n + 1:03d}" for n in range(_SIZES[name])]
    assert len({_text(item) for item in items}) == len(items)
    assert {item["messages"][-1]["role"] for item in items} == {"user"}


@pytest.mark.parametrize("name", ["ht2", "nt2"])
def test_the_tools_are_valid_and_differ(name: str) -> None:
    """Protects the prompts: a tool is a JSON Schema, and no list names a tool twice."""
    for item in _items(name):
        names = [tool["name"] for tool in item["tools"]]
        assert len(set(names)) == len(names) > 0, item["id"]
        for tool in item["tools"]:
            Draft202012Validator.check_schema(tool["parameters"])
            required = tool["parameters"].get("required", [])
            assert set(required) <= set(tool["parameters"]["properties"]), item["id"]


def test_every_call_satisfies_the_schema_of_its_tool() -> None:
    """Protects against marking a right answer wrong: what is expected is itself valid."""
    for item, schema, arguments in _calls():
        closed = {**schema, "additionalProperties": False}
        errors = list(
            Draft202012Validator(closed, format_checker=FormatChecker()).iter_errors(arguments)
        )
        assert errors == [], item["id"]


def test_normalised_strings_have_the_form_of_their_description() -> None:
    """Protects what no JSON Schema checks: times, dates and currency codes that prose asks for."""
    for item, schema, arguments in _calls():
        for part, string in _strings(schema, arguments):
            assert all(form.fullmatch(string) for form in _forms(part)), (item["id"], string)


def test_copied_strings_stand_in_the_conversation() -> None:
    """Protects fairness: what has to be guessed is not asked for, unless it says `derived`."""
    lost = [
        (item["id"], string)
        for item, schema, arguments in _calls()
        for part, string in _strings(schema, arguments)
        if _is_copied(part) and string not in _text(item) and not item.get("derived")
    ]
    assert lost == []


def test_ht2_is_mixed_as_it_says() -> None:
    """Protects the table of the README: tools shown, second calls, nesting, earlier turns."""
    items = _items("ht2")
    shown = Counter(len(item["tools"]) for item in items)
    assert (shown[1], shown[2] + shown[3], shown[4] + shown[5]) == (40, 80, 50)
    assert shown[6] + shown[7] + shown[8] == 30
    assert Counter(len(item["calls"]) for item in items) == {1: 185, 2: 15}
    assert sum(_is_nested(item) for item in items) == 20
    assert sum(len(item["messages"]) > 1 for item in items) == 10
    assert len({call["name"] for item in items for call in item["calls"]}) >= 90


def test_nt2_calls_nothing_for_a_named_reason() -> None:
    """Protects abstention: half has no tool that fits, half lacks one argument that is required."""
    items = _items("nt2")
    assert Counter(item["why"] for item in items) == {"no_tool": 40, "missing": 40}
    assert all(item["calls"] == [] for item in items)
    for item in items:
        required = {
            name for tool in item["tools"] for name in tool["parameters"].get("required", [])
        }
        assert ("missing" in item) == (item["why"] == "missing"), item["id"]
        assert item.get("missing") in required | {None}, item["id"]


def test_ex2_names_every_field_it_wants() -> None:
    """Protects extraction: two to six fields, all named by the prompt; lists, nesting, nulls."""
    items = _items("ex2")
    for item in items:
        assert 2 <= len(item["json"]) <= 6, item["id"]
        assert [key for key in item["json"] if key not in _text(item)] == [], item["id"]
    values = [list(item["json"].values()) for item in items]
    assert sum(any(isinstance(value, list) for value in row) for row in values) == 15
    flat = [[v[0] if isinstance(v, list) and v else v for v in row] for row in values]
    assert sum(any(isinstance(value, dict) for value in row) for row in flat) == 10
    assert sum(None in row for row in values) == 10


def test_norm2_answers_are_bare() -> None:
    """Protects exact comparison: an answer is one line without spaces around it."""
    answers = [item["answer"] for item in _items("norm2")]
    assert all(answer and answer == answer.strip() and "\n" not in answer for answer in answers)


def test_chat2_answers_stand_in_the_prompt() -> None:
    """Protects labels and spans: the answer is accepted, and each accepted one can be copied."""
    items = _items("chat2")
    counts = {"greeting": 4, "thanks": 3, "identity": 4, "ability": 3, "unknown": 6, "rude": 3}
    assert Counter(item["kind"] for item in items) == {**counts, "title": 5, "label": 6, "span": 6}
    for item in items:
        assert ("answer" in item) == (item["kind"] in {"label", "span"}), item["id"]
        if "answer" in item:
            accepted = item.get("accept", [item["answer"]])
            assert item["answer"] in accepted, item["id"]
            assert all(word.lower() in _text(item).lower() for word in accepted), item["id"]
        assert ("words_max" in item) == (item["kind"] == "title"), item["id"]
