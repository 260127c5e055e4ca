"""Thinking on a live child: turned on and off, bounded, beside tools and formats, and as text."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.engine_files import ALWAYS_THINKING_TEMPLATE, THINKING_TEMPLATE, write_tiny_model
from engines.subjects import WEATHER, answer, ask
from kilonova.core.chat import (
    ChatRequest,
    Message,
    OutputFormat,
    ReasoningPart,
    Sampling,
    TextPart,
    Thinking,
    ToolChoice,
)
from kilonova.core.errors import InvalidRequest
from kilonova.core.events import ChatEvent, ReasoningDelta, TextDelta, TokenLogprob
from kilonova.engines.llamacpp.body import PromptWriter
from kilonova.engines.llamacpp.engine import LlamaCpp
from kilonova.engines.llamacpp.header import read_header
from kilonova.engines.llamacpp.launch import Options
from kilonova.engines.llamacpp.thought_text import ThoughtScanner
from kilonova.engines.llamacpp.thoughts import Thoughts, controls_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

_OFF, _ON = Thinking(is_on=False), Thinking(is_on=True)
_BOUNDED = Thinking(is_on=True, budget_tokens=8)
# The budget makes the model write the mark that ends a thought, letter by letter; and half
# characters, of which a random model writes many, are held back by the engine.
_MARK_TOKENS = 16
_COLD = Sampling(temperature=0)
_SCHEMA = OutputFormat(
    "json_schema",
    msgspec.Raw(b'{"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"]}'),
)
_BEGUN = (Message("user", (TextPart("x"),)), Message("assistant", (TextPart("I am"),)))


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["switch", "always"])
async def thinker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LlamaCpp]:
    """A model whose template opens a thought, with or without a word to leave it out."""
    template = THINKING_TEMPLATE if request.param == "switch" else ALWAYS_THINKING_TEMPLATE
    path = tmp_path_factory.mktemp("models") / f"{request.param}.gguf"
    write_tiny_model(path, template=template)
    engine = LlamaCpp(request.param, Options(model=str(path), parallel=1))
    await engine.start()
    yield engine
    await engine.stop()


def _ask(thinking: Thinking, **fields: object) -> ChatRequest:
    fields = {"max_output_tokens": 60, "sampling": _COLD} | fields
    return ask("x", thinking=thinking, **fields)


async def _prompt_of(engine: LlamaCpp, request: ChatRequest) -> str:
    """What the model reads."""
    child = await engine.supervisor.ready()
    return await child.server.render(child.writer.write(request).body)


async def test_thinking_is_on_off_or_bounded(thinker: LlamaCpp) -> None:
    """Protects callers who say how much is thought: it is so, and is counted so."""
    on = await answer(thinker, _ask(_ON))
    assert (on.choices[0].text, on.usage.reasoning_tokens) == ("", 60)
    off = await answer(thinker, _ask(_OFF))
    assert (off.choices[0].reasoning, off.usage.reasoning_tokens) == ("", 0)
    assert off.choices[0].text
    bounded = await answer(thinker, _ask(_BOUNDED))
    assert bounded.choices[0].text
    assert on.choices[0].reasoning.startswith(bounded.choices[0].reasoning[:4])
    assert 8 <= bounded.usage.reasoning_tokens <= 8 + _MARK_TOKENS
    endless = await answer(thinker, _ask(Thinking(is_on=True, budget_tokens=1 << 40)))
    assert endless.choices[0] == on.choices[0]
    none = await answer(thinker, _ask(Thinking(budget_tokens=0)))
    assert none.choices[0] == off.choices[0]
    for found in (on, off, bounded):
        assert "think>" not in found.choices[0].text + found.choices[0].reasoning


async def test_an_effort_is_a_part_of_the_answer(thinker: LlamaCpp) -> None:
    """Protects callers who name an effort to a template that has no word for it."""
    low = await answer(thinker, _ask(Thinking(effort="low")))
    high = await answer(thinker, _ask(Thinking(effort="high")))
    most = await answer(thinker, _ask(Thinking(effort="max")))
    assert low.choices[0].text
    assert 12 <= low.usage.reasoning_tokens <= 12 + _MARK_TOKENS
    assert 48 <= high.usage.reasoning_tokens <= 48 + _MARK_TOKENS
    assert most.usage.reasoning_tokens == 60


@pytest.mark.parametrize("thinking", [Thinking(), _OFF, _BOUNDED])
async def test_counted_tokens_are_exact_however_it_thinks(
    thinker: LlamaCpp, thinking: Thinking
) -> None:
    """Protects the bill: what is counted before the answer is what it then says."""
    for fields in ({}, {"tools": (WEATHER,)}, {"messages": _BEGUN, "continues_last": True}):
        if thinking.is_on and "messages" in fields:
            continue
        request = _ask(thinking, **(fields | {"max_output_tokens": 30}))
        used = (await answer(thinker, request)).usage
        assert await thinker.count_tokens(request) == used.prompt_tokens


async def test_a_format_and_a_forced_call_come_behind_the_thought(thinker: LlamaCpp) -> None:
    """Protects structured answers of models that think: the grammar begins where they end."""
    for thinking in (_OFF, _BOUNDED):
        found = (await answer(thinker, _ask(thinking, output_format=_SCHEMA))).choices[0]
        assert isinstance(json.loads(found.text)["ok"], bool)
        assert bool(found.reasoning) == (thinking is _BOUNDED)
        forced = _ask(
            thinking,
            tools=(WEATHER,),
            tool_choice=ToolChoice("required"),
            max_output_tokens=300,
        )
        found = (await answer(thinker, forced)).choices[0]
        assert found.text == ""
        assert found.reason == "tool_calls"
        assert sorted(json.loads(found.tool_calls[0].arguments)) == ["city", "days"]


async def test_an_answer_that_is_cut_while_it_thinks_has_no_text_and_no_call(
    thinker: LlamaCpp,
) -> None:
    """Protects callers from thoughts, or calls, that the model never came to."""
    forced = _ask(_ON, tools=(WEATHER,), tool_choice=ToolChoice("required"))
    for request in (_ask(_ON, output_format=_SCHEMA), _ask(_ON, tools=(WEATHER,)), forced):
        found = (await answer(thinker, request)).choices[0]
        assert (found.text, found.tool_calls, found.reason) == ("", (), "length")
        assert found.reasoning


async def test_an_answer_goes_on_behind_an_empty_thought(thinker: LlamaCpp) -> None:
    """Protects prefilled answers of models that think: they go on as text, not as a thought."""
    request = _ask(Thinking(), messages=_BEGUN, continues_last=True)
    prompt = await _prompt_of(thinker, request)
    assert prompt.endswith("I am")
    assert prompt.rfind("</think>") > prompt.rfind("<think>") > 0
    found = (await answer(thinker, request)).choices[0]
    assert found.text
    assert found.reasoning == ""
    with pytest.raises(InvalidRequest, match="begun already"):
        await answer(thinker, msgspec.structs.replace(request, thinking=_ON))


async def test_stop_sequences_are_not_sought_in_thoughts(thinker: LlamaCpp) -> None:
    """Protects answers from ending at a word that was only thought."""
    thought = (await answer(thinker, _ask(_BOUNDED))).choices[0].reasoning
    stop = next(letter for letter in thought if letter.isascii() and letter.isalnum())
    cold = Sampling(temperature=0, stop=(stop,))
    assert (await answer(thinker, _ask(_BOUNDED, sampling=cold))).choices[0].reasoning == thought


async def test_earlier_thoughts_are_read_where_the_template_has_a_place(thinker: LlamaCpp) -> None:
    """Protects tool loops of models that want their own reasoning back."""
    said = Message("assistant", (ReasoningPart("because"), TextPart("So.")))
    messages = (_BEGUN[0], said, Message("user", (TextPart("y"),)))
    prompt = await _prompt_of(thinker, _ask(Thinking(), messages=messages))
    assert ("because" in prompt) == (thinker.name == "switch")


@pytest.mark.parametrize(
    ("template", "controls"),
    [
        (THINKING_TEMPLATE, ("switch", "effort", "budget")),
        (ALWAYS_THINKING_TEMPLATE, ("switch", "effort", "budget")),
        ("{{ reasoning_effort }}", ("effort",)),
        ("{{ messages }}", ()),
    ],
)
async def test_what_can_be_said_is_read_in_the_template(
    template: str, controls: tuple[str, ...]
) -> None:
    """Protects the catalogue: it claims for a file what its template has words for."""
    assert controls_of(template) == controls


async def test_an_open_thought_is_closed_before_an_answer_that_goes_on(tiny_model: Path) -> None:
    """Protects prefilled answers where the engine does not know the template's thoughts."""
    thoughts = Thoughts(template="</think>", opens_always=True)
    writer = PromptWriter(read_header(tiny_model), knows_tools=True, thoughts=thoughts)
    request = _ask(Thinking(), messages=_BEGUN, continues_last=True)
    messages = writer.write(request).body["messages"]
    assert isinstance(messages, list)
    assert messages[-1]["content"] == "\n</think>\n\nI am"


_CUTS = st.lists(st.integers(1, 9), min_size=1, max_size=30)
_WORDS = st.text(alphabet="ab<>/think \n", max_size=20)


@settings(max_examples=80)
@given(thought=_WORDS, text=_WORDS, cuts=_CUTS, is_open=st.booleans(), repeats=st.booleans())
async def test_thoughts_are_found_however_they_are_cut(
    thought: str, text: str, cuts: list[int], is_open: bool, repeats: bool
) -> None:
    """Protects streams: marks that are split over chunks are marks still, and nothing is lost."""
    if any(mark in thought + text for mark in ("<think>", "</think>")):
        return
    opening = "<think>\n" if repeats or not is_open else ""
    whole = f"{opening}{thought}</think>\n\n{text}"
    if "<think>".startswith(whole.lstrip()[:7]) and not opening:
        return
    found = _scan(whole, cuts, is_open=is_open)
    assert found == (thought.strip(), text.lstrip())


@given(text=_WORDS, cuts=_CUTS)
async def test_text_without_a_thought_is_not_touched(text: str, cuts: list[int]) -> None:
    """Protects answers of models that may think and do not."""
    if "<think>" not in text:
        assert _scan(text, cuts, is_open=False) == ("", text)


async def test_log_probabilities_stay_with_the_text() -> None:
    """Protects log-probabilities behind a thought: none of them is the thought's."""
    scanner = ThoughtScanner(is_open=True)
    found: list[ChatEvent] = []
    for number, piece in enumerate(("so", "</think>", "ab", "c"), 1):
        told = (TokenLogprob(piece, -1.0, piece.encode()),)
        found += scanner.feed(TextDelta(piece, number, 0, told))
    assert [one.token for delta in found for one in getattr(delta, "logprobs", ())] == ["ab", "c"]
    assert scanner.tokens == 2


def _scan(whole: str, cuts: list[int], *, is_open: bool) -> tuple[str, str]:
    scanner = ThoughtScanner(is_open=is_open)
    events: list[ChatEvent] = []
    at = number = 0
    while at < len(whole):
        size = cuts[number % len(cuts)]
        number += 1
        events += scanner.feed(TextDelta(whole[at : at + size], number))
        at += size
    events += scanner.finish(number)
    thought = "".join(one.text for one in events if isinstance(one, ReasoningDelta))
    text = "".join(one.text for one in events if isinstance(one, TextDelta))
    return thought, text
