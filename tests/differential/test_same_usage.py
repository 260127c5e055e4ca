"""Differential: what is counted and billed does not depend on the wire that asked."""

import dataclasses
from collections.abc import Callable

import pytest

from contract.observed import wait_for_settled
from differential import checks
from differential.heard import FEW, Heard, Reach, Wire
from differential.recorder import Recorder
from differential.wires import WIRES
from in_process import Running
from servers import Server

TEXT = "Hello there, how are you today?"
# The other families of native bodies belong to models of their own.
BOXED = sorted(name for name in WIRES if WIRES[name].model == WIRES["openai"].model)


@pytest.mark.supports(
    "usage",
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
@pytest.mark.parametrize("model", ["kilonova.spark-v1:0", "kilonova.echo-v1:0"])
def test_usage_is_equal_on_every_wire(server: Server, model: str) -> None:
    """Protects the bill: the same words cost the same tokens, whole or streamed, whoever's SDK
    sends them, and the books say what the SDKs said."""
    key = server.new_key()
    fresh = dataclasses.replace(server, key_id=key["id"])
    reach = Reach(
        url=server.url,
        bearer=key["bearer_key"],
        access_key_id=key["access_key_id"],
        secret=key["secret_access_key"],
        model=model,
    )
    heard = {name: _say(WIRES[name].open, reach) for name in BOXED}
    counts = {name: [_counted(one) for one in both] for name, both in heard.items()}
    assert len({str(both) for both in counts.values()}) == 1, counts
    [(prompt, output, _), streamed] = counts["openai"]
    assert streamed == counts["openai"][0]
    assert prompt > 0
    assert 0 < output <= FEW
    requests = 2 * len(BOXED)
    booked = wait_for_settled(fresh, requests)
    assert booked == {"requests": requests, "output": requests * output}


def _say(connect: Callable[[Reach], Wire], reach: Reach) -> list[Heard]:
    wire = connect(reach)
    try:
        return [wire.say(TEXT, is_streamed=is_streamed) for is_streamed in (False, True)]
    finally:
        wire.close()


def _counted(heard: Heard) -> tuple[int, int, str]:
    return heard.prompt_tokens, heard.output_tokens, heard.reason


@pytest.mark.supports(
    "cancel",
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
def test_leaving_frees_and_bills_on_every_wire(
    running: Running, recorder: Recorder, wire: Wire
) -> None:
    """Protects capacity and the bill: who closes a stream ends the work behind it, and pays for
    what came."""
    checks.leave(running, recorder, wire)
