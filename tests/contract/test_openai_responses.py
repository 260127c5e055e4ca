"""The official OpenAI SDK, unmodified, against a running server: the Responses API."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from pydantic import BaseModel

from servers import Server, start_server

ECHO = "kilonova.echo-v1:0"
SPARK = "kilonova.spark-v1:0"

ADD: Any = {
    "type": "function",
    "name": "add",
    "description": "Adds two numbers.",
    "parameters": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    },
    "strict": True,
}


class City(BaseModel):
    name: str
    people: int


class Attempts:
    """An HTTP client for the SDK that counts what it sends."""

    def __init__(self) -> None:
        self.count = 0
        self.http = httpx2.Client(event_hooks={"request": [self._note]})

    def _note(self, request: httpx2.Request) -> None:
        self.count += 1


@pytest.fixture
def attempts() -> Iterator[Attempts]:
    one = Attempts()
    with one.http:
        yield one


@pytest.fixture
def client(server: Server, attempts: Attempts) -> openai.OpenAI:
    """Makes every object of an answer strictly: a field of the wrong type fails the test."""
    return openai.OpenAI(
        api_key=server.bearer_key,
        base_url=f"{server.url}/v1",
        http_client=attempts.http,
        _strict_response_validation=True,
    )


@pytest.mark.supports("whole, stream", "openai responses")
@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_whole_and_streamed(client: openai.OpenAI, model: str) -> None:
    """Protects the first line that the newest guides show: text, usage, and every event typed."""
    asked: Any = {"model": model, "input": "Hello there", "max_output_tokens": 8, "temperature": 0}
    whole = client.responses.create(**asked)
    assert whole.id.startswith("resp_")
    assert (whole.object, whole.model) == ("response", model)
    assert whole.usage is not None
    assert whole.usage.total_tokens == whole.usage.input_tokens + whole.usage.output_tokens
    events = list(client.responses.create(stream=True, **asked))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    pieces = [event.delta for event in events if event.type == "response.output_text.delta"]
    last = events[-1]
    assert last.type in ("response.completed", "response.incomplete")
    assert "".join(pieces) == last.response.output_text == whole.output_text
    assert last.response.status == whole.status
    assert last.response.usage is not None
    assert last.response.usage.total_tokens == whole.usage.total_tokens


@pytest.mark.supports("forced tool, tool loop", "openai responses")
@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_a_forced_call_and_its_answer(client: openai.OpenAI, model: str) -> None:
    """Protects agents that keep their conversation on the server."""
    first = client.responses.create(
        model=model,
        input="What is 3 and 3?",
        tools=[ADD],
        tool_choice={"type": "function", "name": "add"},
    )
    [call] = first.output
    assert call.type == "function_call"
    assert set(json.loads(call.arguments)) == {"a", "b"}
    answered: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "6"}
    second = client.responses.create(
        model=model,
        input=[answered],
        previous_response_id=first.id,
        tools=[ADD],
        tool_choice="none",
        max_output_tokens=8,
    )
    assert second.previous_response_id == first.id
    assert second.output[0].type == "message"


@pytest.mark.supports("JSON", "openai responses")
@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_typed_answers(client: openai.OpenAI, model: str) -> None:
    """Protects ``parse``: JSON that fits the caller's own class, whole and streamed."""
    whole = client.responses.parse(model=model, input="Oslo 7", text_format=City)
    assert isinstance(whole.output_parsed, City)
    with client.responses.stream(model=model, input="Oslo 7", text_format=City) as events:
        for _ in events:
            pass
        assert isinstance(events.get_final_response().output_parsed, City)


def test_a_streamed_call_is_parsed(client: openai.OpenAI) -> None:
    """Protects the SDK's own sum of a stream: items, arguments, the last response."""
    with client.responses.stream(
        model=ECHO, input="3", tools=[ADD], tool_choice="required"
    ) as events:
        kinds = {event.type for event in events}
        final = events.get_final_response()
    assert "response.function_call_arguments.delta" in kinds
    [call] = final.output
    assert call.type == "function_call"
    assert call.parsed_arguments == json.loads(call.arguments)


@pytest.mark.supports("reasoning", "openai responses")
def test_thinking(thinkers: Server) -> None:
    """Protects models that think: their thinking in an item of its own, its tokens counted."""
    with openai.OpenAI(api_key=thinkers.bearer_key, base_url=f"{thinkers.url}/v1") as client:
        answer = client.responses.create(
            model="thinker",
            input="[[echo: reasoning=2]] word",
            reasoning={"effort": "high", "summary": "auto"},
        )
    thought, message = answer.output
    assert thought.type == "reasoning"
    assert [part.text for part in thought.summary] == ["thinking thinking "]
    assert message.type == "message"
    assert answer.usage is not None
    assert answer.usage.output_tokens_details.reasoning_tokens == 2


def test_log_probabilities(client: openai.OpenAI) -> None:
    """Protects those who weigh tokens."""
    answer = client.responses.create(
        model=ECHO, input="one two", include=["message.output_text.logprobs"], top_logprobs=2
    )
    [message] = answer.output
    assert message.type == "message"
    [part] = message.content
    assert part.type == "output_text"
    assert [(one.token, len(one.top_logprobs)) for one in part.logprobs or ()] == [
        ("one", 2), (" two", 2),
    ]  # fmt: skip


def test_what_is_kept(client: openai.OpenAI) -> None:
    """Protects the stored side: read, listed page by page, counted, deleted."""
    made = client.responses.create(model=ECHO, input="one", metadata={"ticket": "7"})
    more = client.responses.create(model=ECHO, input="two", previous_response_id=made.id)
    assert client.responses.retrieve(made.id) == made
    items: list[Any] = list(client.responses.input_items.list(more.id, order="asc", limit=1))
    assert [item.content[0].text for item in items] == ["one", "one", "two"]
    count = client.responses.input_tokens.count(
        model=ECHO, input="two", previous_response_id=made.id
    )
    assert more.usage is not None
    assert count.input_tokens == more.usage.input_tokens == 3
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model=ECHO, input="x", previous_response_id=more.id)
    assert caught.value.code == "previous_response_not_found"


def test_nobody_else_finds_it(server: Server, client: openai.OpenAI) -> None:
    """Protects projects from each other: another one's id is no id."""
    made = client.responses.create(model=ECHO, input="secret")
    server.admin("POST", "/projects", {"name": "strangers-of-responses"})
    key = server.new_key("--project", "strangers-of-responses")["bearer_key"]
    named: Any = [{"type": "item_reference", "id": made.output[0].id}]
    with openai.OpenAI(api_key=key, base_url=f"{server.url}/v1", max_retries=0) as other:
        for call in (
            lambda: other.responses.retrieve(made.id),
            lambda: other.responses.delete(made.id),
            lambda: other.responses.input_items.list(made.id),
            lambda: other.responses.create(model=ECHO, input=named),
        ):
            with pytest.raises(openai.NotFoundError):
                call()
        with pytest.raises(openai.BadRequestError) as caught:
            other.responses.create(model=ECHO, input="x", previous_response_id=made.id)
    assert caught.value.code == "previous_response_not_found"
    assert client.responses.retrieve(made.id).output_text == "secret"


@pytest.mark.supports("errors", "openai responses")
@pytest.mark.parametrize(
    ("more", "kind", "code", "count"),
    [
        ({"model": "gpt-9"}, openai.NotFoundError, "model_not_found", 1),
        ({"input": "w " * 9000}, openai.BadRequestError, "context_length_exceeded", 1),
        ({"background": True}, openai.BadRequestError, "unsupported_parameter", 1),
        ({"previous_response_id": "resp_0"}, openai.BadRequestError,
         "previous_response_not_found", 1),
        ({"input": "[[echo: overloaded]]"}, openai.InternalServerError, "server_is_overloaded", 3),
        ({"input": "[[echo: fail_before]]"}, openai.InternalServerError, "engine_failed", 3),
        ({"input": "[[echo: overloaded]]", "stream": True}, openai.InternalServerError,
         "server_is_overloaded", 3),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_each_failure_is_the_sdks_own_exception(
    client: openai.OpenAI, attempts: Attempts, more: Any, kind: type[openai.APIStatusError],
    code: str, count: int,
) -> None:  # fmt: skip
    """Protects callers: what can succeed later is tried three times, the rest once."""
    with pytest.raises(kind) as caught:
        client.responses.create(**{"model": ECHO, "input": "x"} | more)
    assert (caught.value.code, attempts.count) == (code, count)
    assert caught.value.request_id is not None


def test_a_stream_that_breaks_raises(client: openai.OpenAI, attempts: Attempts) -> None:
    """Protects callers from half an answer; nothing is retried once it has begun."""
    seen = ""
    with pytest.raises(openai.APIError) as caught:
        for event in client.responses.create(
            model=ECHO, input="[[echo: fail_after=2]] one two three", stream=True
        ):
            if event.type == "response.output_text.delta":
                seen += event.delta
    assert (caught.value.code, seen.split()) == ("engine_failed", ["one", "two"])
    assert attempts.count == 1


@pytest.mark.supports("hints", "openai responses", how="ignored")
def test_ignored_hints_are_listed(client: openai.OpenAI) -> None:
    """Protects callers who believe that a hint did something."""
    raw = client.responses.with_raw_response.create(
        model=ECHO,
        input="x",
        user="u",
        reasoning={"effort": "low"},
        text={"verbosity": "low"},
        include=["file_search_call.results"],
    )
    assert raw.headers["x-kilonova-ignored"].split(", ") == [
        "user", "include.file_search_call.results", "text.verbosity", "reasoning.effort",
    ]  # fmt: skip


def test_a_conversation_survives_a_restart(tmp_path: Path) -> None:
    """Protects conversations: what was kept is there after the server was killed."""
    config = "[engines.spark]\nenabled = false\n"
    first = start_server(tmp_path / "home", config=config)
    try:
        key = first.new_key()["bearer_key"]
        with openai.OpenAI(api_key=key, base_url=f"{first.url}/v1") as client:
            made = client.responses.create(model=ECHO, input="one two")
    finally:
        first.process.kill()
        first.process.wait()
    again = start_server(tmp_path / "home")
    try:
        with openai.OpenAI(api_key=key, base_url=f"{again.url}/v1") as client:
            more = client.responses.create(model=ECHO, input="x", previous_response_id=made.id)
            assert more.usage is not None
            assert more.usage.input_tokens == 5
    finally:
        assert again.stop() == 0
