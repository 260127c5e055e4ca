"""Thinking by the official google-genai SDK, on a model that thinks; and answers of one word."""

import enum
import urllib.request
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from google import genai
from google.genai import errors, types

from servers import Server

THINKER = "thinker"
ECHO = "kilonova.echo-v1:0"
SPARK = "kilonova.spark-v1:0"
PLAY = types.FunctionDeclaration(
    name="play", parameters_json_schema={"type": "object", "properties": {}}
)


@pytest.fixture(scope="module")
def client(thinkers: Server) -> Iterator[genai.Client]:
    one = genai.Client(
        api_key=thinkers.bearer_key, http_options=types.HttpOptions(base_url=thinkers.url)
    )
    yield one
    one.close()


def thinking(**more: Any) -> types.GenerateContentConfig:
    return types.GenerateContentConfig(thinking_config=types.ThinkingConfig(**more))


def parts_of(answer: types.GenerateContentResponse) -> list[types.Part]:
    [candidate] = answer.candidates or []
    assert candidate.content is not None
    return candidate.content.parts or []


def thoughts_of(answer: types.GenerateContentResponse) -> str:
    return "".join(part.text or "" for part in parts_of(answer) if part.thought)


def test_thinking_is_switched_on_and_off(client: genai.Client) -> None:
    """Protects callers who pay for thoughts: shown when asked for, and none when ruled out."""
    asked: Any = {"model": THINKER, "contents": "[[echo: reasoning=2]] yes"}
    shown = client.models.generate_content(
        config=thinking(include_thoughts=True, thinking_level=types.ThinkingLevel.LOW), **asked
    )
    assert thoughts_of(shown) == "thinking thinking "
    assert shown.text == "yes"
    hidden = client.models.generate_content(config=thinking(thinking_budget=-1), **asked)
    assert thoughts_of(hidden) == ""
    for answer in (shown, hidden):
        assert answer.usage_metadata is not None
        assert answer.usage_metadata.thoughts_token_count == 2
    off = client.models.generate_content(config=thinking(thinking_budget=0), **asked)
    assert off.usage_metadata is not None
    assert off.usage_metadata.thoughts_token_count is None
    assert parts_of(off)[-1].thought_signature is None


@pytest.mark.supports("reasoning", "google-genai generate_content", how="ignored")
def test_what_is_not_honoured_is_listed(client: genai.Client) -> None:
    """Protects callers who set a budget that this model cannot keep; a level it can."""
    seen = []
    for config in (thinking(thinking_budget=64), thinking(thinking_level=types.ThinkingLevel.HIGH)):
        answer = client.models.generate_content(model=THINKER, contents="x", config=config)
        assert answer.sdk_http_response is not None
        assert answer.sdk_http_response.headers is not None
        seen.append(answer.sdk_http_response.headers.get("x-kilonova-ignored"))
    assert seen == ["generationConfig.thinkingConfig.thinkingBudget", None]


def test_contradictions_are_refused(client: genai.Client) -> None:
    """Protects callers in Google's words."""
    config = thinking(thinking_budget=9, thinking_level=types.ThinkingLevel.HIGH)
    with pytest.raises(errors.ClientError, match="only one of thinking budget and thinking level"):
        client.models.generate_content(model=THINKER, contents="x", config=config)


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("shows", [False, True])
def test_a_chat_goes_on_from_its_thoughts(
    client: genai.Client, is_streamed: bool, shows: bool
) -> None:
    """Protects conversations: the model reads what it thought, shown or not, exactly once."""
    chat = client.chats.create(model=THINKER, config=thinking(include_thoughts=shows))
    first = "[[echo: reasoning=2]] yes"
    if is_streamed:
        list(chat.send_message_stream(first))
    else:
        chat.send_message(first)
    last = chat.send_message("and")
    assert last.text == "and"
    assert last.usage_metadata is not None
    # The directive's two words, the question's, two thoughts, the answer, and the new question.
    assert last.usage_metadata.prompt_token_count == 2 + 1 + 2 + 1 + 1


def test_a_call_carries_its_thoughts_and_changes_are_refused(client: genai.Client) -> None:
    """Protects tool loops: the signature stands on the call, and must come back as it came."""
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[PLAY])])
    asked: Any = {"model": THINKER, "config": config}
    question = types.UserContent("[[echo: calls=2, reasoning=2]] x")
    answer = client.models.generate_content(contents=[question], **asked)
    one, two = parts_of(answer)
    assert one.thought_signature
    assert two.thought_signature is None
    results = [types.Part.from_function_response(name="play", response={"result": "ok"})] * 2
    history: list[Any] = [
        question,
        types.Content(role="model", parts=[one, two]),
        types.Content(role="user", parts=results),
    ]
    assert client.models.generate_content(contents=history, **asked).candidates
    changed = one.model_copy(update={"thought_signature": one.thought_signature[:-3] + b"xyz"})
    history[1] = types.Content(role="model", parts=[changed, two])
    with pytest.raises(errors.ClientError, match="Thought signature is not valid"):
        client.models.generate_content(contents=history, **asked)


class Instrument(enum.Enum):
    PERCUSSION = "Percussion"
    STRING = "String"


@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_an_enum_is_answered_as_a_word(server: Server, model: str) -> None:
    """Protects typed answers: the word alone, whole and streamed, as a member of the class."""
    options = types.HttpOptions(base_url=server.url)
    config = types.GenerateContentConfig(
        response_mime_type="text/x.enum", response_schema=Instrument, max_output_tokens=32
    )
    asked: Any = {"model": model, "contents": "What is a cello?", "config": config}
    with genai.Client(api_key=server.bearer_key, http_options=options) as client:
        answer = client.models.generate_content(**asked)
        streamed = "".join(one.text or "" for one in client.models.generate_content_stream(**asked))
    assert isinstance(answer.parsed, Instrument)
    assert answer.text == answer.parsed.value
    assert streamed in {one.value for one in Instrument}


def test_the_wire_of_another_under_googles_root(server: Server) -> None:
    """Protects users of Google's OpenAI-compatible address: one line changes for them, too."""
    root = f"{server.url}/v1beta/openai"
    with openai.OpenAI(api_key=server.bearer_key, base_url=f"{root}/") as client:
        asked: Any = {"model": ECHO, "messages": [{"role": "user", "content": "one two"}]}
        assert client.chat.completions.create(**asked).choices[0].message.content == "one two"
        chunks = client.chat.completions.create(stream=True, **asked)
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "one two"
        assert ECHO in {model.id for model in client.models.list()}
        assert len(client.embeddings.create(model=ECHO, input="x").data) == 1
    listed = urllib.request.Request(f"{root}/models", headers={"x-goog-api-key": server.bearer_key})
    with urllib.request.urlopen(listed, timeout=30) as answer:
        assert answer.status == 200
