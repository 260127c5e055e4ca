"""Measures a model file through the served API: greedy, one thread, quantised as shipped.

The final evaluation reads the frozen sets and nothing else; a quick one, for looks during training,
asks fresh items of another seed and leaves the frozen sets unseen. Simple programs, and any other
model that the server offers, answer the same items in the same run.
"""

import hashlib
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from cards.card import Bar, Metric, Sample
from cards.shares import Share
from structure.engine import serve
from structure.figures import Asked, Results, results_of
from structure.frozen import developed, frozen
from structure.items import Item
from structure.progress import report
from structure.served import Asker, Mode, ServerFailed, request_body, serve_through_api
from structure.template import render_prompt

__all__ = ["Evaluation", "Plan", "evaluate", "read_bars", "summary"]

_SAME_TEXT_TIMES = 100
_LOADS = 5
_STREAMS = 40
_FULL_PRECISION_ITEMS = 300
_RAW_SETS = ("ht1", "ht2", "ex1", "ex2", "handwritten")
_WEATHER = {
    "name": "get_weather",
    "description": "Get the current weather for a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
_SAMPLES: tuple[tuple[str, bool], ...] = (
    ("What is the weather in Paris?", True),
    ("Is it cold in Wellington today?", True),
    ("Hello", True),
    ("Who wrote Hamlet?", True),
    ("Hello, who are you?", False),
    ("What can you do?", False),
    ("Thank you!", False),
    ("What is the capital of France?", False),
    ("Write a haiku about rain.", False),
    ("Reply with exactly: pong", False),
    ("Extract the name and age as JSON: Greta Holm is 41 years old.", False),
    ("Write 3 March 2024 as YYYY-MM-DD.", False),
)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured. `full_precision` is the same model unquantised; `others` are model ids.

    A quick look writes every request and answer to `answers`; a final one keeps a few mistakes.
    """

    file: Path
    model: str
    data: Path
    is_quick: bool = False
    quick_items: int = 60
    full_precision: Path | None = None
    others: tuple[str, ...] = ()
    config: Path | None = None
    answers: Path | None = None


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Every figure of the card, by set; `serving` holds speed, sameness and quantisation."""

    model: str
    file_sha256: str
    file_bytes: int
    is_quick: bool
    seconds: float
    sets: dict[str, Results]
    serving: dict[str, Metric]
    samples: tuple[Sample, ...]


def _bar(told: dict[str, float | bool]) -> Bar:
    aim = told.get("aim")
    return Bar(float(told["value"]), None if aim is None else float(aim), bool(told.get("most")))


def read_bars(model: str) -> dict[str, Bar]:
    """The acceptance bars of a model by `set.figure`; none where the file does not know it."""
    source = Path(__file__).with_name("bars.toml").read_bytes()
    known = msgspec.toml.decode(source, type=dict[str, dict[str, dict[str, float | bool]]])
    return {name: _bar(told) for name, told in known.get(model, {}).items()}


def _barred(metrics: dict[str, Metric], name: str, bars: dict[str, Bar]) -> dict[str, Metric]:
    return {
        key: msgspec.structs.replace(metric, bar=bars.get(f"{name}.{key}"))
        for key, metric in metrics.items()
    }


def _asked(asker: Asker, plan: Plan, name: str, items: Sequence[Item]) -> Asked:
    modes = [Mode.SERVED, Mode.RAW] if name in _RAW_SETS else [Mode.SERVED]
    replies = asker.ask_all(plan.model, items, modes, label=name)
    others = {
        model: asker.ask_all(model, items, [Mode.SERVED], label=f"{name} by {model}")[Mode.SERVED]
        for model in plan.others
    }
    return Asked(items, replies[Mode.SERVED], replies.get(Mode.RAW, []), others)


def _same_text(asker: Asker, model: str, items: Sequence[Item]) -> Metric:
    """One request a hundred times; others in between push its prompt out of the cache."""
    body = request_body(items[0], Mode.SERVED)
    first = asker.ask(model, body)
    same = 0
    for number in range(_SAME_TEXT_TIMES):
        if number % 10 == 0:
            asker.ask(model, request_body(items[number // 10 % len(items)], Mode.SERVED))
        again = asker.ask(model, body)
        same += (again.text, again.calls) == (first.text, first.calls)
    return Metric.of_share("Same request, same text", Share(same, _SAME_TEXT_TIMES))


def _stream_speed(asker: Asker, model: str, items: Sequence[Item]) -> dict[str, Metric]:
    """Each item twice: cold for the time to the first piece, then with its prompt in the cache.

    The rate is all tokens over the whole time of the second requests, the way there and back
    included. Timing the pieces of a stream would flatter: a busy client finds several at once.
    """
    tokens, seconds, firsts = 0, 0.0, []
    for item in items[:_STREAMS]:
        body = request_body(item, Mode.RAW)
        _, first_s, _ = asker.stream_times(model, body)
        count, _, whole_s = asker.stream_times(model, body)
        firsts.append(1000 * first_s)
        tokens += count
        seconds += whole_s
    return {
        "tokens_per_s": Metric("Generation through the API", round(tokens / seconds), "tok/s"),
        "first_piece_ms": Metric(
            "First piece of a stream, median", round(statistics.median(firsts), 1), "ms"
        ),
    }


def _engine_figures(file: Path, item: Item) -> dict[str, Metric]:
    """What the engine says of itself without the platform: load time and speed on one thread."""
    loads = []
    for _ in range(_LOADS):
        started = time.monotonic()
        with serve(file) as engine:
            loads.append(time.monotonic() - started)
            engine.tokenize("ready")  # a server that was never asked hangs when it is closed
    with serve(file) as engine:
        tokens = engine.tokenize(render_prompt(item.conversation()))
        body = {"prompt": tokens, "n_predict": 256, "temperature": 0, "ignore_eos": True}
        timings = [
            engine.post("/completion", body | {"cache_prompt": False})["timings"]
            for _ in range(_LOADS)
        ]
    generated = statistics.median(timing["predicted_per_second"] for timing in timings)
    read = statistics.median(timing["prompt_per_second"] for timing in timings)
    return {
        "load_s": Metric("Load, median of five", round(statistics.median(loads), 3), "s"),
        "engine_tokens_per_s": Metric("Generation, engine alone", round(generated), "tok/s"),
        "prompt_tokens_per_s": Metric("Reading a prompt, engine alone", round(read), "tok/s"),
    }


def _check_answers(asker: Asker, models: Sequence[str]) -> None:
    """Better to stop now than to count a thousand refusals."""
    for model in models:
        reply = asker.ask(model, {"messages": [{"role": "user", "content": "Hello"}]})
        if reply.error:
            raise ServerFailed(f"{model} does not answer: {reply.error}")


def _serving(asker: Asker, plan: Plan, sets: dict[str, list[Item]]) -> dict[str, Metric]:
    report("serving: sameness and speed")
    return {
        "same_text": _same_text(asker, plan.model, sets["ht1"]),
        **_stream_speed(asker, plan.model, sets["ex1"]),
        "ready_s": Metric("Server start until ready", round(asker.ready_s, 2), "s"),
    }


def _quantisation(plan: Plan, asked: Asked) -> dict[str, Metric]:
    """The same items asked of the unquantised file."""
    if plan.full_precision is None:
        return {}
    items = asked.items[:_FULL_PRECISION_ITEMS]
    with serve_through_api(plan.full_precision, model=plan.model) as asker:
        full = asker.ask_all(plan.model, items, [Mode.SERVED], label="ht1 unquantised")[Mode.SERVED]
    exact = [
        results_of(Asked(items, replies[: len(items)])).figures["exact"].value
        for replies in (full, asked.served)
    ]
    loss = Metric(
        "Exact calls lost by quantisation",
        exact[0] - exact[1],
        "points",
        note=f"{exact[0]:.1f} % unquantised, {exact[1]:.1f} % as shipped, {len(items)} calls",
    )
    return {"quantisation_loss": loss}


def _samples(asker: Asker, model: str) -> tuple[Sample, ...]:
    found = []
    for text, has_tool in _SAMPLES:
        body: dict[str, object] = {"messages": [{"role": "user", "content": text}]}
        if has_tool:
            body["tools"] = [{"type": "function", "function": _WEATHER}]
        shown = f"(with get_weather) {text}" if has_tool else text
        found.append(Sample(shown, asker.ask(model, body).shown()))
    return tuple(found)


def _write_answers(path: Path, asked: dict[str, Asked]) -> None:
    lines = [
        {"set": name, "item": item, "answer": reply.shown()}
        for name, found in asked.items()
        for item, reply in zip(found.items, found.served, strict=True)
    ]
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def summary(found: Evaluation) -> list[str]:
    """The figures with their bars and baselines, one a line."""
    named = {**{name: item.figures for name, item in found.sets.items()}, "serving": found.serving}
    lines = []
    for name, figures in named.items():
        for metric in figures.values():
            simple = ", ".join(f"{key} {value:.1f}" for key, value in metric.baselines.items())
            judged = "" if metric.bar is None else f" [bar {metric.bar.value:g}]"
            met = metric.bar is None or metric.bar.is_met(metric.value)
            value = f"{metric.value:.1f} {metric.unit}{judged}{'' if met else ' MISSED'}"
            lines.append(f"{name:12} {metric.name:38} {value} {f'({simple})' if simple else ''}")
        for title, shares in () if name == "serving" else found.sets[name].groups.items():
            parts = ", ".join(f"{key} {share.percent:.0f}" for key, share in shares.items())
            lines.append(f"{name:12} {title}: {parts}")
    return lines


def evaluate(plan: Plan) -> Evaluation:
    """Ask everything and count. Raises before the first question where something is missing."""
    started = time.monotonic()
    for file in (plan.file, plan.full_precision):
        if file is not None and not file.is_file():
            raise FileNotFoundError(f"there is no model file {file}: run `export` first")
    sets = developed(plan.quick_items, data=plan.data) if plan.is_quick else frozen()
    bars = read_bars(plan.model)
    with serve_through_api(plan.file, model=plan.model, config=plan.config) as asker:
        _check_answers(asker, (plan.model, *plan.others))
        asked = {name: _asked(asker, plan, name, items) for name, items in sets.items()}
        serving = _serving(asker, plan, sets)
        samples = _samples(asker, plan.model)
    serving |= _engine_figures(plan.file, sets["ht1"][0]) | _quantisation(plan, asked["ht1"])
    if plan.is_quick and plan.answers is not None:
        _write_answers(plan.answers, asked)
    results = {name: results_of(replies) for name, replies in asked.items()}
    return Evaluation(
        model=plan.model,
        file_sha256=hashlib.sha256(plan.file.read_bytes()).hexdigest(),
        file_bytes=plan.file.stat().st_size,
        is_quick=plan.is_quick,
        seconds=round(time.monotonic() - started, 1),
        sets={
            name: msgspec.structs.replace(found, figures=_barred(found.figures, name, bars))
            for name, found in results.items()
        },
        serving=_barred(serving, "serving", bars),
        samples=samples,
    )
