"""Differential: the conversation of tests/differential by the SDKs in JavaScript, to the same
engine and with the same counts."""

import dataclasses
from collections.abc import Iterator

import pytest

from contract.observed import wait_for_settled
from differential import canon, checks, wires_aws, wires_openai
from differential.heard import FEW, Heard, Reach, Wire
from differential.recorder import Recorder
from in_process import Running, serve_in_thread
from javascript.conversation.talker import Talkers
from javascript.conversation.wires import WIRES, Voice
from servers import Server
from support_matrix import claims

pytestmark = [pytest.mark.slow, pytest.mark.timeout(700), pytest.mark.xdist_group("javascript")]

TEXT = "Hello there, how are you today?"


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def running(recorder: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serve_in_thread(tmp_path_factory.mktemp("wires"), recorder, config=canon.models()) as one:
        yield one


@pytest.fixture(scope="module")
def talkers(sdks: None) -> Iterator[Talkers]:
    """The processes of Node, one for each SDK."""
    all_of_them = Talkers()
    yield all_of_them
    all_of_them.end()


@pytest.fixture(params=sorted(WIRES))
def voice(request: pytest.FixtureRequest) -> Voice:
    return WIRES[request.param]


@pytest.fixture
def wire(running: Running, talkers: Talkers, voice: Voice) -> Wire:
    """A conversation that has not begun."""
    key = running.key
    assert key.bearer
    assert key.access_key_id
    assert key.secret
    reach = Reach(
        url=running.url,
        bearer=key.bearer,
        access_key_id=key.access_key_id,
        secret=key.secret,
        model=voice.model,
    )
    return talkers.open(voice.script, voice.name, reach)


@pytest.mark.supports(
    "tool loop, stream, whole",
    "openai (JS) chat.completions",
    "openai (JS) responses",
    "AzureOpenAI (JS) chat.completions",
    "anthropic (JS) messages",
    "@google/genai generateContent",
    "AWS SDK (JS) Converse, ConverseStream",
    "AWS SDK (JS) InvokeModel, …WithResponseStream",
    "AI SDK openai.chat",
    "AI SDK openai (Responses)",
    "AI SDK azure.chat",
    "AI SDK azure (Responses)",
    "AI SDK deepseek",
    "AI SDK anthropic",
    "AI SDK google",
    "AI SDK amazon-bedrock",
)
@pytest.mark.supports(
    "JSON",
    "openai (JS) chat.completions",
    "openai (JS) responses",
    "AzureOpenAI (JS) chat.completions",
    "anthropic (JS) messages",
    "@google/genai generateContent",
    "AWS SDK (JS) Converse, ConverseStream",
    "AI SDK openai.chat",
    "AI SDK openai (Responses)",
    "AI SDK azure.chat",
    "AI SDK azure (Responses)",
    "AI SDK anthropic",
    "AI SDK google",
)
@pytest.mark.supports(
    "reasoning",
    "openai (JS) chat.completions",
    "openai (JS) responses",
    "AzureOpenAI (JS) chat.completions",
    "anthropic (JS) messages",
    "@google/genai generateContent",
    "AWS SDK (JS) Converse, ConverseStream",
    "AWS SDK (JS) InvokeModel, …WithResponseStream",
    "AI SDK openai (Responses)",
    "AI SDK azure (Responses)",
    "AI SDK deepseek",
    "AI SDK anthropic",
    "AI SDK google",
    "AI SDK amazon-bedrock",
)
@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
def test_one_conversation_is_the_same_on_every_wire(
    recorder: Recorder, voice: Voice, wire: Wire, is_streamed: bool
) -> None:
    """Protects who changes clouds or languages: tools, their results, a schema and thoughts mean
    the same everywhere; where an SDK has no word, a table says so."""
    checks.converse(recorder, voice, wire, is_streamed=is_streamed)


@pytest.mark.supports(
    "image",
    "openai (JS) chat.completions",
    "openai (JS) responses",
    "AzureOpenAI (JS) chat.completions",
    "anthropic (JS) messages",
    "@google/genai generateContent",
    "AWS SDK (JS) Converse, ConverseStream",
    "AWS SDK (JS) InvokeModel, …WithResponseStream",
    "AI SDK openai.chat",
    "AI SDK openai (Responses)",
    "AI SDK azure.chat",
    "AI SDK azure (Responses)",
    "AI SDK deepseek",
    "AI SDK anthropic",
    "AI SDK google",
    "AI SDK amazon-bedrock",
)
def test_a_picture_is_the_same_on_every_wire(recorder: Recorder, wire: Wire) -> None:
    """Protects who sends pictures: the very bytes and their kind reach a model that can see."""
    checks.show(recorder, wire)


@pytest.mark.supports(
    "cancel",
    "openai (JS) chat.completions",
    "openai (JS) responses",
    "AzureOpenAI (JS) chat.completions",
    "anthropic (JS) messages",
    "@google/genai generateContent",
    "AWS SDK (JS) Converse, ConverseStream",
    "AWS SDK (JS) InvokeModel, …WithResponseStream",
    "AI SDK openai.chat",
    "AI SDK openai (Responses)",
    "AI SDK azure.chat",
    "AI SDK azure (Responses)",
    "AI SDK deepseek",
    "AI SDK anthropic",
    "AI SDK google",
    "AI SDK amazon-bedrock",
)
def test_leaving_frees_and_bills_on_every_wire(
    running: Running, recorder: Recorder, wire: Wire
) -> None:
    """Protects capacity and the bill: who closes a stream ends the work behind it, and pays for
    what came."""
    checks.leave(running, recorder, wire)


@pytest.mark.supports(
    "usage",
    "openai (JS) chat.completions",
    "openai (JS) responses",
    "AzureOpenAI (JS) chat.completions",
    "anthropic (JS) messages",
    "@google/genai generateContent",
    "AWS SDK (JS) Converse, ConverseStream",
    "AWS SDK (JS) InvokeModel, …WithResponseStream",
    "AI SDK openai.chat",
    "AI SDK openai (Responses)",
    "AI SDK azure.chat",
    "AI SDK azure (Responses)",
    "AI SDK deepseek",
    "AI SDK anthropic",
    "AI SDK google",
    "AI SDK amazon-bedrock",
)
@pytest.mark.parametrize("model", ["kilonova.spark-v1:0", "kilonova.echo-v1:0"])
def test_usage_is_equal_on_every_wire(server: Server, talkers: Talkers, model: str) -> None:
    """Protects the bill: the same words cost the same tokens whichever SDK sends them, in Python or
    in JavaScript, and the books say what the SDKs said."""
    key = server.new_key()
    fresh = dataclasses.replace(server, key_id=key["id"])
    reach = Reach(
        url=server.url,
        bearer=key["bearer_key"],
        access_key_id=key["access_key_id"],
        secret=key["secret_access_key"],
        model=model,
    )
    counts = {
        name: _counts(talkers.open(one.script, one.name, reach)) for name, one in WIRES.items()
    }
    counts["openai in Python"] = _counts(wires_openai.Chat(reach, wires_openai.plain))
    counts["boto3"] = _counts(wires_aws.Converse(reach))
    assert len({str(both) for both in counts.values()}) == 1, counts
    (prompt, output, _), streamed = counts["boto3"]
    assert streamed == counts["boto3"][0]
    assert prompt > 0
    assert 0 < output <= FEW
    requests = 2 * len(counts)
    booked = wait_for_settled(fresh, requests)
    assert booked == {"requests": requests, "output": requests * output}


def _counts(wire: Wire) -> list[tuple[int, int, str]]:
    try:
        return [_counted(wire.say(TEXT, is_streamed=is_streamed)) for is_streamed in (False, True)]
    finally:
        wire.close()


def _counted(heard: Heard) -> tuple[int, int, str]:
    return heard.prompt_tokens, heard.output_tokens, heard.reason


def test_the_matrix_claims_these_wires() -> None:
    """Protects docs/clients.md: what is marked above is what went through."""
    here = "javascript/test_same_conversation.py"
    told = {one.operation for one in claims() if one.test.startswith(here)}
    assert told == {voice.row for voice in WIRES.values()}
