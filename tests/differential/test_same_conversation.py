"""Differential: one conversation goes through every wire, by the vendor's own SDK over a socket,
and is the same to the engine; what the engine says is the same to every caller."""

import pytest

from differential import checks
from differential.heard import Wire
from differential.recorder import Recorder
from differential.wires import WIRES, Speech
from support_matrix import claims


@pytest.mark.supports(
    "tool loop, JSON, reasoning, stream, whole",
    "openai chat.completions",
    "openai responses",
    "AzureOpenAI chat.completions",
    "openai chat.completions (DeepSeek)",
    "BedrockOpenAI chat.completions",
    "anthropic messages",
    "AnthropicBedrock messages",
    "AnthropicVertex messages",
    "google-genai generate_content",
    "google-genai generate_content (Vertex)",
    "boto3 Converse, ConverseStream",
    "boto3 InvokeModel, …WithResponseStream",
)
@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
def test_one_conversation_is_the_same_on_every_wire(
    recorder: Recorder, speech: Speech, wire: Wire, is_streamed: bool
) -> None:
    """Protects who changes clouds: tools, their results, a schema and thoughts mean the same
    everywhere, to the engine and to the caller; where a wire has no word, a table says so."""
    checks.converse(recorder, speech, wire, is_streamed=is_streamed)


@pytest.mark.supports(
    "image",
    "openai chat.completions",
    "openai responses",
    "AzureOpenAI chat.completions",
    "openai chat.completions (DeepSeek)",
    "BedrockOpenAI chat.completions",
    "anthropic messages",
    "AnthropicBedrock messages",
    "AnthropicVertex messages",
    "google-genai generate_content",
    "google-genai generate_content (Vertex)",
    "boto3 Converse, ConverseStream",
    "boto3 InvokeModel, …WithResponseStream",
)
def test_a_picture_is_the_same_on_every_wire(recorder: Recorder, wire: Wire) -> None:
    """Protects who sends pictures: the very bytes and their kind reach a model that can see."""
    checks.show(recorder, wire)


def test_the_matrix_claims_these_wires() -> None:
    """Protects docs/clients.md: what is marked above is what went through."""
    told = {one.operation for one in claims() if one.test.startswith("differential/")}
    assert told == {speech.row for speech in WIRES.values()}
