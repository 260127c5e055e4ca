"""What is said about thinking, what becomes of it, and thoughts that come back."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from kilonova.core.chat import Message, Part, ReasoningPart, TextPart, Thinking, ToolCallPart
from kilonova.core.errors import InvalidRequest
from kilonova.core.events import ChatFinished, ChatStarted, ChoiceFinished, TextDelta, fold
from kilonova.core.model import Model
from kilonova.core.usage import Usage
from kilonova.dialects.gemini.answer_schema import AnswerHead, Manner
from kilonova.dialects.gemini.body import BodyDecoder
from kilonova.dialects.gemini.decode import Decoded, decode_generate
from kilonova.dialects.gemini.encode import encode_answer
from kilonova.dialects.gemini.encode_stream import StreamEncoder
from kilonova.dialects.gemini.framing import SseFraming
from kilonova.dialects.gemini.schema import GenerateBody
from unit.dialects.gemini.gemini_world import ANY, SEAL

BODIES = BodyDecoder(GenerateBody)
THINKER = replace(
    ANY, abilities=("chat", "reasoning"), thinking_controls=("switch", "effort", "budget")
)
QUESTION = {"role": "user", "parts": [{"text": "x"}]}
CALL = {"functionCall": {"id": "c", "name": "f"}}
HIDDEN = SEAL.hide("thought")


def decoded(body: dict[str, Any], model: Model = THINKER) -> Decoded:
    return decode_generate(BODIES.decode(json.dumps(body).encode()), model, SEAL)


def thinking(model: Model = THINKER, **config: Any) -> Decoded:
    settings = {"thinkingConfig": config}
    return decoded({"contents": [QUESTION], "generationConfig": settings}, model)


@pytest.mark.parametrize(
    ("config", "meant"),
    [
        ({}, Thinking()),
        ({"includeThoughts": True}, Thinking()),
        ({"thinkingBudget": 0}, Thinking(is_on=False)),
        ({"thinkingBudget": -1}, Thinking(is_on=True)),
        ({"thinkingBudget": 64}, Thinking(is_on=True, budget_tokens=64)),
        ({"thinkingLevel": "LOW"}, Thinking(effort="low")),
        ({"thinkingLevel": "minimal"}, Thinking(effort="minimal")),
        ({"thinking_level": "XHIGH"}, Thinking(effort="max")),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, Thinking()),
    ],
)
def test_a_thinking_model_is_told_how_to_think(config: dict[str, Any], meant: Thinking) -> None:
    """Protects callers who set a budget or a level, or who want an answer at once."""
    assert thinking(**config).request.thinking == meant
    assert thinking(**config).ignored == ()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"thinkingBudget": 1, "thinkingLevel": "LOW"}, "only one of thinking budget and"),
        ({"thinkingBudget": -2}, "The thinking budget -2 is invalid"),
        ({"thinkingBudget": 0, "includeThoughts": True}, "only enabled when thinking is enabled"),
        ({"thinkingLevel": "HARD"}, "'HARD' is none of"),
        ({"thinkingLevel": 3}, "expected str"),
        ({"thinkingBudget": 2**80}, "thinkingBudget"),
    ],
)
def test_contradictions_are_refused(config: dict[str, Any], words: str) -> None:
    """Protects callers from one half of what they said."""
    with pytest.raises(InvalidRequest) as caught:
        thinking(**config)
    assert words.lower() in caught.value.message.lower()


def test_what_a_model_cannot_do_about_its_thoughts_is_listed() -> None:
    """Protects callers who believe that a budget or a level did something."""
    budget, level = (
        f"generationConfig.thinkingConfig.thinking{what}" for what in ("Budget", "Level")
    )
    assert thinking(ANY, thinkingBudget=9).ignored == (budget,)
    assert thinking(ANY, thinkingLevel="HIGH").ignored == (level,)
    assert thinking(ANY, thinkingBudget=0).ignored == ()
    wild = replace(THINKER, thinking_controls=())
    assert thinking(wild, thinkingBudget=0).ignored == (budget,)


def said(*contents: Any) -> tuple[Part, ...]:
    """What the model is taken to have said in these contents."""
    turns = [{"role": "model", "parts": parts} for parts in contents]
    last = turns[-1]["parts"][-1]
    results = [{"functionResponse": {"id": "c", "name": "f"}}] if "functionCall" in last else []
    question = QUESTION | {"parts": [*results, {"text": "y"}]}
    messages = decoded({"contents": [QUESTION, *turns, question]}).request.messages
    assert messages[-1] == Message("user", (TextPart("y"),))
    return messages[1].parts


THOUGHT = ReasoningPart("thought", HIDDEN)


@pytest.mark.parametrize(
    ("contents", "meant"),
    [
        ([[{"text": "a", "thoughtSignature": HIDDEN}]], [THOUGHT, TextPart("a")]),
        ([[CALL | {"thoughtSignature": HIDDEN}]], [THOUGHT, ToolCallPart("c", "f", "{}")]),
        ([[{"text": "a"}, CALL | {"thought_signature": HIDDEN}]],
         [THOUGHT, TextPart("a"), ToolCallPart("c", "f", "{}")]),
        # As it was streamed, shown or not; what was shown may be lost on the way.
        ([[{"text": "a"}], [{"text": "b"}], [{"text": "", "thoughtSignature": HIDDEN}]],
         [THOUGHT, TextPart("ab")]),
        ([[{"text": "tho", "thought": True}], [{"text": "ught", "thought": True}],
          [{"text": "a"}], [{"thoughtSignature": HIDDEN}]],
         [THOUGHT, TextPart("a")]),
        ([[{"text": "summary", "thought": True}, {"text": "a", "thoughtSignature": HIDDEN}]],
         [THOUGHT, TextPart("a")]),
        ([[{"text": "unsigned", "thought": True}, {"text": "a"}]],
         [ReasoningPart("unsigned"), TextPart("a")]),
    ],
)  # fmt: skip
def test_thoughts_come_back(contents: list[Any], meant: list[Part]) -> None:
    """Protects models that go on from what they thought, whether the caller saw it or not."""
    assert said(*contents) == tuple(meant)


@pytest.mark.parametrize("signature", ["c2ln", SEAL.sign("thought"), HIDDEN[:-8] + "AAAAAA==", "é"])
def test_changed_signatures_are_refused(signature: str) -> None:
    """Protects models from thoughts that they never had."""
    with pytest.raises(InvalidRequest, match="Thought signature is not valid") as caught:
        said([{"text": "a", "thoughtSignature": signature}])
    assert caught.value.param == "contents[1].parts[0].thoughtSignature"


def test_the_vendors_stand_ins_for_a_signature_are_taken() -> None:
    """Protects callers who write a call that no model made, as Google's pages tell them to."""
    part = CALL | {"thoughtSignature": "skip_thought_signature_validator"}
    assert said([part]) == (ToolCallPart("c", "f", "{}"),)


@pytest.mark.parametrize(
    ("pieces", "word"), [(['"ca', 't"'], "cat"), (['"c\\u00e9"'], "cé"), (['"ca'], "ca"), ([], "")]
)
def test_an_enum_is_answered_without_quotes(pieces: list[str], word: str) -> None:
    """Protects callers of ``text/x.enum``: the word alone, whole and streamed, even if cut off."""
    manner = Manner(seal=SEAL, is_bare_enum=True)
    events = [
        ChatStarted(1), *[TextDelta(one, 1) for one in pieces],
        ChoiceFinished("stop", 1), ChatFinished(Usage()),
    ]  # fmt: skip
    head = AnswerHead("m", "r1")
    whole = json.loads(encode_answer(head, fold(events), manner))
    encoder = StreamEncoder(head, SseFraming(), manner)
    lines = b"".join(encoder.encode(event) for event in events).decode().splitlines()
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines if line]
    for documents in ([whole], chunks):
        parts = [one["candidates"][0]["content"]["parts"][0]["text"] for one in documents]
        assert "".join(parts) == word


@pytest.mark.parametrize("schema", [None, {"type": "STRING"}, {"type": "INTEGER", "enum": [1]}])
def test_an_enum_needs_its_words(schema: Any) -> None:
    """Protects callers from an answer that is no word of theirs."""
    settings: dict[str, Any] = {"responseMimeType": "text/x.enum"}
    if schema is not None:
        settings["responseSchema"] = schema
    with pytest.raises(InvalidRequest):
        decoded({"contents": [QUESTION], "generationConfig": settings})
