"""Schemas become grammars that llama.cpp accepts, or are refused with a reason; nothing hangs."""

import json
import re
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.subjects import answer, ask
from kilonova.core.chat import OutputFormat, Sampling
from kilonova.core.errors import InvalidRequest
from kilonova.engines.llamacpp.automaton import TooComplex
from kilonova.engines.llamacpp.engine import LlamaCpp
from kilonova.engines.llamacpp.grammar import answer_grammar
from kilonova.engines.llamacpp.pattern import PatternError, pattern_rules
from kilonova.engines.llamacpp.ranges import decimal_rule, integer_rule
from kilonova.engines.llamacpp.rules import Ceilings

_NODE = {
    "type": "object",
    "properties": {
        "value": {"type": "integer"},
        "next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/node"}]},
    },
    "required": ["value", "next"],
}
_GOOD: list[object] = [
    {},
    True,
    {"type": "string"},
    {"type": ["integer", "null"]},
    {"const": {"a": [1, 'x\n"\\']}},
    {"enum": ["a", 1, None, [True]]},
    {"type": "integer", "minimum": -12, "maximum": 345},
    {"type": "number", "exclusiveMinimum": 0, "maximum": 0.004},
    {"type": "string", "minLength": 2, "maxLength": 5},
    {"type": "string", "pattern": r"^[A-Z]{2}-\d{3,4}(x|y)?$"},
    {"type": "string", "format": "date-time"},
    {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 3},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"const": "k"}], "items": False},
    {"type": "object", "properties": {f"p{i}": {"type": "null"} for i in range(60)}},
    {"type": "object", "additionalProperties": {"type": "integer"}, "maxProperties": 2},
    {"allOf": [{"properties": {"a": True}, "required": ["a"]}, {"properties": {"b": {}}}]},
    {"oneOf": [{"type": "integer"}, {"type": "array", "maxItems": 1}], "description": "x"},
    {"$ref": "#/$defs/node", "$defs": {"node": _NODE}},
    {"properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}},
]


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("schema", _GOOD, ids=str)
async def test_answers_keep_to_the_schema(llamacpp: LlamaCpp, schema: object) -> None:
    wanted = OutputFormat("json_schema", msgspec.Raw(json.dumps(schema).encode()))
    request = ask(
        "Write it.",
        output_format=wanted,
        max_output_tokens=120,
        sampling=Sampling(temperature=1.0, seed=3),
    )
    choice = (await answer(llamacpp, request)).choices[0]
    if choice.reason != "length":
        json.loads(choice.text)


@pytest.mark.parametrize(
    "schema",
    [
        "[",
        "3",
        "false",
        '{"enum":[]}',
        '{"$ref":"#"}',
        '{"$ref":"#/nowhere"}',
        '{"$ref":"https://example.org/x"}',
        '{"type":"integer","minimum":5,"maximum":4}',
        '{"type":"frog"}',
        '{"anyOf":[]}',
        '{"type":"string","pattern":"(?=x)"}',
        '{"type":"string","pattern":"(a"}',
        '{"type":"string","minLength":100000}',
        '{"type":"array","uniqueItems":true}',
        '{"not":{"type":"string"}}',
        '{"allOf":[{"$ref":"#"},{"$ref":"#"}]}',
        '{"a":' * 100 + "1" + "}" * 100,
        '{"a":' * 100_000,
        json.dumps({"enum": list(range(1001))}),
        json.dumps({"properties": {str(i): {} for i in range(5001)}}),
    ],
)
def test_bad_schemas_are_refused_at_once(schema: str) -> None:
    began = time.monotonic()
    with pytest.raises(InvalidRequest):
        answer_grammar(msgspec.Raw(schema.encode()))
    assert time.monotonic() - began < 2


_KEYWORDS = st.sampled_from(
    ["type", "properties", "items", "enum", "anyOf", "allOf", "$ref", "required", "minItems",
     "maximum", "minimum", "pattern", "const", "maxLength", "additionalProperties", "format"]
)  # fmt: skip
_ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from(["object", "#", "a+", "array"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYWORDS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=1000)
@given(schema=_ANYTHING)
def test_any_schema_is_written_or_refused(schema: object) -> None:
    try:
        grammar = answer_grammar(msgspec.Raw(json.dumps(schema).encode()))
    except InvalidRequest:
        return
    names = set(re.findall(r"^(\S+) ::=", grammar, re.MULTILINE))
    used = set(re.findall(r"\br\d+\b", re.sub(r'"(?:[^"\\]|\\.)*"', "", grammar)))
    assert used <= names


def _matches(rule: str, text: str) -> bool:
    """Read an expression of ``ranges`` as a regular expression: it uses only what both know."""
    plain = re.sub(r'"([^"]*)"', lambda found: re.escape(found[1]), rule)
    return re.fullmatch(plain.replace(" ", ""), text) is not None


@given(low=st.integers(-3000, 3000), span=st.integers(0, 3000), value=st.integers(-9000, 9000))
def test_integers_keep_their_bounds(low: int, span: int, value: int) -> None:
    rule = integer_rule(low, low + span)
    assert rule is not None
    assert _matches(rule, str(value)) == (low <= value <= low + span)
    assert not _matches(rule, f"0{value}")


@given(
    low=st.decimals(-50, 50, places=3), span=st.decimals(0, 20, places=3),
    text=st.from_regex(r"\A-?(0|[1-9][0-9]?)(\.[0-9]{1,2})?\Z"),
)  # fmt: skip
def test_decimals_keep_their_bounds(low: float, span: float, text: str) -> None:
    rule = decimal_rule(float(low), float(low) + float(span))
    if rule is not None and _matches(rule, text):
        assert float(low) - 1e-9 <= float(text) <= float(low) + float(span) + 1e-9


def _walk(rules: dict[str, str], text: str) -> bool:
    """Follow the rules of an automaton over a text of plain characters."""
    state = "p"
    for character in text:
        for choice in rules[state].split(" | ("):
            found = re.match(r"\(?\[(.*?)\]", choice)
            spans = re.findall(r"\\U([0-9A-F]{8})(?:-\\U([0-9A-F]{8}))?", found[1] if found else "")
            if any(int(low, 16) <= ord(character) <= int(high or low, 16) for low, high in spans):
                state = choice.split()[-1] if not choice.endswith('""') else choice.split()[-3]
                break
        else:
            return False
    return '""' in rules[state].split(" | ")


@settings(max_examples=400, deadline=2000)
@given(
    pattern=st.text(alphabet="ab01.*+?|()[]{}^,-d", max_size=16), text=st.text("ab01-", max_size=5)
)
def test_patterns_match_what_python_says(pattern: str, text: str) -> None:
    try:
        rules = pattern_rules(pattern, "p")
    except (PatternError, TooComplex):
        return
    plain = pattern.removeprefix("^").removesuffix("$")
    try:
        wanted = re.compile(plain.replace("++", "+").replace("?+", "?").replace("*+", "*"))
    except (re.error, FutureWarning):
        return
    assert _walk(rules, text) == (wanted.fullmatch(text) is not None)


_BOMBS = [
    "(a?){1000}b", "((a?){100}){100}", "((a|b)*|(a|b)*){50}", "(a?b?c?){300}", "(a*)*b", "(|a)*",
    "([a-z]{1,100}){1,100}", "(.*a){20}", "(a|b)*a(a|b){20}", "(a{1000}){1000}", "a?" * 250,
    "(" * 30 + "a*" + ")*" * 30, "[a-z]{1,500}", ".*" * 200, "(x+x+)+y", "a" * 4000, "(" * 4000,
    "a|" * 2000, "[a" * 2000, "(a*)*(" * 800, "x" * 5000, "(ab?|a)*" * 60,
]  # fmt: skip


@pytest.mark.parametrize("pattern", _BOMBS, ids=range(len(_BOMBS)))
def test_a_pattern_takes_little_time_whatever_it_is(pattern: str) -> None:
    began = time.process_time()
    try:
        rules = pattern_rules(pattern, "p")
    except (PatternError, TooComplex):
        rules = {}
    assert time.process_time() - began < 1
    assert len(rules) <= 512


def test_ceilings_bound_what_a_schema_leaves_open() -> None:
    """Protects the bill of a small model's caller: texts and lists without a limit get one."""
    schema = msgspec.Raw(
        b'{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"array","items":'
        b'{"type":"string","maxLength":300}},"c":{"type":"array","minItems":12}}}'
    )
    grammar = answer_grammar(schema, Ceilings(text_chars=200, items=8))
    assert "char{0,200}" in grammar
    assert "char{0,300}" in grammar
    assert "{0,7}" in grammar
    assert "{11,11}" in grammar
    assert "char{0," not in answer_grammar(msgspec.Raw(b'{"type":"string"}'))
