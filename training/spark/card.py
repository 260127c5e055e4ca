"""Writes the card and the results that travel with the weights; every figure comes from JSON."""

import json
from pathlib import Path
from typing import Any

from spark.corpus import DOCUMENT_FILES, INTENT_FILES, SLOT_FILES
from spark.recipe import Recipe

__all__ = ["write_card"]

# Assumptions of the cost estimate, not measurements.
_WATTS_PER_CORE = 8.0
_USD_PER_CORE_HOUR = (0.02, 0.04)

_INTRODUCTION = """\
# {name}

**It writes valid structure and knows nothing.** Kilonova Spark is a decoder of {millions:.1f} M
parameters, trained from scratch by the recipe in `training/` on two shared CPU cores. It is
taught to turn a request and a list of tools into a tool call, a text and field names into JSON, and
a tool's result into a sentence. It is meant for tests of applications, installation checks and
demonstrations of tuning.

It is not an assistant. It has no knowledge of the world, cannot reason over several steps, writes
no useful prose or code, and reads English only. Asked a question of fact, it was trained to say
that it does not know; whatever else it says about the world is noise. Check its calls before use.
"""

_EVALUATION_NOTE = """\
All figures: greedy, one thread, the quantised file as shipped, through the engine. Test items are
made by the generators of the recipe from verbs, nouns, sentence templates and words that training
never used (where a pool is too small to divide, as some parameter names and value lists are, the
training part is used), so they measure the trained task under new words, not natural language. The
handwritten set is the check on that: {handwritten} requests, by one author, with tools that the
generators do not know. "Exact" means the right tool with all arguments equal. The items were not
trained on, but they were not blind either: the first 8 to 20 of each suite and the handwritten ones
were looked at while the run was going on, and its later stages were chosen after that.
"""


def _percent(share: dict[str, Any]) -> str:
    return f"{share['percent']:.1f} % ({share['right']}/{share['of']})"


def _call_rows(label: str, figures: dict[str, Any]) -> list[tuple[str, str, str]]:
    overlap = _percent(figures["baseline_overlap_right_tool"])
    random = figures["baseline_random_right_tool_percent"]
    return [
        (f"{label}: calls that parse, no grammar", _percent(figures["raw_json_valid"]), ""),
        (
            f"{label}: right tool, no grammar",
            _percent(figures["raw_right_tool"]),
            f"most shared words {overlap}; random {random} %",
        ),
        (f"{label}: exact call, no grammar", _percent(figures["raw_exact"]), ""),
        (
            f"{label}: exact call, served (`tool_choice` auto)",
            _percent(figures["served_exact"]),
            "",
        ),
        (f"{label}: answered without any call", _percent(figures["false_abstain"]), ""),
    ]


def _rows(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    extraction = found["extraction"]
    rows = _call_rows("Held-out tool calls", found["calls"])
    rows += _call_rows("Handwritten tool calls", found["handwritten"])
    rows += [
        (
            "Forced call fits its schema (`required`)",
            _percent(found["forced"]["valid_against_schema"]),
            "by the engine's grammar, within 256 tokens",
        ),
        ("No tool fits: abstains", _percent(found["declines"]["right"]), "always calling: 0 %"),
        (
            "Value missing: asks instead of calling",
            _percent(found["questions"]["right"]),
            "always calling: 0 %; items without a required value count as calls",
        ),
        ("Tool result reported word for word", _percent(found["results"]["right"]), ""),
        ("Extraction: JSON parses, no grammar", _percent(extraction["json_valid_raw"]), ""),
        ("Extraction: JSON parses, grammar", _percent(extraction["json_valid_grammar"]), ""),
        ("Extraction: all fields exact", _percent(extraction["all_fields_exact"]), ""),
        ("Dates, times, amounts, letter case", _percent(found["normalisation"]["right"]), ""),
        ("Answer is a span of a passage", _percent(found["reading"]["right"]), ""),
        ("Echo and sums up to 20 + 20", _percent(found["echo"]["right"]), ""),
        ("Same prompt, same text", _percent(found["determinism"]), ""),
    ]
    return rows


def _table(rows: list[tuple[str, str, str]]) -> str:
    lines = ["| measure | Spark | baseline or note |", "|---|---|---|"]
    return "\n".join(lines + [f"| {name} | {value} | {note} |" for name, value, note in rows])


def _training_text(recipe: Recipe, found: dict[str, Any]) -> str:
    training, packed = found["training"], found["data"]
    hours = training["minutes"] / 60
    core_hours = hours * training["processes"]
    low, high = (price * core_hours for price in _USD_PER_CORE_HOUR)
    model = recipe.model
    return f"""\
- Shape: `llama`, {model.layers} layers, width {model.width}, {model.heads} heads
  ({model.kv_heads} for keys and values), MLP {model.hidden}, vocabulary {model.vocabulary}, tied
  embeddings, context {model.context_tokens} tokens (few training samples are longer than
  {recipe.data.conversation_tokens_max}, so quality falls towards the end of it).
- {training["parameters"]:,} parameters; Q8_0 file of {found["file_bytes"]:,} bytes.
- Training: {training["minutes"]:.0f} minutes on {training["processes"]} shared CPU cores at low
  priority, {training["steps"]:,} steps, about {training["tokens"] / 1e6:.0f} M token visits
  (padding included) over a set of {packed["tokens"] / 1e6:.1f} M tokens.
- Estimate, not measured: at most {core_hours:.1f} core-hours, so {low:.2f} to {high:.2f} USD at
  0.02 to 0.04 USD per core-hour and {core_hours * _WATTS_PER_CORE:.0f} Wh at
  {_WATTS_PER_CORE:.0f} W per core (assumed)."""


def _data_text(found: dict[str, Any]) -> str:
    names = ", ".join(f"`{name}`" for name in (*DOCUMENT_FILES, *INTENT_FILES, *SLOT_FILES))
    packed = found["data"]
    return f"""\
Seeded generators of this repository made {packed["samples"] - packed["document_samples"]:,}
conversations; {packed["document_samples"]:,} pieces of documentation were added for English. Files:
{names}. All are under permissive licences (Apache-2.0, BSD-3-Clause, CC0-1.0 or public domain,
CC-BY-3.0, CC-BY-4.0, MIT, PSF-2.0, PostgreSQL License); nothing ShareAlike, NonCommercial or
NoDerivatives, no text written by a language model as far as the sources' history tells, and none of
the evaluation files. The text was changed: cleaned, cut and re-arranged. Attributions and licence
texts are at the end of this card and must travel with the weights."""


def _verdict(figures: dict[str, Any]) -> str:
    """The plain meaning of the figures, before anybody reads the table."""
    calls = figures["calls"]
    own, simple = calls["served_right_tool"], calls["baseline_overlap_right_tool"]
    exact = calls["served_exact"]["percent"]
    if own["percent"] <= simple["percent"]:
        judgement = (
            "This version is **undertrained**: choosing the tool that shares most words with the "
            "request is better. Use it to see tokens, streams and valid calls flow, not to see "
            "right ones."
        )
    else:
        judgement = "It beats choosing the tool that shares most words with the request."
    return (
        f"On held-out single requests it names the right tool in {own['percent']:.1f} % and gives "
        f"the exact call in {exact:.1f} %. {judgement}"
    )


def _quoted(text: str) -> str:
    """Text as inline code in a table cell, on one line."""
    return "`" + " ".join(text.replace("|", "\\|").replace("`", "'").split()) + "`"


def _samples_text(samples: dict[str, str]) -> str:
    rows = [f"| {_quoted(prompt)} | {_quoted(answer)} |" for prompt, answer in samples.items()]
    return "\n".join(["| prompt | answer |", "|---|---|", *rows])


def _mistakes_text(found: dict[str, Any]) -> str:
    rows = [
        f"| {_quoted(item['request'])} | {_quoted(item['answer'])} |"
        for suite in ("calls", "handwritten", "declines", "extraction", "results")
        for item in found[suite]["wrong_answers"][:3]
    ]
    return "\n".join(["| request | answer |", "|---|---|", *rows])


def _parity_text(parity: dict[str, Any]) -> str:
    return f"""\
Of {parity["templates_compared"]} held-out conversations, {parity["templates_equal"]} render to the
same text and {parity["tokens_equal"]} to the same tokens in the engine as in training. Over
{parity["prompts_compared"]} prompts the five best log-probabilities of the engine differ from NumPy
on the same file by at most {parity["gap_nats_max_numpy"]:.3f} nats and from full-precision torch
by at most {parity["gap_nats_max_torch"]:.3f}; the best token is the same in
{parity["top_tokens_equal_torch"]} of {parity["prompts_compared"]}."""


def _speed_text(figures: dict[str, Any]) -> str:
    speed = figures["speed"]
    return (
        f"Loads in {figures['load_s']:.2f} s; {speed['prompt_tokens_per_s']:,} prompt tokens and "
        f"{speed['generated_tokens_per_s']:,} generated tokens per second on one thread of a busy "
        "two-core machine."
    )


def _card_text(recipe: Recipe, found: dict[str, Any], notices: str) -> str:
    figures = found["evaluation"]
    parts = [
        _INTRODUCTION.format(
            name=recipe.model.name, millions=found["training"]["parameters"] / 1e6
        ),
        _verdict(figures),
        "## Size and making\n\n" + _training_text(recipe, found),
        "## Data\n\n" + _data_text(found),
        "## Measured\n\n"
        + _EVALUATION_NOTE.format(handwritten=figures["handwritten"]["raw_exact"]["of"])
        + "\n"
        + _table(_rows(figures))
        + "\n\n"
        + _speed_text(figures),
        "## Does the file equal the training?\n\n" + _parity_text(found["parity"]),
        "## Samples, as they came\n\n" + _samples_text(figures["samples"]),
        "## Mistakes, as they came\n\n" + _mistakes_text(figures),
        "## Notices\n\n```text\n" + notices.rstrip() + "\n```",
    ]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def write_card(recipe: Recipe, folder: Path, *, shipped: Path, notices: Path) -> None:
    """Join the results of the steps, and write `.json` and `.md` beside the weights."""
    found: dict[str, Any] = {"model": recipe.model.name, "file_bytes": shipped.stat().st_size}
    sources = {
        "training": "training",
        "data": "packed",
        "parity": "parity",
        "evaluation": "evaluation",
    }
    for key, name in sources.items():
        found[key] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    text = _card_text(recipe, found, notices.read_text(encoding="utf-8"))
    _replace(shipped.with_suffix(".json"), json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    _replace(shipped.with_suffix(".md"), text)


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
