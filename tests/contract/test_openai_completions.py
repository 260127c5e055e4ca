"""Raw prompts by the official OpenAI SDK: ``client.completions``, whole and streamed."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import openai
import pytest

from contract.observed import wait_for_settled
from servers import Server, cli

ECHO = "kilonova.echo-v1:0"
SPARK = "kilonova.spark-v1:0"
SENTRY = "kilonova.sentry-v1:0"


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=server.bearer_key, base_url=f"{server.url}/v1") as one:
        yield one


@pytest.mark.supports("whole", "openai completions")
@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_a_prompt_is_gone_on_with(client: openai.OpenAI, model: str) -> None:
    """Protects the oldest call of all, with a real model, too."""
    answer = client.completions.create(model=model, prompt="one two three", max_tokens=8)
    assert answer.id.startswith("cmpl-")
    assert (answer.object, answer.model) == ("text_completion", model)
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage is not None
    assert 0 < answer.usage.completion_tokens <= 8
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    if model == ECHO:
        assert (answer.choices[0].text, answer.usage.prompt_tokens) == ("one two three", 3)


@pytest.mark.supports("stream, usage", "openai completions")
@pytest.mark.parametrize("model", [ECHO, SPARK])
def test_a_stream_adds_up_to_the_whole(client: openai.OpenAI, model: str) -> None:
    """Protects the one code path, and usage where it is asked for."""
    asked: Any = {
        "model": model, "prompt": "one two three", "max_tokens": 8, "seed": 7, "temperature": 0,
    }  # fmt: skip
    client.completions.create(**asked)  # from now on the prompt is in the cache of prefixes
    whole = client.completions.create(**asked)
    chunks = list(
        client.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    )
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert "".join(choice.text for choice in choices) == whole.choices[0].text
    assert choices[-1].finish_reason == whole.choices[0].finish_reason
    assert [chunk.usage for chunk in chunks if chunk.usage is not None] == [whole.usage]
    assert {chunk.id for chunk in chunks} == {chunks[0].id}


def test_without_a_limit_it_is_short(client: openai.OpenAI) -> None:
    """Protects callers who rely on the sixteen tokens that this call always had."""
    answer = client.completions.create(model=ECHO, prompt="[[echo: tokens=40]] word")
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 16


@pytest.mark.parametrize("is_streamed", [False, True])
def test_many_prompts_are_many_requests(
    server: Server, client: openai.OpenAI, is_streamed: bool
) -> None:
    """Protects batches and the books: answers in order, one record a prompt, one sum."""
    before = requests_of(server)
    asked: Any = {"model": ECHO, "prompt": ["one", "two two"], "n": 2, "echo": True}
    if is_streamed:
        texts = [""] * 4
        options: Any = {"include_usage": True}
        for chunk in client.completions.create(**asked, stream=True, stream_options=options):
            for choice in chunk.choices:
                texts[choice.index] += choice.text
            usage = chunk.usage
    else:
        raw = client.completions.with_raw_response.create(**asked)
        answer = raw.parse()
        assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
        texts = [choice.text for choice in answer.choices]
        usage = answer.usage
        # Three words in, at one millionth each, and twice three out.
        assert raw.headers["x-kilonova-price"] == "0.000009000"
    assert texts == ["oneone", "oneone", "two twotwo two", "two twotwo two"]
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (3, 6)
    assert requests_of(server) - before == 2


def requests_of(server: Server) -> int:
    rows = json.loads(cli("usage", "--json", home=server.home).stdout)["data"]
    return sum(row["requests"] for row in rows if row["group"] == ECHO)


def test_a_repeated_call_is_billed_once(server: Server, client: openai.OpenAI) -> None:
    """Protects the bill: each prompt of a repeated call is answered from memory."""
    headers = {"Idempotency-Key": "completions-1"}
    asked: Any = {"model": ECHO, "prompt": ["one", "two"], "extra_headers": headers}
    first = client.completions.create(**asked)
    before = requests_of(server)
    again = client.completions.with_raw_response.create(**asked)
    assert [one.text for one in again.parse().choices] == [one.text for one in first.choices]
    assert again.headers["x-kilonova-replayed"] == "true"
    assert (again.parse().id, again.parse().created) == (first.id, first.created)
    assert requests_of(server) == before


def test_log_probabilities_have_the_old_form(client: openai.OpenAI) -> None:
    """Protects tools that score: four lists of one length, with places in the text."""
    for is_streamed in (False, True):
        asked: Any = {"model": ECHO, "prompt": "one two", "logprobs": 2, "stream": is_streamed}
        found = client.completions.create(**asked)
        choices = [one.choices[0] for one in found] if is_streamed else [found.choices[0]]
        told = [choice.logprobs for choice in choices if choice.logprobs is not None]
        assert [token for each in told for token in each.tokens or ()] == ["one", " two"]
        assert [place for each in told for place in each.text_offset or ()] == [0, 3]
        assert [len(top) for each in told for top in each.top_logprobs or ()] == [2, 2]
        assert all(one < 0 for each in told for one in each.token_logprobs or ())


def test_the_best_of_several(client: openai.OpenAI) -> None:
    """Protects the choice among candidates: all are billed, the asked number comes back."""
    answer = client.completions.create(model=ECHO, prompt="one two", best_of=3, n=1)
    assert [choice.text for choice in answer.choices] == ["one two"]
    assert answer.choices[0].logprobs is None
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 6


@pytest.mark.supports("refusals", "openai completions", how="refused")
@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"suffix": "the end"}, "suffix"),
        ({"prompt": [1, 2, 3]}, "prompt[0]"),
        ({"prompt": [[1, 2], [3]]}, "prompt[0]"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": ["x", ""]}, "prompt[1]"),
        ({"prompt": []}, "prompt"),
        ({"prompt": ["x"] * 20, "n": 8}, "prompt"),
        ({"n": 9}, "n"),
        ({"n": 3, "best_of": 2}, "best_of"),
        ({"best_of": 2, "stream": True}, "best_of"),
        ({"echo": True, "logprobs": 1}, "logprobs"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"extra_body": {"messages": []}}, "messages"),
        ({"model": SENTRY}, "model"),
    ],
)
def test_what_cannot_be_is_named(client: openai.OpenAI, more: Any, param: str) -> None:
    """Protects callers: a refusal says which parameter to change."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(**{"model": ECHO, "prompt": "x"} | more)
    assert caught.value.param == param


def test_a_model_that_only_chats_says_so(thinkers: Server) -> None:
    """Protects callers of chat models: a raw prompt is refused by name, not put into a template."""
    client = openai.OpenAI(api_key=thinkers.bearer_key, base_url=f"{thinkers.url}/v1")
    with client, pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(model="forgetful", prompt="x")
    assert caught.value.param == "prompt"


def test_a_later_prompt_that_fails_breaks_the_stream(client: openai.OpenAI) -> None:
    """Protects callers from half an answer that looks whole."""
    texts = []
    prompts = ["one", "[[echo: fail_before]] x"]
    with pytest.raises(openai.APIError) as caught:
        for chunk in client.completions.create(model=ECHO, prompt=prompts, stream=True):
            texts += [choice.text for choice in chunk.choices]
    assert caught.value.code == "engine_failed"
    assert "".join(texts) == "one"
    with pytest.raises(openai.InternalServerError):
        client.with_options(max_retries=0).completions.create(model=ECHO, prompt=prompts)


@pytest.mark.supports("cancel", "openai completions")
def test_who_leaves_stops_what_has_not_begun(server: Server) -> None:
    """Protects capacity and the bill: after a stream is closed no further prompt is run."""
    key = server.new_key()
    prompts = ["[[echo: tokens=5000, delay_ms=20]] word", "two", "three"]
    client = openai.OpenAI(api_key=key["bearer_key"], base_url=f"{server.url}/v1")
    asked: Any = {"model": ECHO, "prompt": prompts, "max_tokens": 5000}
    with client, client.completions.create(**asked, stream=True) as stream:
        for _, _chunk in zip(range(3), stream, strict=False):
            pass
    settled = wait_for_settled(replace(server, key_id=key["id"]), 1)
    assert settled["requests"] == 1
    assert 3 <= settled["output"] < 100
