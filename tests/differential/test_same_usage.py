"""Differential: what is counted and billed does not depend on the wire that asked."""

import dataclasses
import time
from collections.abc import Callable

import pytest

from contract.observed import wait_for_settled
from differential.heard import FEW, Heard, Reach, Wire
from differential.recorder import Recorder
from differential.wires import WIRES
from in_process import Running, findings
from kilonova.core.books import UsageFilter
from kilonova.core.usage import UsageRecord
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
    cancelled, before = recorder.cancelled, len(_records(running))
    wire.leave("[[echo: tokens=4000, delay_ms=5]] word")
    _wait_until(lambda: recorder.cancelled == cancelled + 1)
    assert recorder.running == 0
    _wait_until(lambda: len(_records(running)) == before + 1)
    record = _records(running)[-1]
    assert record.outcome == "cancelled"
    assert 0 < record.usage.output_tokens < 4000
    assert findings(running.application) == []


def _records(running: Running) -> list[UsageRecord]:
    """Oldest first."""
    page = running.application.books.store.book.page(UsageFilter(), after="", limit=500)
    return sorted((one.record for one in page), key=lambda record: record.finished_ms)


def _wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.01)
