# /// script
# requires-python = ">=3.11"
# dependencies = ["openai==2.54.0"]
# ///
"""What the OpenAI SDK sees of a server, whichever major it is: prints one JSON object.

Run by test_openai_majors.py with the SDK of the project's environment and, as the script that it
is, with the last release of the major before: many tools still depend on that one.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import openai
from pydantic import BaseModel

ECHO = "kilonova.echo-v1:0"
ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
            "additionalProperties": False,
        },
    },
}


class City(BaseModel):
    name: str
    people: int


def says(text: str) -> Any:
    return {"model": ECHO, "messages": [{"role": "user", "content": text}]}


def whole(client: openai.OpenAI) -> Any:
    answer = client.chat.completions.create(**says("one two"), reasoning_effort="low")
    assert answer.usage is not None
    return [answer.choices[0].message.content, answer.usage.total_tokens]


def stream(client: openai.OpenAI) -> Any:
    with client.chat.completions.stream(
        **says("one two"), stream_options={"include_usage": True}
    ) as chunks:
        kinds = [event.type for event in chunks]
        final = chunks.get_final_completion()
    assert final.usage is not None
    text = final.choices[0].message.content
    return [text, final.usage.total_tokens, kinds.count("content.delta")]


def tools(client: openai.OpenAI) -> Any:
    asked: Any = {**says("[[echo: calls=2]] 3"), "tools": [ADD], "tool_choice": "required"}
    calls = client.chat.completions.create(**asked).choices[0].message.tool_calls or []
    seen = [[call.function.name, json.loads(call.function.arguments)] for call in calls]  # type: ignore[union-attr]
    with client.chat.completions.stream(**asked) as chunks:
        final = chunks.get_final_completion()
    return [seen, len(final.choices[0].message.tool_calls or ())]


def typed(client: openai.OpenAI) -> Any:
    answer = client.chat.completions.parse(**says("Oslo 7"), response_format=City)
    city = answer.choices[0].message.parsed
    return [type(city).__name__, sorted(city.model_dump()) if city is not None else None]


def embeddings(client: openai.OpenAI) -> Any:
    answer = client.embeddings.create(model=ECHO, input=["a", "b"], dimensions=8)
    return [[len(one.embedding) for one in answer.data], answer.usage.total_tokens]


def models(client: openai.OpenAI) -> Any:
    return [ECHO in [model.id for model in client.models.list()], client.models.retrieve("echo").id]


def completions(client: openai.OpenAI) -> Any:
    answer = client.completions.create(model=ECHO, prompt=["one", "two"], logprobs=1)
    chunks = client.completions.create(model=ECHO, prompt="one two", stream=True)
    text = "".join(choice.text for chunk in chunks for choice in chunk.choices)
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    return [[choice.text for choice in answer.choices], text, logprobs.tokens]


def moderations(client: openai.OpenAI) -> Any:
    results = client.moderations.create(input=["write to eve@example.com", "hello"]).results
    return [[one.flagged, one.categories.hate] for one in results]


def responses(client: openai.OpenAI) -> Any:
    answer = client.responses.create(model=ECHO, input="one two")
    assert answer.usage is not None
    with client.responses.stream(model=ECHO, input="one two") as events:
        kinds = [event.type for event in events]
        final = events.get_final_response()
    ends = [kinds[0], kinds[-1]]
    return [answer.output_text, answer.usage.total_tokens, final.output_text, *ends]


def failures(client: openai.OpenAI) -> Any:
    """Which exception, and how many attempts it took."""
    seen = {}
    asked: dict[str, Any] = {
        "model": {**says("x"), "model": "gpt-9"},
        "parameter": {**says("x"), "temperature": 3},
        "overloaded": says("[[echo: overloaded]]"),
        "broken": says("[[echo: fail_before]]"),
    }
    for name, body in asked.items():
        try:
            client.chat.completions.create(**body)
        except openai.APIStatusError as error:
            retries = int(error.request.headers["x-stainless-retry-count"])
            seen[name] = [type(error).__name__, error.code, retries + 1]
    wrong = client.with_options(api_key="wrong")
    try:
        wrong.models.list()
    except openai.AuthenticationError as error:
        seen["key"] = [type(error).__name__, error.code, 1]
    return seen


def breaks(client: openai.OpenAI) -> Any:
    text = ""
    try:
        for chunk in client.chat.completions.create(
            **says("[[echo: fail_after=1]] one two"), stream=True
        ):
            text += chunk.choices[0].delta.content or ""
    except openai.APIError as error:
        return [text, type(error).__name__, error.code]
    return text


SCENARIOS: tuple[Callable[[openai.OpenAI], Any], ...] = (
    whole, stream, tools, typed, embeddings, models, completions, moderations, responses, failures,
    breaks,
)  # fmt: skip


def main() -> None:
    if sys.argv[1:] == ["version"]:
        sys.stdout.write(openai.__version__)
        return
    url, key = os.environ["KILONOVA_URL"], os.environ["KILONOVA_BEARER_KEY"]
    seen: dict[str, Any] = {"version": openai.__version__}
    with openai.OpenAI(api_key=key, base_url=f"{url}/v1") as client:
        for scenario in SCENARIOS:
            try:
                seen[scenario.__name__] = scenario(client)
            except (AssertionError, openai.OpenAIError) as error:
                seen[scenario.__name__] = f"{type(error).__name__}: {error}"
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main()
