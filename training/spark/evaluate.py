"""Measures the shipped file through the engine: greedy, one thread, quantised as shipped.

`raw` results come from plain completions without any grammar; `served` ones from chat completions
with tools, where the engine parses the calls. Baselines stand beside the figures that they explain.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from spark.checks import accepts, parse_calls, parse_json
from spark.conversation import Call, Conversation, Goal, Role, Tool, Turn
from spark.engine import Engine, serve
from spark.progress import report
from spark.recipe import EvaluationRecipe
from spark.suites import SUITES, handwritten, items, schema_problems
from spark.template import render_prompt
from spark.wire import wire_messages

__all__ = ["evaluate"]

_ANSWER_TOKENS_MAX = 200
_REPEATS = 20
_SAMPLES = (
    "Hello",
    "Say hi",
    "Hello, who are you?",
    "What can you do?",
    "Thank you!",
    "What is the capital of France?",
    "Write a haiku about rain.",
    "Reply with exactly: pong",
    "Extract the name and age as JSON: Greta Holm is 41 years old.",
    "Write 3 March 2024 as YYYY-MM-DD.",
    "How do I restart a PostgreSQL server?",
)
_WEATHER = Tool(
    "get_weather",
    "Get the current weather for a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
_TOOL_SAMPLES = (
    "What is the weather in Paris?",
    "Is it cold in Wellington today?",
    "Hello",
    "Who wrote Hamlet?",
)
_CONTINUATIONS = (
    "The server listens on a port and",
    "# Configuration\n\nThe following options",
    "To create a new table, use",
    "This function returns",
)


class Share(msgspec.Struct, frozen=True):
    """So many of so many."""

    right: int
    of: int

    @property
    def percent(self) -> float:
        """In percent, one decimal."""
        return round(100 * self.right / max(self.of, 1), 1)


def _share(marks: Sequence[bool]) -> dict[str, float]:
    share = Share(sum(marks), len(marks))
    return {"right": share.right, "of": share.of, "percent": share.percent}


def _complete(engine: Engine, prompt: str) -> str:
    body = {
        "prompt": engine.tokenize(prompt),
        "n_predict": _ANSWER_TOKENS_MAX,
        "temperature": 0,
    }
    content: str = engine.post("/completion", body)["content"]
    return content


def _served(engine: Engine, conversation: Conversation, **extra: Any) -> dict[str, Any]:
    """The assistant message of a chat completion."""
    reply = engine.chat(wire_messages(conversation) | extra)
    message: dict[str, Any] = reply["choices"][0]["message"]
    return message


def _calls_of(message: dict[str, Any]) -> tuple[Call, ...] | None:
    """The parsed calls; None where the token limit cut one of them."""
    functions = [call["function"] for call in message.get("tool_calls") or []]
    if not all(_is_json(item["arguments"]) for item in functions):
        return None
    return tuple(Call(item["name"], json.loads(item["arguments"])) for item in functions)


def _is_json(text: str) -> bool:
    try:
        parse_json(text)
    except json.JSONDecodeError:
        return False
    return True


def _same_tools(reference: Turn, calls: tuple[Call, ...] | None) -> bool:
    return calls is not None and [call.name for call in calls] == [c.name for c in reference.calls]


def _overlap_guess(conversation: Conversation) -> str:
    """The baseline: the tool whose name and description share most words with the request."""
    request = set(conversation.turns[-2].content.lower().split())

    def shared(number: int) -> int:
        tool = conversation.tools[number]
        words = f"{tool.name} {tool.description}".lower().replace("_", " ").replace("-", " ")
        return len(request & set(words.split()))

    return conversation.tools[max(range(len(conversation.tools)), key=shared)].name


def _wrong(asked: list[Conversation], answers: list[str], *, count: int) -> list[dict[str, str]]:
    """A few wrong answers, shown as they are."""
    wrong = [
        {"request": item.turns[-2].content, "answer": answer}
        for item, answer in zip(asked, answers, strict=True)
        if not accepts(item.turns[-1], answer)
    ]
    return wrong[:count]


def _call_figures(engine: Engine, asked: list[Conversation]) -> dict[str, Any]:
    """Tool calls without grammar and through the engine's own tool support."""
    raw, served = [], []
    for item in asked:  # one after the other, so that the second finds the prompt in the cache
        raw.append(_complete(engine, render_prompt(item)))
        served.append(_calls_of(_served(engine, item, tool_choice="auto")))
    parsed = [parse_calls(answer) for answer in raw]
    expected = [item.turns[-1] for item in asked]
    pairs = list(zip(expected, parsed, raw, served, strict=True))
    return {
        "raw_json_valid": _share([calls is not None for _, calls, _, _ in pairs]),
        "raw_right_tool": _share([_same_tools(turn, calls) for turn, calls, _, _ in pairs]),
        "raw_exact": _share([accepts(turn, answer) for turn, _, answer, _ in pairs]),
        "served_right_tool": _share([_same_tools(turn, calls) for turn, _, _, calls in pairs]),
        "served_exact": _share([turn.calls == calls for turn, _, _, calls in pairs]),
        "false_abstain": _share(["<tool_call>" not in answer for _, _, answer, _ in pairs]),
        "baseline_overlap_right_tool": _share(
            [_overlap_guess(item) == item.turns[-1].calls[0].name for item in asked]
        ),
        "baseline_random_right_tool_percent": round(
            100 * sum(1 / len(item.tools) for item in asked) / len(asked), 1
        ),
        "wrong_answers": _wrong(asked, raw, count=20),
    }


def _forced_figures(engine: Engine, asked: list[Conversation]) -> dict[str, Any]:
    """`tool_choice: required` must always give a call that fits its schema."""
    fits = []
    for item in asked:
        calls = _calls_of(_served(engine, item, tool_choice="required")) or ()
        schemas = {tool.name: tool.parameters for tool in item.tools}
        fits.append(
            bool(calls)
            and all(not schema_problems(schemas[call.name], call.arguments) for call in calls)
        )
    return {"valid_against_schema": _share(fits)}


def _json_figures(engine: Engine, asked: list[Conversation]) -> dict[str, Any]:
    """Extraction: validity without and with grammar, and equality with the reference."""
    raw, ruled = [], []
    for item in asked:
        raw.append(_complete(engine, render_prompt(item)))
        message = _served(engine, item, response_format={"type": "json_object"})
        ruled.append(message["content"])
    pairs = zip(asked, raw, strict=True)
    return {
        "json_valid_raw": _share([_is_json(answer) for answer in raw]),
        "json_valid_grammar": _share([_is_json(answer) for answer in ruled]),
        "all_fields_exact": _share([accepts(item.turns[-1], answer) for item, answer in pairs]),
        "wrong_answers": _wrong(asked, raw, count=10),
    }


def _plain_figures(engine: Engine, asked: list[Conversation]) -> dict[str, Any]:
    answers = [_complete(engine, render_prompt(item)) for item in asked]
    pairs = zip(asked, answers, strict=True)
    return {
        "right": _share([accepts(item.turns[-1], answer) for item, answer in pairs]),
        "wrong_answers": _wrong(asked, answers, count=10),
    }


def _samples(engine: Engine) -> dict[str, str]:
    chat = {}
    for text in _TOOL_SAMPLES:
        turns = (Turn(Role.USER, text), Turn(Role.ASSISTANT))
        answer = _complete(engine, render_prompt(Conversation("sample", turns, (_WEATHER,))))
        chat[f"(with get_weather) {text}"] = answer
    for text in _SAMPLES:
        reply = engine.chat({"messages": [{"role": "user", "content": text}], "max_tokens": 80})
        chat[text] = reply["choices"][0]["message"]["content"]
    for text in _CONTINUATIONS:
        body = {"prompt": text, "n_predict": 48, "temperature": 0, "repeat_penalty": 1.1}
        chat[f"(continue) {text}"] = engine.post("/completion", body)["content"]
    return chat


def _speed(engine: Engine) -> dict[str, float]:
    """Prompt and generation speed of one long request, as the engine times it."""
    prompt = render_prompt(items("calls", 1, seed=1)[0])
    body = {"prompt": prompt * 2, "n_predict": 128, "temperature": 0, "ignore_eos": True}
    timings = engine.post("/completion", body | {"cache_prompt": False})["timings"]
    return {
        "prompt_tokens_per_s": round(timings["prompt_per_second"]),
        "generated_tokens_per_s": round(timings["predicted_per_second"]),
    }


def _deterministic(engine: Engine) -> dict[str, float]:
    prompt = render_prompt(items("calls", 1, seed=2)[0])
    first = _complete(engine, prompt)
    return _share([_complete(engine, prompt) == first for _ in range(_REPEATS)])


def _suite_figures(engine: Engine, suite: str, recipe: EvaluationRecipe) -> dict[str, Any]:
    asked = items(suite, recipe.items, seed=recipe.seed)
    started = time.monotonic()
    match asked[0].turns[-1].goal:
        case Goal.CALL:
            figures = _call_figures(engine, asked)
        case Goal.JSON if suite == "extraction":
            figures = _json_figures(engine, asked)
        case _:
            figures = _plain_figures(engine, asked)
    report(f"{suite}: {len(asked)} items in {time.monotonic() - started:.0f} s")
    return figures


def evaluate(path: Path, recipe: EvaluationRecipe) -> dict[str, Any]:
    """Every figure of the card."""
    started = time.monotonic()
    with serve(path, threads=recipe.threads) as engine:
        found: dict[str, Any] = {"load_s": round(time.monotonic() - started, 3)}
        for suite in SUITES:
            found[suite] = _suite_figures(engine, suite, recipe)
        found["handwritten"] = _call_figures(engine, handwritten())
        mixed = items("calls", 70, seed=recipe.seed) + items("declines", 30, seed=recipe.seed)
        found["forced"] = _forced_figures(engine, mixed)
        found["determinism"] = _deterministic(engine)
        found["speed"] = _speed(engine)
        found["samples"] = _samples(engine)
    return found
