"""Golden pairs of DeepSeek's wire: events → ``whole`` body and ``stream`` messages.

``answer_*.json`` have the form of those of OpenAI's wire; what differs is the usage.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kilonova.core.events import ChatEvent, fold
from kilonova.dialects.deepseek.encode import usage_of
from kilonova.dialects.openai.answer_schema import AnswerHead
from kilonova.dialects.openai.encode import encode_answer
from kilonova.dialects.openai.encode_stream import StreamEncoder

ANSWERS = sorted((Path(__file__).parents[3] / "golden" / "deepseek").glob("answer_*.json"))


def encoded(pair: dict[str, Any]) -> dict[str, Any]:
    """What golden events become."""
    events = msgspec.convert(pair["events"], list[ChatEvent])
    head = msgspec.convert(pair["head"], AnswerHead)
    answer = fold(events)
    encoder = StreamEncoder(head, choices=len(answer.choices), has_usage=True, usage=usage_of)
    stream = b"".join(encoder.encode(event) for event in events).decode()
    whole = encode_answer(head, answer, has_logprobs=False, usage=usage_of)
    return {"whole": json.loads(whole), "stream": stream.split("\n\n")[:-1]}


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: path.stem)
def test_answers_look_like_the_vendors_own(path: Path) -> None:
    """Protects clients that read the wire themselves, byte for byte where it streams."""
    pair = json.loads(path.read_text())
    assert encoded(pair) == {"whole": pair["whole"], "stream": pair["stream"]}


def test_there_are_golden_pairs() -> None:
    """Protects this file from testing nothing."""
    assert len(ANSWERS) >= 2
