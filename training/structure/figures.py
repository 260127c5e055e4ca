"""From items and replies to figures: pure functions, so that a wrong figure can be found by a test.

`served` replies are the ones that count; `raw` ones, without any grammar, say what the model can do
by itself. Every figure stands beside simple programs and any other model that was asked.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from cards.card import Metric, Sample
from cards.shares import Share
from structure.baselines import (
    canonical,
    guessed_call,
    guessed_fields,
    label_by_shared_words,
    shared_words,
    tool_by_shared_words,
)
from structure.checks import (
    abstains,
    equal_json,
    field_counts,
    is_fitting_talk,
    same_calls,
    same_text,
    schema_problems,
    tells_order,
)
from structure.conversation import Call, Goal, Json
from structure.items import Item
from structure.served import Reply

__all__ = ["Asked", "Results", "results_of"]

_MISTAKES_MAX = 12
_WORDS = "most shared words"
_FIRST = "first tool"
_RANDOM = "random tool"
_PATTERNS = "regular expressions"


class Asked(msgspec.Struct, frozen=True):
    """The items of a set and what came back, by way of asking and by other model."""

    items: Sequence[Item]
    served: Sequence[Reply]
    raw: Sequence[Reply] = ()
    others: Mapping[str, Sequence[Reply]] = {}


class Results(msgspec.Struct, frozen=True):
    """The figures of one set by key, shares of exact answers by group, and some mistakes."""

    figures: dict[str, Metric]
    groups: dict[str, dict[str, Share]] = {}
    mistakes: tuple[Sample, ...] = ()


def _only(asked: Asked, wanted: Callable[[Item], bool]) -> Asked:
    """The part of the items that is wanted, with the replies to them."""
    chosen = [index for index, item in enumerate(asked.items) if wanted(item)]

    def part(replies: Sequence[Reply]) -> list[Reply]:
        return [replies[index] for index in chosen] if replies else []

    others = {model: part(replies) for model, replies in asked.others.items()}
    items = [asked.items[index] for index in chosen]
    return Asked(items, part(asked.served), part(asked.raw), others)


def _share(marks: Sequence[bool]) -> Share:
    return Share(sum(marks), len(marks))


def _percents(
    asked: Asked, judge: Callable[[Item, Reply], bool], simple: Mapping[str, float] | None = None
) -> dict[str, float]:
    """The baselines of one figure: simple programs, then other models judged alike."""
    found = dict(simple or {})
    for model, replies in asked.others.items():
        found[model] = _share(list(map(judge, asked.items, replies))).percent
    return found


def _metric(
    name: str,
    asked: Asked,
    judge: Callable[[Item, Reply], bool],
    *,
    simple: Mapping[str, float] | None = None,
    is_raw: bool = False,
) -> Metric:
    replies = asked.raw if is_raw else asked.served
    baselines = {} if is_raw else _percents(asked, judge, simple)
    share = _share(list(map(judge, asked.items, replies)))
    return Metric.of_share(name, share, baselines=baselines)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _calls_are_json(_: Item, reply: Reply) -> bool:
    """What looks like a call can be read as one; an answer without any call is no failure here."""
    return reply.parsed_calls() is not None and not reply.error and "<tool_call>" not in reply.text


def _same_length(asked: Asked) -> Metric:
    """Whether the prompts without grammar were what the template makes of the tools."""
    marks = [
        one.prompt_tokens == other.prompt_tokens
        for one, other in zip(asked.served, asked.raw, strict=True)
    ]
    return Metric.of_share("Prompt without grammar as long as with it", _share(marks))


def _names(calls: Sequence[Call] | None) -> list[str] | None:
    return None if calls is None else sorted(call.name for call in calls)


def _right_tool(item: Item, reply: Reply) -> bool:
    return _names(reply.parsed_calls()) in [_names(calls) for calls in item.right_calls]


def _exact_call(item: Item, reply: Reply) -> bool:
    in_order = tells_order(item.request)
    given = reply.parsed_calls()
    return any(same_calls(calls, given, in_order=in_order) for calls in item.right_calls)


def _fits_schema(item: Item, reply: Reply) -> bool:
    schemas = {tool.name: tool.parameters for tool in item.tools}
    calls = reply.parsed_calls()
    return calls is not None and all(
        call.name in schemas and not schema_problems(schemas[call.name], call.arguments)
        for call in calls
    )


def _abstained(_: Item, reply: Reply) -> bool:
    return not reply.calls and not reply.error and abstains(reply.text)


def _asks_for_it(item: Item, reply: Reply) -> bool:
    """Says a word of the name of what is missing, in a question."""
    words = re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", item.missing).lower())
    is_named = any(word in reply.text.lower() for word in words)
    return _abstained(item, reply) and is_named and "?" in reply.text


def _no_call(_: Item, reply: Reply) -> bool:
    return not reply.calls


def _features(item: Item) -> list[str]:
    """What the right calls ask of the model."""
    calls = item.right_calls[0]
    found = {"two calls" if len(calls) > 1 else "one call"}
    tools = {tool.name: tool.parameters for tool in item.tools}
    for call in calls:
        schema = tools[call.name]
        properties = schema.get("properties", {})
        found |= {
            name
            for name, holds in {
                "no argument": not call.arguments,
                "nested": any(isinstance(value, dict) for value in call.arguments.values()),
                "array": any(isinstance(value, list) for value in call.arguments.values()),
                "enum": any("enum" in properties.get(name, {}) for name in call.arguments),
                "optional said": bool(set(call.arguments) - set(schema.get("required", ()))),
                "optional unsaid": bool(
                    set(properties) - set(schema.get("required", ())) - set(call.arguments)
                ),
            }.items()
            if holds
        }
    return sorted(found)


def _grouped(
    asked: Asked, judge: Callable[[Item, Reply], bool], keys: Callable[[Item], Sequence[str]]
) -> dict[str, Share]:
    marks: dict[str, list[bool]] = {}
    for item, reply in zip(asked.items, asked.served, strict=True):
        for key in keys(item):
            marks.setdefault(key, []).append(judge(item, reply))
    return {key: _share(marks[key]) for key in sorted(marks)}


def _mistakes(asked: Asked, judge: Callable[[Item, Reply], bool]) -> tuple[Sample, ...]:
    wrong = [
        Sample(item.request, reply.shown(), expected=_expected(item))
        for item, reply in zip(asked.items, asked.served, strict=True)
        if not judge(item, reply)
    ]
    return tuple(wrong[:_MISTAKES_MAX])


def _expected(item: Item) -> str:
    match item.goal:
        case Goal.CALL:
            calls = item.right_calls[0]
            shown = [f"{c.name}({json.dumps(c.arguments, ensure_ascii=False)})" for c in calls]
            return " ".join(shown)
        case Goal.JSON:
            return json.dumps(item.json, ensure_ascii=False)
        case Goal.ABSTAIN:
            return f"(asks for {item.missing})" if item.missing else "(no call)"
        case _:
            return " / ".join(item.texts) or "(readable text)"


def _tool_baselines(items: Sequence[Item]) -> tuple[dict[str, float], dict[str, float]]:
    """Right tool and exact call of simple programs, in percent."""
    single = [item for item in items if len(item.right_calls[0]) == 1]
    ratio = 100 / max(len(items), 1)  # items with two calls count as wrong for one guess

    def named(guess: Callable[[Item], str]) -> float:
        return ratio * sum(guess(item) == item.right_calls[0][0].name for item in single)

    right = {
        _WORDS: named(lambda item: tool_by_shared_words(item).name),
        _FIRST: named(lambda item: item.tools[0].name),
        _RANDOM: ratio * sum(1 / len(item.tools) for item in single),
    }
    exact = ratio * sum(
        any(same_calls(calls, [guessed_call(item)]) for calls in item.right_calls)
        for item in single
    )
    return right, {_WORDS: exact}


def _call_results(asked: Asked) -> Results:
    right, exact = _tool_baselines(asked.items)
    figures = {
        "right_tool": _metric("Right tool", asked, _right_tool, simple=right),
        "exact": _metric("Whole call exact", asked, _exact_call, simple=exact),
        "json_valid": _metric("Calls are JSON, with grammar", asked, _calls_are_json),
        "fits_schema": _metric("Calls fit their schema", asked, _fits_schema),
        "false_abstain": _metric("Answers without a call", asked, _no_call),
    }
    if asked.raw:
        figures |= {
            "json_valid_raw": _metric(
                "Calls are JSON, without grammar", asked, _calls_are_json, is_raw=True
            ),
            "right_tool_raw": _metric(
                "Right tool, without grammar", asked, _right_tool, is_raw=True
            ),
            "exact_raw": _metric(
                "Whole call exact, without grammar", asked, _exact_call, is_raw=True
            ),
            "same_prompt": _same_length(asked),
        }
    by_count = _grouped(asked, _exact_call, lambda item: [str(len(item.tools))])
    by_feature = _grouped(asked, _exact_call, _features)
    groups = {"exact by number of tools": by_count, "exact by feature": by_feature}
    return Results(figures, groups, _mistakes(asked, _exact_call))


def _abstain_results(asked: Asked) -> Results:
    unlike = [
        all(shared_words(tool, item.request) == 0 for tool in item.offered())
        for item in asked.items
    ]
    simple = {"always calling": 0.0, "no shared word": _share(unlike).percent}
    figures = {"right": _metric("Abstains", asked, _abstained, simple=simple)}
    groups = {"abstains": _grouped(asked, _abstained, lambda item: [item.why or "no call"])}
    lacking = _only(asked, lambda item: bool(item.missing))
    if lacking.items:
        figures["asks_for_it"] = _metric(
            "Asks for the missing value by name", lacking, _asks_for_it
        )
    return Results(figures, groups, _mistakes(asked, _abstained))


def _value(reply: Reply) -> Json:
    try:
        found: Json = json.loads(reply.text)
    except ValueError:
        return None
    return found


def _exact_fields(item: Item, reply: Reply) -> bool:
    return equal_json(item.json, _value(reply))


def _f1(items: Sequence[Item], values: Sequence[Json]) -> float:
    """Over all fields of all items, in percent."""
    counts = [field_counts(item.json, value) for item, value in zip(items, values, strict=True)]
    right = sum(agreeing for agreeing, _, _ in counts)
    of_both = sum(wanted + given for _, wanted, given in counts)
    return 200 * right / max(of_both, 1)


def _json_results(asked: Asked) -> Results:
    guesses = [guessed_fields(item) for item in asked.items]
    exact = _share(list(map(equal_json, [item.json for item in asked.items], guesses))).percent
    f1 = {_PATTERNS: _f1(asked.items, guesses)} | {
        model: _f1(asked.items, list(map(_value, replies)))
        for model, replies in asked.others.items()
    }
    figures = {
        "exact": _metric("All fields exact", asked, _exact_fields, simple={_PATTERNS: exact}),
        "field_f1": Metric(
            "Field F1", _f1(asked.items, list(map(_value, asked.served))), baselines=f1
        ),
        "json_valid": _metric("JSON, with grammar", asked, lambda _, reply: _is_json(reply.text)),
    }
    if asked.raw:
        figures |= {
            "json_valid_raw": _metric(
                "JSON, without grammar", asked, lambda _, reply: _is_json(reply.text), is_raw=True
            ),
            "exact_raw": _metric(
                "All fields exact, without grammar", asked, _exact_fields, is_raw=True
            ),
        }
    return Results(figures, mistakes=_mistakes(asked, _exact_fields))


def _fitting(item: Item, reply: Reply) -> bool:
    if reply.calls or reply.error:
        return False
    if item.texts:
        return same_text(item.texts, reply.text)
    if item.goal is Goal.JSON:
        return _exact_fields(item, reply)
    return is_fitting_talk(reply.text, about=item.about, words_max=item.words_max)


def _text_baselines(items: Sequence[Item]) -> dict[str, float]:
    """Of labels by shared words or at random; of anything else that holds numbers by patterns."""
    chosen = [item for item in items if item.choices]
    if len(chosen) == len(items):
        words = [same_text(item.texts, label_by_shared_words(item)) for item in items]
        random = 100 * sum(1 / len(item.choices) for item in items) / len(items)
        return {_WORDS: _share(words).percent, "random label": random}
    guessed = _share([_fitting(item, Reply(canonical(item))) for item in items])
    return {_PATTERNS: guessed.percent} if guessed.right else {}


def _text_results(asked: Asked) -> Results:
    simple = _text_baselines(asked.items)
    figures = {"right": _metric("Right", asked, _fitting, simple=simple)}
    kinds = {item.kind for item in asked.items} - {""}
    groups = {"right": _grouped(asked, _fitting, lambda item: [item.kind])} if kinds else {}
    return Results(figures, groups, _mistakes(asked, _fitting))


def results_of(asked: Asked) -> Results:
    """The figures of a set, by what its items ask for."""
    goals = {item.goal for item in asked.items}
    if goals == {Goal.CALL}:
        return _call_results(asked)
    if goals == {Goal.ABSTAIN}:
        return _abstain_results(asked)
    return _json_results(asked) if goals == {Goal.JSON} else _text_results(asked)
