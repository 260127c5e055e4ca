"""Golden pairs of completions: a ``wire`` body means ``core``; ``events`` of its prompts become a
``whole`` body and ``stream`` messages."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kilonova.core.chat import ChatRequest
from kilonova.core.events import (
    ChatAnswer,
    ChatEvent,
    ChatFinished,
    Choice,
    TokenLogprob,
    fold,
)
from kilonova.core.usage import Usage
from kilonova.dialects.openai.answer_schema import AnswerHead
from kilonova.dialects.openai.completions.decode import decode_completions, parse_completions
from kilonova.dialects.openai.completions.encode import (
    ChunkEncoder,
    Form,
    add_usages,
    encode_completion,
)
from kilonova.dialects.openai.completions.operation import form_of

PAIRS = sorted((Path(__file__).parents[3] / "golden" / "openai").glob("completion_*.json"))
HEAD = AnswerHead(id="cmpl-1", created=1795424342, model="m", system_fingerprint="fp_1")


def difference(request: ChatRequest) -> dict[str, Any]:
    """What a request says beyond a bare one."""
    bare = msgspec.to_builtins(ChatRequest(model=""))
    said = msgspec.to_builtins(request)
    return {name: value for name, value in said.items() if value != bare[name]}


def result(pair: dict[str, Any]) -> dict[str, Any]:
    """What a golden body and its events become."""
    body = parse_completions(json.dumps(pair["wire"]).encode())
    asked = decode_completions(body)
    form = form_of(body, asked)
    prompts = msgspec.convert(pair["events"], list[list[ChatEvent]])
    answers = [fold(events) for events in prompts]
    encoder = ChunkEncoder(HEAD, form)
    stream = b"".join(
        encoder.encode(number, event)
        for number, events in enumerate(prompts)
        for event in events
        if not isinstance(event, ChatFinished)
    ) + encoder.end(add_usages([answer.usage for answer in answers]))
    return {
        "core": json.loads(json.dumps([difference(one) for one in asked])),
        "whole": json.loads(encode_completion(HEAD, answers, form)),
        "stream": stream.decode().split("\n\n")[:-1],
    }


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.stem)
def test_completions_say_what_they_mean(path: Path) -> None:
    """Protects callers and clients: nothing is lost on the way in, and out it is OpenAI's form."""
    pair = json.loads(path.read_text())
    assert result(pair) == {name: pair[name] for name in ("core", "whole", "stream")}


def test_there_are_golden_pairs() -> None:
    """Protects this file from testing nothing."""
    assert len(PAIRS) >= 2


def test_the_likeliest_of_several_come_back() -> None:
    """Protects ``best_of``: the mean over tokens decides, so that a longer answer is no worse."""

    def choice(text: str, *logprobs: float) -> Choice:
        tokens = tuple(TokenLogprob("t", one, b"t") for one in logprobs)
        return Choice(
            text=text, reasoning="", tool_calls=(), reason="stop", stop_sequence=None,
            logprobs=tokens,
        )  # fmt: skip

    choices = (choice("poor", -3.0), choice("long", -0.2, -0.2, -0.2), choice("good", -0.1))
    answer = ChatAnswer(choices, Usage(input_tokens=1, output_tokens=5))
    whole = encode_completion(HEAD, [answer], Form(echoes=("",), choices=2))
    found = json.loads(whole)
    assert [(one["index"], one["text"]) for one in found["choices"]] == [(0, "good"), (1, "long")]
    assert found["usage"]["completion_tokens"] == 5
