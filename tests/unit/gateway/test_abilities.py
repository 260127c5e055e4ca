"""What a model cannot do is refused by name, and wishes about thinking are taken out or kept."""

from typing import Any

import pytest
from msgspec.structs import replace

from kilonova.core.chat import (
    ChatRequest,
    Effort,
    ImagePart,
    Message,
    OutputFormat,
    TextPart,
    Thinking,
    Tool,
    ToolCallPart,
)
from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Ability, Model
from kilonova.gateway.abilities import refuse_unable, thinking_honoured, thinking_ignored
from world import World, ask

_ABLE: tuple[Ability, ...] = ("chat", "tools", "json", "completion", "prefill", "vision")
_MODEL = Model(id="m", name="m", provider="p", engine="e", abilities=_ABLE)
_THINKER = replace(_MODEL, abilities=(*_ABLE, "reasoning"))
_QUESTION = Message("user", (TextPart("x"),))
_BEGUN = Message("assistant", (TextPart("I am"),))
_IMAGE = ImagePart("image/png", b"x")


def _request(**fields: Any) -> ChatRequest:
    return ChatRequest(model="m", **fields)


@pytest.mark.parametrize(
    "request_",
    [
        _request(messages=(_QUESTION,)),
        _request(messages=(_QUESTION, _BEGUN)),
        _request(messages=(_QUESTION, _BEGUN), continues_last=True),
        _request(prompt="x"),
    ],
)
def test_a_conversation_or_a_prompt_is_taken(request_: ChatRequest) -> None:
    """Protects the three ways to ask."""
    refuse_unable(_MODEL, request_)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "messages"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x", "messages": (_QUESTION,)}, "messages"),
        ({"prompt": "x", "continues_last": True}, "messages"),
        ({"prompt": "x", "tools": (Tool("t"),)}, "tools"),
        ({"prompt": "x", "output_format": OutputFormat("json_object")}, "response_format"),
        ({"messages": (_QUESTION,), "continues_last": True}, "messages"),
        (
            {
                "messages": (_QUESTION, Message("assistant", (ToolCallPart("c", "t", "{}"),))),
                "continues_last": True,
            },
            "messages",
        ),
        (
            {
                "messages": (_QUESTION, Message("assistant", (TextPart("a"), _IMAGE))),
                "continues_last": True,
            },
            "messages",
        ),
        ({"messages": (_QUESTION,), "thinking": Thinking(budget_tokens=-1)}, "thinking"),
    ],
)
def test_what_cannot_be_asked_is_named(fields: dict[str, Any], param: str) -> None:
    """Protects engines from requests that no model can answer as they are written."""
    with pytest.raises(InvalidRequest) as caught:
        refuse_unable(_MODEL, _request(**fields))
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"prompt": "x"}, "raw prompt"),
        ({"messages": (_QUESTION, _BEGUN), "continues_last": True}, "last message"),
    ],
)
def test_a_model_without_the_ability_says_so(fields: dict[str, Any], words: str) -> None:
    """Protects callers of models that chat only."""
    chatting = replace(_MODEL, abilities=("chat",))
    with pytest.raises(InvalidRequest, match=words):
        refuse_unable(chatting, _request(**fields))


_ALL = Thinking(is_on=True, effort="low", budget_tokens=5)


@pytest.mark.parametrize(
    ("model", "thinking", "ignored"),
    [
        (_MODEL, _ALL, ("is_on", "effort", "budget_tokens")),
        (_MODEL, Thinking(is_on=False), ()),
        (_MODEL, Thinking(), ()),
        (_THINKER, _ALL, ("budget_tokens",)),
        (_THINKER, Thinking(is_on=False), ()),
        (replace(_THINKER, thinking_controls=("budget",)), _ALL, ("is_on", "effort")),
        (replace(_THINKER, thinking_controls=()), Thinking(is_on=False), ("is_on",)),
        (replace(_MODEL, thinking_controls=("switch",)), _ALL, _ALL.__struct_fields__),
    ],
)
def test_wishes_that_change_nothing_are_named_and_taken_out(
    model: Model, thinking: Thinking, ignored: tuple[str, ...]
) -> None:
    """Protects callers from silence: what the engine is not asked is what the dialect lists."""
    assert thinking_ignored(model, thinking) == ignored
    left = thinking_honoured(model, thinking)
    for field in Thinking.__struct_fields__:
        kept = None if field in ignored else getattr(thinking, field)
        assert getattr(left, field) == kept


@pytest.mark.parametrize(("effort", "thoughts"), [(None, 3), ("low", 3)])
async def test_an_engine_is_asked_to_think_only_as_its_model_can(
    effort: Effort | None, thoughts: int
) -> None:
    """Protects models without a budget of thinking from an engine that would obey one."""
    world = World()
    request = replace(
        ask("[[echo: reasoning=3]] a"), thinking=Thinking(budget_tokens=1, effort=effort)
    )
    stream = await world.gateway.chat(world.caller(), request)
    await stream.collect()
    assert stream.record.usage.reasoning_tokens == thoughts
    world.assert_settled()


async def test_a_raw_prompt_and_a_begun_answer_are_billed_as_counted() -> None:
    """Protects the bill of completions and of prefilled answers: their words, counted once."""
    world = World()
    raw = replace(ask("x"), messages=(), prompt="one two three")
    stream = await world.gateway.chat(world.caller(), raw)
    assert (await stream.collect()).choices[0].text == "one two three"
    assert (stream.record.usage.input_tokens, stream.record.usage.output_tokens) == (3, 3)
    begun = Message("assistant", (TextPart("one"),))
    going_on = replace(ask("one two three"), continues_last=True)
    going_on = replace(going_on, messages=(*going_on.messages, begun))
    stream = await world.gateway.chat(world.caller(), going_on)
    assert (await stream.collect()).choices[0].text == " two three"
    assert (stream.record.usage.input_tokens, stream.record.usage.output_tokens) == (4, 2)
    assert await world.gateway.count_tokens(world.caller(), going_on) == 4
    world.assert_settled()
