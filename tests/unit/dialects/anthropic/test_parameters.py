"""Every parameter that Anthropic documents is honoured, ignored by list or refused by list."""

import json
import typing
from typing import Any

import pytest
from anthropic.types import message_count_tokens_params, message_create_params
from anthropic.types.beta import message_create_params as beta_create_params
from msgspec import structs

from kilonova.core.chat import Thinking
from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model
from kilonova.dialects.anthropic.decode import Decoded, decode_messages, parse_messages
from kilonova.dialects.anthropic.parameters import (
    BLOCKS_REFUSED,
    HONOURED,
    IGNORED,
    IGNORED_WITHIN,
    REFUSED,
)
from kilonova.dialects.anthropic.schema import CountBody, MessagesBody
from unit.dialects.anthropic.answers import SEAL

MODEL = Model(id="m", name="M", provider="p", engine="e", abilities=("chat", "tools", "json"))
THINKER = Model(
    id="t", name="T", provider="p", engine="e", abilities=("chat", "reasoning"),
    thinking_controls=("switch", "effort", "budget"),
)  # fmt: skip
# What the SDK puts into a header, and what only older SDKs and other clouds' addresses send.
HEADERS = {"betas", "workspace_id"}
UNDOCUMENTED = {
    "anthropic_beta", "anthropic_version", "output_format", "temperature", "top_k", "top_p",
}  # fmt: skip
CACHED = {"cache_control": {"type": "ephemeral"}}


def documented() -> set[str]:
    """The names in the SDK's own types, betas included."""
    params = (
        message_create_params.MessageCreateParamsNonStreaming,
        message_create_params.MessageCreateParamsStreaming,
        beta_create_params.MessageCreateParamsNonStreaming,
    )
    return {name for one in params for name in typing.get_type_hints(one)} - HEADERS


def decoded(model: Model = MODEL, **more: object) -> Decoded:
    asked = {"model": "m", "max_tokens": 4096, "messages": [{"role": "user", "content": "x"}]}
    return decode_messages(parse_messages(json.dumps(asked | more).encode()), model, SEAL)


def block(role: str, **fields: object) -> dict[str, object]:
    """A conversation in which this block is said, and what it takes around it."""
    said: list[object] = [{"role": role, "content": [fields]}]
    if fields["type"] == "tool_use":
        result = {"type": "tool_result", "tool_use_id": "c", "content": "y"}
        said += [{"role": "user", "content": [result]}]
    elif role == "assistant":
        said += [{"role": "user", "content": "go on"}]
    return {"messages": [{"role": "user", "content": "x"}, *said]}


def test_nothing_falls_between_the_lists() -> None:
    """Protects callers from parameters that vanish: a new one in the SDK fails here."""
    assert documented() | UNDOCUMENTED == HONOURED | IGNORED.keys() | REFUSED.keys()
    assert set(MessagesBody.__struct_fields__) == HONOURED | IGNORED.keys() | REFUSED.keys()
    assert len(HONOURED) + len(IGNORED) + len(REFUSED) == len(MessagesBody.__struct_fields__)


def test_counts_know_all_their_parameters() -> None:
    """Protects the same promise for counts of tokens."""
    names = set(typing.get_type_hints(message_count_tokens_params.MessageCountTokensParams))
    assert names - HEADERS - set(CountBody.__struct_fields__) == set()


@pytest.mark.parametrize("name", sorted(IGNORED))
def test_ignored_hints_are_listed(name: str) -> None:
    """Protects callers who believe that a hint did something."""
    value: object = "u" if name == "user_profile_id" else {"type": "ephemeral"}
    assert decoded(**{name: value}).ignored == [name]
    assert decoded(**{name: None}).ignored == []


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_honoured_is_refused_by_name(name: str) -> None:
    """Protects callers from an answer to another question than theirs."""
    with pytest.raises(InvalidRequest) as caught:
        decoded(**{name: "eu" if name == "inference_geo" else {"x": 1}})
    assert caught.value.param == name
    assert caught.value.message.startswith(f"{name}: ")
    assert decoded(**{name: None}).ignored == []


@pytest.mark.parametrize("kind", sorted(BLOCKS_REFUSED))
def test_blocks_are_refused_by_name(kind: str) -> None:
    """Protects callers whose model would not see what they sent."""
    with pytest.raises(InvalidRequest) as caught:
        decoded(messages=[{"role": "user", "content": [{"type": kind, "wings": 2}]}])
    assert caught.value.message.startswith(f"messages.0.content.0.type: '{kind}' blocks are not")


@pytest.mark.parametrize(
    ("hint", "more"),
    [
        ("system.cache_control", {"system": [{"type": "text", "text": "s", **CACHED}]}),
        ("messages.cache_control", block("user", type="text", text="s", **CACHED)),
        ("messages.citations", block("assistant", type="text", text="s", citations=[{}])),
        ("messages.caller", block("assistant", type="tool_use", id="c", name="n", input={},
                                  caller={"type": "direct"})),
        ("messages.toolset_name", block("assistant", type="tool_use", id="c", name="n", input={},
                                        toolset_name="t")),
        ("messages.redacted_thinking", block("assistant", type="redacted_thinking", data="d")),
        ("output_config.effort", {"output_config": {"effort": "max"}}),
        ("thinking.adaptive", {"thinking": {"type": "adaptive", "display": "omitted"}}),
        ("thinking.between_tools", {"thinking": {"type": "between_tools"}}),
        ("tools.cache_control", {"tools": [{"name": "n", "input_schema": {"type": "object"},
                                            **CACHED}]}),
        ("tools.input_examples", {"tools": [{"name": "n", "input_schema": {"type": "object"},
                                             "input_examples": [{}]}]}),
        ("tools.eager_input_streaming", {"tools": [{"name": "n", "eager_input_streaming": True,
                                                    "input_schema": {"type": "object"}}]}),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_hints_within_are_listed(hint: str, more: dict[str, object]) -> None:
    """Protects callers in the same way where the hint stands deeper."""
    assert decoded(**more).ignored == [hint]
    assert hint in IGNORED_WITHIN or hint.endswith("cache_control")


ENABLED = {"type": "enabled", "budget_tokens": 1024}


@pytest.mark.parametrize(
    ("more", "meant"),
    [
        ({}, Thinking()),
        ({"thinking": ENABLED}, Thinking(is_on=True, budget_tokens=1024)),
        ({"thinking": {"type": "disabled"}}, Thinking(is_on=False)),
        ({"thinking": {"type": "adaptive", "display": "omitted"}}, Thinking(is_on=True)),
        ({"output_config": {"effort": "low"}}, Thinking(effort="low")),
        ({"thinking": ENABLED, "output_config": {"effort": "xhigh"}},
         Thinking(is_on=True, effort="max", budget_tokens=1024)),
    ],
)  # fmt: skip
def test_a_thinking_model_is_told_how_to_think(more: dict[str, object], meant: Thinking) -> None:
    """Protects callers who set a budget or an effort, or who want an answer at once."""
    assert decoded(THINKER, **more).request.thinking == meant
    assert decoded(THINKER, **more).ignored == []


def test_what_a_model_cannot_do_about_its_thoughts_is_listed() -> None:
    """Protects callers who set a budget or forbid what cannot be forbidden."""
    listed = ["thinking.budget_tokens", "thinking.enabled"]
    assert decoded(MODEL, thinking=ENABLED).ignored == listed
    assert decoded(MODEL, thinking={"type": "disabled"}).ignored == []
    wild = structs.replace(THINKER, thinking_controls=())
    assert decoded(wild, thinking={"type": "disabled"}).ignored == ["thinking.disabled"]
    assert decoded(wild, thinking={"type": "adaptive"}).ignored == ["thinking.adaptive"]
    assert decoded(wild, output_config={"effort": "low"}).ignored == ["output_config.effort"]


def test_a_forced_call_leaves_no_place_for_thoughts() -> None:
    """Protects callers of both; a model that does not think just calls."""
    tools = [{"name": "n", "input_schema": {"type": "object"}}]
    forced: Any = {"thinking": ENABLED, "tools": tools, "tool_choice": {"type": "any"}}
    with pytest.raises(InvalidRequest, match="Thinking may not be enabled when tool_choice forces"):
        decoded(THINKER, **forced)
    assert decoded(MODEL, **forced).request.tool_choice.mode == "required"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"thinking": {"type": "enabled"}}, "thinking.enabled.budget_tokens: Field required"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1}}, "greater than or equal to 1024"),
        ({"thinking": {"type": "enabled", "budget_tokens": 4096}}, "`max_tokens` must be greater"),
        (
            {"thinking": {"type": "disabled", "budget_tokens": 2048}},
            "thinking.disabled.budget_tokens: Extra inputs are not permitted",
        ),
        (
            {"thinking": {"type": "between_tools", "display": "omitted"}},
            "thinking.between_tools.display: Extra inputs are not permitted",
        ),
        ({"max_tokens": 0}, "max_tokens: warming the cache"),
        ({"speed": "fast"}, "speed: only 'standard'"),
    ],
)
def test_settings_that_make_no_sense(more: dict[str, object], words: str) -> None:
    """Protects callers from settings that would silently mean something else."""
    with pytest.raises(InvalidRequest) as caught:
        decoded(THINKER, **more)
    assert words in caught.value.message
