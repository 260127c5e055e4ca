"""What turns mean to the platform, and which conversations Anthropic refuses."""

import json
from typing import Any

import pytest

from kilonova.core.chat import (
    ImagePart,
    Message,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from kilonova.core.errors import InvalidRequest
from kilonova.core.model import Model
from kilonova.dialects.anthropic.decode import decode_count, decode_messages, parse_messages
from kilonova.dialects.anthropic.turns import IMAGES_MAX
from unit.dialects.anthropic.answers import SEAL

MODEL = Model(id="m", name="M", provider="p", engine="e", abilities=("chat", "tools", "vision"))
CALL = {"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}}
RESULT = {"type": "tool_result", "tool_use_id": "c1", "content": "2"}
TEXT = {"type": "text", "text": "t"}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAEC"}}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def model(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def body(*turns: Any, **more: Any) -> bytes:
    return json.dumps({"model": "m", "max_tokens": 9, "messages": turns, **more}).encode()


def messages(*turns: Any, **more: Any) -> tuple[Message, ...]:
    return decode_messages(parse_messages(body(*turns, **more)), MODEL, SEAL).request.messages


def test_results_become_messages_of_their_own() -> None:
    """Protects templates: results first, each a message, then what the user adds."""
    second = CALL | {"id": "c2"}
    failed = {"type": "tool_result", "tool_use_id": "c2", "content": [TEXT, TEXT], "is_error": True}
    read = messages(user(TEXT), model(TEXT, CALL, second), user(failed, RESULT, TEXT, IMAGE))
    assert read == (
        Message("user", (TextPart("t"),)),
        Message(
            "assistant",
            (
                TextPart("t"),
                ToolCallPart("c1", "add", '{"a": 1}'),
                ToolCallPart("c2", "add", '{"a": 1}'),
            ),
        ),
        Message("tool", (ToolResultPart("c2", "t\nt", is_error=True),)),
        Message("tool", (ToolResultPart("c1", "2"),)),
        Message("user", (TextPart("t"), ImagePart("image/png", b"\0\1\2"))),
    )


def test_neighbours_of_one_role_are_one_turn() -> None:
    """Protects models whose template wants roles in turn; results may come in several turns."""
    assert messages(user(TEXT), user(TEXT)) == (
        Message("user", (TextPart("t"), TextPart("\n"), TextPart("t"))),
    )
    second = CALL | {"id": "c2"}
    read = messages(user(TEXT), model(CALL, second), user(RESULT), user(RESULT | {
        "tool_use_id": "c2", "content": None,
    }))  # fmt: skip
    assert [message.role for message in read] == ["user", "assistant", "tool", "tool"]
    assert read[-1].parts == (ToolResultPart("c2", ""),)


def test_the_system_speaks_first_and_between() -> None:
    """Protects instructions, in a line, in blocks and in the middle; empty ones say nothing."""
    late = {"role": "system", "content": "late"}
    read = messages(user(TEXT), late, user(TEXT), system=[TEXT, {"type": "text", "text": ""}])
    assert [message.role for message in read] == ["system", "user", "system", "user"]
    assert read[0].text == "t"
    assert messages(user(TEXT), system="")[0].role == "user"


@pytest.mark.parametrize(
    ("turns", "words"),
    [
        ([user()], "messages.0: user messages must have non-empty content"),
        ([user({"type": "text", "text": ""})], "non-empty content"),
        ([{"role": "system", "content": ""}, user(TEXT)], "messages.0: system messages must"),
        ([user(TEXT), model(CALL), user(TEXT)], "messages.1: `tool_use` ids were found without"),
        ([user(TEXT), model(CALL), model(TEXT), user(TEXT)], "messages.1: `tool_use` ids"),
        ([user(TEXT), model(CALL, CALL), user(RESULT)], "messages.1: `tool_use` ids must be uniq"),
        ([user(TEXT), model(CALL), user(RESULT, RESULT)], "messages.2.content.1: each tool_use"),
        ([user(RESULT)], "messages.0.content.0: unexpected `tool_use_id`"),
        ([user(TEXT), model(CALL), user(RESULT), user(RESULT)], "messages.3.content.0: unexpected"),
        ([user(TEXT), model(CALL), user(TEXT, RESULT)], "`tool_result` blocks must come first"),
        ([user(CALL)], "messages.0.content.0: 'tool_use' blocks are not allowed in 'user'"),
        ([user(TEXT), model(IMAGE), user(TEXT)], "messages.1.content.0: 'image' blocks are not"),
        ([user({"type": "thinking", "thinking": "x", "signature": ""})], "'thinking' blocks"),
        ([user(TEXT), model(CALL), user(RESULT | {"content": [IMAGE]})], "in tool results are not"),
        ([user(TEXT), model(CALL | {"input": []}), user(RESULT)], "input: Input should be a valid"),
        ([user({"type": "image", "source": {"type": "base64", "data": "x"}})], "media_type: Field"),
        ([user({"type": "image", "source": {"type": "file", "file_id": "f"}})], "'file' images"),
        ([user(IMAGE | {"source": IMAGE["source"] | {"data": "?"}})], "not valid base64"),
        ([user(*[IMAGE] * (IMAGES_MAX + 1))], "Too many images: 21"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_conversations_that_are_refused(turns: list[Any], words: str) -> None:
    """Protects callers from a conversation that a model would misread."""
    with pytest.raises(InvalidRequest) as caught:
        messages(*turns)
    assert words in caught.value.message


def test_a_prefix_of_an_answer_can_be_counted() -> None:
    """Protects tools that count a history as it stands."""
    wire = parse_messages(body(user(TEXT), model(TEXT)))
    assert [m.role for m in decode_count(wire, MODEL, SEAL).request.messages] == [
        "user",
        "assistant",
    ]


def test_thoughts_come_back_shown_or_hidden() -> None:
    """Protects models that go on from what they thought, whether the caller saw it or not."""
    shown = {"type": "thinking", "thinking": "one", "signature": SEAL.sign("one")}
    hidden = {"type": "thinking", "thinking": "", "signature": SEAL.hide("two")}
    read = messages(user(TEXT), model(shown, hidden, TEXT), user(TEXT))
    thoughts = [part.text for part in read[1].parts if isinstance(part, ReasoningPart)]
    assert thoughts == ["one", "two"]


@pytest.mark.parametrize(
    ("thinking", "signature"),
    [
        ("another", SEAL.sign("thought")),
        ("thought", SEAL.sign("another")),
        ("thought", SEAL.hide("thought")),
        ("", SEAL.sign("")),
        ("", SEAL.hide("thought")[:-8]),
        ("thought", ""),
    ],
)
def test_thoughts_that_were_changed_are_refused(thinking: str, signature: str) -> None:
    """Protects models from thoughts that they never had."""
    block = {"type": "thinking", "thinking": thinking, "signature": signature}
    with pytest.raises(InvalidRequest) as caught:
        messages(user(TEXT), model(block, TEXT), user(TEXT))
    assert caught.value.message.startswith(
        "messages.1.content.0: Invalid `signature` in `thinking` block"
    )


def test_a_begun_answer_is_continued() -> None:
    """Protects callers who begin the answer themselves: its text arrives, marked as unfinished."""
    begun = decode_messages(parse_messages(body(user(TEXT), model(TEXT))), MODEL, SEAL).request
    assert begun.continues_last
    assert begun.messages[-1] == Message("assistant", (TextPart("t"),))
    ended = decode_messages(parse_messages(body(user(TEXT), model(TEXT), user(TEXT))), MODEL, SEAL)
    assert not ended.request.continues_last
    empty = decode_messages(parse_messages(body(user(TEXT), model())), MODEL, SEAL).request
    assert not empty.continues_last


@pytest.mark.parametrize(
    ("last", "words"),
    [
        ([TEXT | {"text": "t "}], "final assistant content cannot end with trailing whitespace"),
        ([TEXT | {"text": "\n"}], "final assistant content cannot end with trailing whitespace"),
        (
            [{"type": "thinking", "thinking": "a", "signature": SEAL.sign("a")}],
            "messages.1: The final block in an assistant message cannot be `thinking`.",
        ),
    ],
)
def test_a_begun_answer_that_cannot_be_continued(last: list[Any], words: str) -> None:
    """Protects callers in Anthropic's words from an answer that would go on from something else."""
    with pytest.raises(InvalidRequest) as caught:
        messages(user(TEXT), model(*last))
    assert words in caught.value.message


def test_a_begun_answer_leaves_no_place_for_thoughts() -> None:
    """Protects callers who ask for both: one of them would be dropped."""
    thinker = Model(id="t", name="T", provider="p", engine="e", abilities=("chat", "reasoning"))
    wire = parse_messages(body(user(TEXT), model(TEXT), thinking={"type": "adaptive"}))
    with pytest.raises(InvalidRequest, match="must end with a user message"):
        decode_messages(wire, thinker, SEAL)
