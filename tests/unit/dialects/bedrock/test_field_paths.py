"""Pointers into what a model says beside its message, and words for thoughts."""

from typing import Any

import pytest

from kilonova.core.chat import Thinking
from kilonova.core.errors import InvalidRequest
from kilonova.core.usage import Usage
from kilonova.dialects.bedrock.field_paths import (
    check_paths,
    native_fields,
    pick,
    unknown_paths,
)
from kilonova.dialects.bedrock.thinking import read_thinking

_FIELDS = native_fields("end_turn", None, Usage(input_tokens=3, output_tokens=4))


@pytest.mark.parametrize(
    ("paths", "picked"),
    [
        (["/stop_sequence"], {"stop_sequence": None}),
        (
            ["/usage/input_tokens", "/usage/output_tokens"],
            {"usage": {"input_tokens": 3, "output_tokens": 4}},
        ),
        (["/stop_reason/x", "/none", "/usage/none"], {}),
    ],
)
def test_pointers_pick_fields_in_their_own_shape(paths: list[str], picked: Any) -> None:
    """One that leads nowhere adds nothing, and is known as such."""
    check_paths(paths)
    assert pick(_FIELDS, paths) == picked
    assert (unknown_paths(paths) == paths) is not bool(picked)


@pytest.mark.parametrize("path", ["", "a", "a/b", "/a~", "/a~2"])
def test_a_malformed_pointer_is_refused(path: str) -> None:
    """RFC 6901: each step begins with a slash, and a tilde is written ~0."""
    with pytest.raises(InvalidRequest):
        check_paths(["/fine", path])


@pytest.mark.parametrize(
    ("fields", "thinking"),
    [
        (
            {"thinking": {"type": "enabled", "budget_tokens": 9}},
            Thinking(is_on=True, budget_tokens=9),
        ),
        ({"thinking": {"type": "disabled"}}, Thinking(is_on=False)),
        ({"thinking": {"type": "adaptive"}}, Thinking()),
        ({"reasoning_config": "high"}, Thinking(effort="high")),
        (
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}},
            Thinking(is_on=True, effort="low"),
        ),
        ({"reasoning_effort": "none"}, Thinking(is_on=False)),
        ({"reasoning_effort": "xhigh"}, Thinking(effort="max")),
        ({"reasoning": {"effort": "minimal"}}, Thinking(effort="minimal")),
        ({"output_config": {"effort": "max"}, "thinking": None}, Thinking(effort="max")),
        ({}, Thinking()),
    ],
)
def test_the_words_of_every_family(fields: dict[str, Any], thinking: Thinking) -> None:
    """One meaning for all of them."""
    assert read_thinking(fields).thinking == thinking


@pytest.mark.parametrize(
    "fields",
    [
        {"thinking": "enabled"},
        {"thinking": {}},
        {"thinking": {"type": True}},
        {"thinking": {"type": "enabled", "budget_tokens": 0}},
        {"thinking": {"type": "enabled", "budget_tokens": True}},
        {"thinking": {"type": "enabled", "budget_tokens": "9"}},
        {"reasoning_effort": 3},
        {"reasoning_effort": "much"},
        {"reasoning": {"effort": []}},
        {"output_config": []},
    ],
)
def test_words_that_no_family_has(fields: dict[str, Any]) -> None:
    """Refused, and never an error of ours."""
    with pytest.raises(InvalidRequest):
        read_thinking(fields)


def test_what_is_not_known_inside_is_listed() -> None:
    """Newer SDKs say more than is followed."""
    read = read_thinking({"thinking": {"type": "enabled", "display": "omitted"}})
    assert read.ignored == ("thinking.display",)
