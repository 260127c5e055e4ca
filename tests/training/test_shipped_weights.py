"""The committed file is what its checksum, its template and an independent forward pass say."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from structure.conversation import Conversation
from structure.engine import Engine, serve
from structure.generators.draw import Draw, Split
from structure.generators.tool_calls import make_tool_calls
from structure.reference import load_reference
from structure.suites import items
from structure.template import render_prompt
from structure.wire import wire_messages

_WEIGHTS = Path(__file__).resolve().parents[2] / "src/kilonova/catalog/weights/spark-v1.gguf"
# The engine rounds activations to eight bits inside its matrix products and keeps its cache in half
# precision; NumPy does neither. Measured gaps stay below 0.15 nats.
_GAP_NATS_MAX = 0.3


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with serve(_WEIGHTS) as running:
        yield running


def _weather_tools() -> list[dict[str, object]]:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    }
    function = {"name": "get_weather", "description": "Get the weather.", "parameters": schema}
    return [{"type": "function", "function": function}]


def test_checksum() -> None:
    """The checksum file has the form of `sha256sum` and is true."""
    digest, name = _WEIGHTS.with_suffix(".sha256").read_text(encoding="utf-8").split()
    assert name == _WEIGHTS.name
    assert digest == hashlib.sha256(_WEIGHTS.read_bytes()).hexdigest()


def test_engine_agrees_with_numpy(engine: Engine) -> None:
    """Shape, tokenizer order, RoPE and quantisation are read alike by two implementations."""
    reference = load_reference(_WEIGHTS)
    for conversation in items("calls", 3, seed=3):
        tokens = engine.tokenize(render_prompt(conversation))
        served = engine.log_probabilities(tokens, top=5)
        own = reference.log_probabilities(tokens)
        assert max(served, key=served.__getitem__) == int(own.argmax())
        assert max(abs(value - own[token]) for token, value in served.items()) < _GAP_NATS_MAX


def test_engine_renders_prompts_as_training_did(engine: Engine) -> None:
    """The template in the file and the renderer of the training text agree to the byte."""
    for seed in range(12):
        conversation: Conversation = make_tool_calls(Draw(seed, Split.HELDOUT))
        theirs = engine.post("/apply-template", wire_messages(conversation))["prompt"]
        assert theirs == render_prompt(conversation)


def test_forced_tool_call_comes_back_parsed(engine: Engine) -> None:
    """`tool_choice: required` gives a call with valid arguments, whole and streamed."""
    body = {
        "messages": [{"role": "user", "content": "What is the weather in Paris?"}],
        "tools": _weather_tools(),
        "tool_choice": "required",
    }
    call = engine.chat(body)["choices"][0]["message"]["tool_calls"][0]["function"]
    assert call["name"] == "get_weather"
    assert set(json.loads(call["arguments"])) == {"city"}
    deltas = [
        event["choices"][0]["delta"]
        for event in engine.stream("/v1/chat/completions", body | {"temperature": 0})
        if event["choices"]
    ]
    parts = [part["function"] for delta in deltas for part in delta.get("tool_calls", [])]
    assert parts[0]["name"] == "get_weather"
    assert "".join(part.get("arguments", "") for part in parts) == call["arguments"]


def test_recipe_imports_without_torch() -> None:
    """Tests and the product's environment have no torch; only training and parity need it."""
    code = "import sys; sys.modules['torch'] = None; import structure.dataset, structure.evaluate"
    folder = _WEIGHTS.parents[4] / "training"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=folder)
