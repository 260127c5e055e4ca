"""The official SDK of Google against a running server: whole, streamed, tools, JSON, chats."""

from collections.abc import Iterator
from typing import Any, Literal

import openai
import pytest
from google import genai
from google.genai import types
from pydantic import BaseModel

from contract.gemini.sdk import CLIENTS, ECHO, SPARK, gemini, ignored, only
from servers import Server

# The SDK makes a class of its own from aiohttp's session, which aiohttp discourages.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Inheritance class AiohttpClientSession:DeprecationWarning"
)


@pytest.fixture(scope="module", params=list(CLIENTS))
def client(server: Server, request: pytest.FixtureRequest) -> Iterator[genai.Client]:
    with CLIENTS[request.param](server.url, server.bearer_key) as one:
        yield one


@pytest.fixture(scope="module")
def plain(server: Server) -> Iterator[genai.Client]:
    """One client for what does not depend on the mode."""
    with gemini(server.url, server.bearer_key) as one:
        yield one


@pytest.mark.supports(
    "whole", "google-genai generate_content", "google-genai generate_content (Vertex)"
)
@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_a_whole_answer(client: genai.Client, model: str) -> None:
    """Protects every caller, in all three modes of the SDK."""
    answer = client.models.generate_content(
        model=model,
        contents="one two three",
        config=types.GenerateContentConfig(system_instruction="Be brief.", max_output_tokens=16),
    )
    assert answer.text is not None
    assert only(answer).finish_reason in (types.FinishReason.STOP, types.FinishReason.MAX_TOKENS)
    assert answer.model_version == model
    assert answer.response_id
    usage = answer.usage_metadata
    assert usage is not None
    assert usage.prompt_token_count
    assert usage.total_token_count == usage.prompt_token_count + (usage.candidates_token_count or 0)
    assert ignored(answer) == ""


@pytest.mark.supports(
    "stream", "google-genai generate_content", "google-genai generate_content (Vertex)"
)
@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_a_streamed_answer(client: genai.Client, model: str) -> None:
    """Protects readers of streams: pieces that add up, one reason and one usage, at the end."""
    config = types.GenerateContentConfig(max_output_tokens=16, temperature=0, seed=1)
    asked: Any = {"model": model, "contents": "one two three", "config": config}
    chunks = list(client.models.generate_content_stream(**asked))
    whole = client.models.generate_content(**asked)
    assert "".join(chunk.text or "" for chunk in chunks) == whole.text
    assert [bool(only(chunk).finish_reason) for chunk in chunks] == [
        *[False] * (len(chunks) - 1), True,
    ]  # fmt: skip
    assert [chunk.usage_metadata is not None for chunk in chunks].count(True) == 1
    last = chunks[-1].usage_metadata
    assert last is not None
    assert whole.usage_metadata is not None
    assert last.total_token_count == whole.usage_metadata.total_token_count


async def test_the_async_client(server: Server, client: genai.Client) -> None:
    """Protects asynchronous callers: whole, streamed, counted and listed."""
    whole = await client.aio.models.generate_content(model=ECHO, contents="one two")
    assert whole.text == "one two"
    text = ""
    stream = await client.aio.models.generate_content_stream(model=ECHO, contents="one two")
    async for chunk in stream:
        text += chunk.text or ""
    assert text == "one two"
    count = await client.aio.models.count_tokens(model=ECHO, contents="one two")
    assert count.total_tokens == 2
    assert ECHO in [str(one.name).split("/")[-1] async for one in await client.aio.models.list()]
    await client.aio.aclose()


def test_a_chat_remembers(plain: genai.Client) -> None:
    """Protects chats: a streamed answer becomes one turn of the conversation again."""
    chat = plain.chats.create(model=ECHO)
    assert chat.send_message("one two").text == "one two"
    assert [part.text for part in chat.send_message_stream("three four")] == ["three", " four", ""]
    last = chat.send_message("five")
    assert last.text == "five"
    assert last.usage_metadata is not None
    # Every word that was said so far, once each.
    assert last.usage_metadata.prompt_token_count == 2 + 2 + 2 + 2 + 1


WEATHER = types.FunctionDeclaration(
    name="get_weather",
    description="The weather in a city.",
    parameters_json_schema={
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
    },
)
CLOCK = types.FunctionDeclaration(
    name="get_time",
    parameters=types.Schema(
        type=types.Type.OBJECT,
        properties={"zone": types.Schema(type=types.Type.STRING, nullable=True)},
    ),
)


def calling(mode: str, *names: str) -> types.GenerateContentConfig:
    chosen = types.FunctionCallingConfig(
        mode=types.FunctionCallingConfigMode(mode), allowed_function_names=list(names) or None
    )
    return types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[WEATHER, CLOCK])],
        tool_config=types.ToolConfig(function_calling_config=chosen),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        max_output_tokens=200,
    )


@pytest.mark.supports("forced tool", "google-genai generate_content")
@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_a_forced_call(client: genai.Client, model: str) -> None:
    """Protects callers of ANY: the named function, and arguments of its schema."""
    answer = client.models.generate_content(
        model=model,
        contents='The weather in "Paris" for 3 days',
        config=calling("ANY", "get_weather"),
    )
    (call,) = answer.function_calls or []
    assert call.name == "get_weather"
    assert call.id
    assert call.args is not None
    assert isinstance(call.args["city"], str)
    assert isinstance(call.args["days"], int)
    assert only(answer).finish_reason == types.FinishReason.STOP


@pytest.mark.parametrize("mode", ["AUTO", "VALIDATED", "NONE", "ANY"])
def test_every_mode_of_calling(client: genai.Client, mode: str) -> None:
    """Protects the meaning of the modes: only ANY calls without being told to."""
    answer = client.models.generate_content(model=ECHO, contents="hello", config=calling(mode))
    assert bool(answer.function_calls) == (mode == "ANY")


@pytest.mark.supports("tool loop", "google-genai generate_content")
def test_a_loop_of_calls_without_ids(client: genai.Client) -> None:
    """Protects callers who answer as the SDK's own helper does, which drops the id."""
    question = types.UserContent('Use get_weather for "Paris", 3')
    first = client.models.generate_content(model=ECHO, contents=[question], config=calling("AUTO"))
    (call,) = first.function_calls or []
    assert call.args == {"city": "Paris", "days": 3}
    said = only(first).content
    assert said is not None
    answered = types.Part.from_function_response(name="get_weather", response={"result": "sunny"})
    second = client.models.generate_content(
        model=ECHO,
        contents=[question, said, types.Content(role="user", parts=[answered])],
        config=calling("NONE"),
    )
    assert second.text == "sunny"


def test_calls_are_streamed_whole(client: genai.Client) -> None:
    """Protects readers of streams: each call arrives in one part, with all of its arguments."""
    chunks = client.models.generate_content_stream(
        model=ECHO, contents='[[echo: calls=2]] "Rome" 5', config=calling("ANY")
    )
    calls = [call for chunk in chunks for call in chunk.function_calls or []]
    assert [call.name for call in calls] == ["get_weather", "get_time"]
    assert calls[0].args == {"city": "Rome", "days": 5}


@pytest.mark.filterwarnings("ignore")
def test_functions_are_called_automatically(client: genai.Client) -> None:
    """Protects automatic function calling: the SDK runs the loop, and the answer closes it."""
    asked: list[tuple[str, int]] = []

    def get_weather(city: str, days: int) -> str:
        """The weather in a city."""
        asked.append((city, days))
        return f"sunny in {city}"

    chat = client.chats.create(model=ECHO, config=types.GenerateContentConfig(tools=[get_weather]))
    answer = chat.send_message('Use get_weather for "Oslo" and 2 days')
    assert asked == [("Oslo", 2)]
    assert answer.text == "sunny in Oslo"


class Pet(BaseModel):
    name: str
    age: int
    kind: Literal["cat", "dog"]


@pytest.mark.supports("JSON", "google-genai generate_content")
@pytest.mark.parametrize("model", [ECHO, SPARK])
@pytest.mark.parametrize("how", ["schema", "json_schema"])
def test_json_of_a_schema(client: genai.Client, model: str, how: str) -> None:
    """Protects typed answers: both ways to say the schema give an object of the class."""
    wanted: dict[str, Any] = {
        "response_mime_type": "application/json",
        "max_output_tokens": 200,
        "schema": {"response_schema": Pet},
        "json_schema": {"response_json_schema": Pet.model_json_schema()},
    }
    chosen = wanted.pop(how)
    wanted.pop("schema", None)
    wanted.pop("json_schema", None)
    config = types.GenerateContentConfig(**wanted, **chosen)
    answer = client.models.generate_content(model=model, contents='"Tom", 7', config=config)
    pet = Pet.model_validate_json(answer.text or "")
    if model == ECHO:
        assert pet == Pet(name="Tom", age=7, kind="cat")


@pytest.mark.supports("reasoning", "google-genai generate_content")
def test_thoughts_are_shown_on_request(plain: genai.Client) -> None:
    """Protects reasoning: parts of their own, counted apart, and only for who asks."""
    for shows in (True, False):
        answer = plain.models.generate_content(
            model=ECHO,
            contents="[[echo: reasoning=2]] yes",
            config=types.GenerateContentConfig(
                thinking_config=types.ThinkingConfig(include_thoughts=shows, thinking_budget=9)
            ),
        )
        content = only(answer).content
        assert content is not None
        thoughts = [part.text for part in content.parts or [] if part.thought]
        assert thoughts == (["thinking thinking "] if shows else [])
        assert answer.text == "yes"
        assert answer.usage_metadata is not None
        assert answer.usage_metadata.thoughts_token_count == 2
        assert answer.usage_metadata.candidates_token_count == 1
        assert "thinkingBudget" in ignored(answer)


def test_thoughts_can_be_sent_back(plain: genai.Client) -> None:
    """Protects conversations with reasoning: what was shown is understood."""
    chat = plain.chats.create(
        model=ECHO,
        config=types.GenerateContentConfig(
            thinking_config=types.ThinkingConfig(include_thoughts=True)
        ),
    )
    chat.send_message("[[echo: reasoning=2]] yes")
    assert chat.send_message("and").text == "and"


def test_stop_length_and_logprobs(plain: genai.Client) -> None:
    """Protects the settings that end an answer, and the reasons they give."""
    config = types.GenerateContentConfig(
        stop_sequences=["three"], response_logprobs=True, logprobs=1
    )
    answer = plain.models.generate_content(model=ECHO, contents="one two three", config=config)
    assert answer.text == "one two "
    assert only(answer).finish_reason == types.FinishReason.STOP
    likely = only(answer).logprobs_result
    assert likely is not None
    assert len(likely.chosen_candidates or []) == len(likely.top_candidates or []) == 2
    short = plain.models.generate_content(
        model=ECHO,
        contents="one two three",
        config=types.GenerateContentConfig(max_output_tokens=2),
    )
    assert short.text == "one two"
    assert only(short).finish_reason == types.FinishReason.MAX_TOKENS


def test_a_refused_answer_says_safety(plain: genai.Client) -> None:
    """Protects callers who check why an answer ended."""
    answer = plain.models.generate_content(model=ECHO, contents="[[echo: refuse]] x")
    assert only(answer).finish_reason == types.FinishReason.SAFETY


@pytest.mark.supports("hints", "google-genai generate_content", how="ignored")
def test_ignored_hints_are_named(plain: genai.Client) -> None:
    """Protects callers who believe that a hint did something."""
    harassment = types.SafetySetting(
        category=types.HarmCategory.HARM_CATEGORY_HARASSMENT,
        threshold=types.HarmBlockThreshold.BLOCK_NONE,
    )
    answer = plain.models.generate_content(
        model=ECHO,
        contents="x",
        config=types.GenerateContentConfig(safety_settings=[harassment], top_k=40),
    )
    assert ignored(answer) == "safetySettings"


def test_usage_is_the_same_as_on_another_wire(server: Server, plain: genai.Client) -> None:
    """Protects the bill: one conversation with a tool costs the same wherever it comes in."""
    text = "What is the weather?"
    with openai.OpenAI(api_key=server.bearer_key, base_url=f"{server.url}/v1") as other:
        schema: Any = WEATHER.parameters_json_schema
        tool: Any = {
            "type": "function",
            "function": {
                "name": WEATHER.name,
                "description": WEATHER.description,
                "parameters": schema,
            },
        }
        messages: Any = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": text},
        ]
        for model in (ECHO, SPARK):
            theirs = other.chat.completions.create(
                model=model, messages=messages, tools=[tool], max_tokens=8, temperature=0, seed=1
            ).usage
            config = types.GenerateContentConfig(
                system_instruction="Be brief.",
                tools=[types.Tool(function_declarations=[WEATHER])],
                max_output_tokens=8,
                temperature=0,
                seed=1,
            )
            ours = plain.models.generate_content(
                model=model, contents=text, config=config
            ).usage_metadata
            assert theirs is not None
            assert ours is not None
            assert ours.prompt_token_count == theirs.prompt_tokens
            assert ours.candidates_token_count == theirs.completion_tokens
            assert ours.total_token_count == theirs.total_tokens
