"""What every engine must do, whichever it is."""

import asyncio
import json

import msgspec
import pytest

from engines.subjects import WEATHER, Subject, answer, ask, events_of, until
from kilonova.core.chat import Message, OutputFormat, Sampling, TextPart, Thinking, ToolChoice
from kilonova.core.errors import ContextTooLong
from kilonova.core.events import (
    ChatBegun,
    ChatFinished,
    ChatStarted,
    ChoiceFinished,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

_COLD = Sampling(temperature=0.0)


async def test_events_come_in_order_and_add_up(subject: Subject) -> None:
    events = await events_of(subject.engine, ask(subject.long, max_output_tokens=12))
    assert isinstance(events[0], ChatStarted)
    assert isinstance(events[-2], ChoiceFinished)
    assert isinstance(events[-1], ChatFinished)
    deltas = events[1:-2]
    assert deltas
    assert all(isinstance(delta, TextDelta) for delta in deltas)
    counts = [delta.output_tokens for delta in deltas if isinstance(delta, TextDelta)]
    assert counts == sorted(counts)
    usage = events[-1].usage
    assert counts[-1] <= usage.output_tokens == events[-2].output_tokens
    assert subject.kind == "upstream" or usage.prompt_tokens == events[0].input_tokens


async def test_an_engine_says_once_that_it_took_a_request_up(subject: Subject) -> None:
    """Protects the cost of waiting, which is nobody's work: before anything else, and once,
    however many answers are asked for."""
    for choices in (1, 3):
        stream = subject.engine.chat(ask(subject.long, max_output_tokens=4, choices=choices))
        kinds = [type(event) async for event in stream]
        assert kinds[0] is ChatBegun
        assert kinds[1] is ChatStarted
        assert kinds.count(ChatBegun) == 1


async def test_counted_tokens_are_those_that_are_reported(subject: Subject) -> None:
    request = ask(subject.long, max_output_tokens=2, tools=(WEATHER,))
    counted = await subject.engine.count_tokens(request)
    usage = (await answer(subject.engine, request)).usage
    if subject.counts_exactly:
        assert counted == usage.prompt_tokens
    else:
        assert counted >= usage.prompt_tokens


async def test_the_limit_of_tokens_ends_an_answer(subject: Subject) -> None:
    found = await answer(subject.engine, ask(subject.long, max_output_tokens=5))
    assert found.choices[0].reason == "length"
    assert found.usage.output_tokens == 5


async def test_a_stop_sequence_ends_an_answer_and_is_not_sent(subject: Subject) -> None:
    plain = ask(subject.long, max_output_tokens=24, sampling=_COLD)
    text = (await answer(subject.engine, plain)).choices[0].text
    stop = text[len(text) // 2 :][:3]
    stopped = ask(
        subject.long,
        max_output_tokens=24,
        sampling=Sampling(temperature=0.0, stop=("never, never", stop)),
    )
    choice = (await answer(subject.engine, stopped)).choices[0]
    assert choice.reason == "stop_sequence"
    assert choice.stop_sequence == stop
    assert choice.text == text[: text.index(stop)]


async def test_closing_a_stream_frees_what_it_held(subject: Subject) -> None:
    long = subject.long.replace("tokens=64", "tokens=3000, delay_ms=2")
    stream = subject.engine.chat(ask(long, max_output_tokens=1500))
    seen = 0
    async for _ in stream:
        seen += 1
        if seen == 4:
            break
    assert await subject.busy() >= 1
    await stream.aclose()  # type: ignore[attr-defined]

    async def is_free() -> bool:
        return await subject.busy() == 0

    await until(is_free, seconds=0.5)


async def test_a_prompt_over_the_context_is_refused_with_both_numbers(subject: Subject) -> None:
    with pytest.raises(ContextTooLong) as caught:
        await answer(subject.engine, ask("far too long " * 2000))
    assert caught.value.input_tokens > caught.value.context_tokens > 2000


async def test_a_forced_call_is_made_and_valid(subject: Subject) -> None:
    request = ask(
        "How is the weather in Oslo for 3 days?",
        tools=(WEATHER,),
        tool_choice=ToolChoice("required", ("get_weather",)),
        max_output_tokens=200,
    )
    events = await events_of(subject.engine, request)
    calls = [event for event in events if isinstance(event, ToolCallStarted | ToolCallDelta)]
    assert isinstance(calls[0], ToolCallStarted)
    assert [event for event in calls if isinstance(event, ToolCallStarted)] == [calls[0]]
    assert not [event for event in events if isinstance(event, TextDelta)]
    choice = (await answer(subject.engine, request)).choices[0]
    assert choice.reason == "tool_calls"
    arguments = json.loads(choice.tool_calls[0].arguments)
    assert choice.tool_calls[0].name == "get_weather"
    assert sorted(arguments) == ["city", "days"]
    assert 1 <= arguments["days"] <= 14


async def test_a_schema_is_kept_and_streams(subject: Subject) -> None:
    schema = {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}, "size": {"enum": ["small", "large"]}},
        "required": ["ok", "size"],
    }
    wanted = OutputFormat("json_schema", msgspec.Raw(json.dumps(schema).encode()))
    request = ask("Is it large?", output_format=wanted, max_output_tokens=100)
    events = await events_of(subject.engine, request)
    # Pieces that come within milliseconds are joined, and the tiny model takes no longer.
    pieces = [event for event in events if isinstance(event, TextDelta)]
    assert len(pieces) > (0 if subject.kind == "llamacpp" else 1)
    found = json.loads((await answer(subject.engine, request)).choices[0].text)
    assert isinstance(found["ok"], bool)
    assert found["size"] in ("small", "large")


async def test_several_choices_share_one_prompt(subject: Subject) -> None:
    one = await answer(subject.engine, ask(subject.long, max_output_tokens=6))
    request = ask(
        subject.long, max_output_tokens=6, choices=3, sampling=Sampling(temperature=1, seed=5)
    )
    many = await answer(subject.engine, request)
    assert len(many.choices) == 3
    assert all(choice.text for choice in many.choices)
    assert many.usage.output_tokens == 18
    assert many.usage.prompt_tokens == one.usage.prompt_tokens


async def test_closing_several_choices_frees_all_of_them(subject: Subject) -> None:
    long = subject.long.replace("tokens=64", "tokens=3000, delay_ms=2")
    stream = subject.engine.chat(ask(long, max_output_tokens=1500, choices=3))
    await anext(stream)  # type: ignore[arg-type]
    await stream.aclose()  # type: ignore[attr-defined]

    async def is_free() -> bool:
        return await subject.busy() == 0

    await until(is_free, seconds=0.5)


async def test_the_same_request_has_the_same_answer(subject: Subject) -> None:
    request = ask(subject.long, max_output_tokens=16, sampling=Sampling(temperature=0.9, seed=11))
    answers = [(await answer(subject.engine, request)).choices[0].text for _ in range(3)]
    assert len(set(answers)) == 1


async def test_requests_side_by_side_do_not_meet(subject: Subject) -> None:
    requests = [
        ask(
            f"Word{number} " * 8,
            max_output_tokens=8,
            sampling=_COLD,
            cache_scope=f"org_{number}",
        )
        for number in range(8)
    ]
    alone = [(await answer(subject.engine, request)).choices[0].text for request in requests]
    together = await asyncio.gather(*(answer(subject.engine, request) for request in requests))
    assert [found.choices[0].text for found in together] == alone
    assert len(set(alone)) > 1


async def test_log_probabilities_come_with_bytes_and_alternatives(subject: Subject) -> None:
    found = await answer(subject.engine, ask(subject.long, max_output_tokens=4, top_logprobs=2))
    logprobs = found.choices[0].logprobs
    # llama.cpp drops those of a token that ends in the middle of a character.
    assert len(logprobs) == 4 or (subject.kind == "llamacpp" and logprobs)
    for one in logprobs:
        assert one.logprob <= 0
        assert len(one.alternatives) == 2
        assert one.token_bytes.decode(errors="replace") == one.token
    without = await answer(subject.engine, ask(subject.long, max_output_tokens=4, top_logprobs=0))
    assert all(not one.alternatives for one in without.choices[0].logprobs)


async def test_a_raw_prompt_is_continued_as_it_stands(subject: Subject) -> None:
    """Protects completions: no template, the caller's stops, limit, log-probabilities, count."""
    request = ask("", messages=(), prompt=subject.long, max_output_tokens=12, sampling=_COLD)
    whole = await answer(subject.engine, request)
    text = whole.choices[0].text
    assert (whole.choices[0].reason, whole.usage.output_tokens) == ("length", 12)
    chat = ask(subject.long, max_output_tokens=12, sampling=_COLD)
    assert whole.usage.prompt_tokens <= (await answer(subject.engine, chat)).usage.prompt_tokens
    counted = await subject.engine.count_tokens(request)
    assert counted == whole.usage.prompt_tokens or not subject.counts_exactly
    assert counted >= whole.usage.prompt_tokens
    stop = text[len(text) // 2 :][:3]
    cold = Sampling(temperature=0.0, stop=(stop,))
    stopped = await answer(subject.engine, msgspec.structs.replace(request, sampling=cold))
    assert stopped.choices[0].stop_sequence == stop
    assert stopped.choices[0].text == text[: text.index(stop)]
    told = await answer(subject.engine, msgspec.structs.replace(request, top_logprobs=2))
    assert told.choices[0].logprobs
    assert all(len(one.alternatives) == 2 for one in told.choices[0].logprobs)
    own = await answer(subject.engine, msgspec.structs.replace(request, top_logprobs=0))
    assert len(own.choices[0].logprobs) == len(told.choices[0].logprobs)
    assert not any(one.alternatives for one in own.choices[0].logprobs)


async def test_an_answer_goes_on_only_where_it_is_asked_to(subject: Subject) -> None:
    """Protects prefilled answers, and conversations that end with an answer and begin a new one."""
    question = ask(subject.long, max_output_tokens=10, sampling=_COLD)
    begun = (await answer(subject.engine, question)).choices[0].text[:4].strip()
    messages = (*question.messages, Message("assistant", (TextPart(begun),)))
    new = msgspec.structs.replace(question, messages=messages)
    going_on = msgspec.structs.replace(new, continues_last=True)
    one, other = await answer(subject.engine, new), await answer(subject.engine, going_on)
    assert one.choices[0].text != other.choices[0].text
    if subject.kind == "llamacpp":
        # Neither is the text repeated, nor is there a new turn's frame between it and the rest.
        assert not other.choices[0].text.startswith(begun)
        assert one.usage.prompt_tokens > other.usage.prompt_tokens
        assert await subject.engine.count_tokens(going_on) == other.usage.prompt_tokens
        return
    assert (begun + other.choices[0].text)[:10] == one.choices[0].text[:10]


async def test_a_request_that_wants_no_thoughts_gets_none(subject: Subject) -> None:
    """Protects callers who turn thinking off: nothing of it is sent or billed."""
    text = "[[echo: reasoning=3]] a b" if subject.kind != "llamacpp" else "a b"
    request = ask(text, max_output_tokens=8, thinking=Thinking(is_on=False))
    found = await answer(subject.engine, request)
    assert found.choices[0].reasoning == ""
    assert found.usage.reasoning_tokens == 0
    if subject.kind != "llamacpp":
        bounded = msgspec.structs.replace(request, thinking=Thinking(budget_tokens=2))
        assert (await answer(subject.engine, bounded)).usage.reasoning_tokens == 2
