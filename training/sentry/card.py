"""Writes `sentry-v1.json`, the facts and figures, and from them alone `sentry-v1.md`, the card."""

import json
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from sentry.corpus import TRAINING_FILES, VALIDATION_FILES, file_digests
from sentry.recipe import Recipe
from sentry.sets import set_digests

__all__ = ["write_card"]

# Assumptions of the cost estimate, not measurements.
_WATTS_PER_CORE = 8.0
_USD_PER_CORE_HOUR = 0.04

_BLIND = (
    "The blind set was written before this head was fitted and without reading the learned "
    "families, and scored once. Its author wrote seven of the families afterwards "
    "(`planted.toml`), with lines taken out that shared four words in a row with the set, generic "
    "runs excepted; what the head finds without those families stands in a row of its own, and is "
    "the fairer figure. "
    "The set is harder than the one before it, on which the head that shipped before found 74.6 % "
    "at 5.3 % alarms. Both earlier sets are spent and learned since."
)

_DOES = [
    "names the language of a text among 75",
    "names one of 150 everyday requests (CLINC150), or that none of them fits",
    "names one of 77 requests to a bank (Banking77)",
    "marks e-mail addresses, telephone numbers, IBANs, payment cards, IP addresses (4 and 6), "
    "national numbers of the US, France, Spain, Italy and Brazil, and some access keys and tokens",
    "flags prompt injections of known families",
    "estimates how much work the answer to a prompt is, from 0 to 1",
]
_DOES_NOT = [
    "know attacks that it was not shown: known patterns only, and rewording can get past it",
    "find names, postal addresses, dates of birth or any personal data without a form of its own",
    "judge whether a text is hateful, violent or harmful",
    "label requests in languages other than English, or of kinds other than those two lists",
    "read a text of two languages as two: it names one",
    "read more than the first and last 400 characters for language and intent",
]
_DATA = [
    ("pemistahl/lingua-py", "Apache-2.0", "Copyright Peter M. Stahl, Lingua", "language samples"),
    (
        "tldr-pages/tldr",
        "CC-BY-4.0",
        "Copyright 2014-present the tldr-pages team and contributors, changed",
        "language samples, calm text",
    ),
    (
        "clinc/oos-eval",
        "CC-BY-3.0",
        "Larson et al., An Evaluation Dataset for Intent Classification and Out-of-Scope "
        "Prediction, EMNLP-IJCNLP 2019, changed",
        "intents, scope, calm text",
    ),
    (
        "PolyAI-LDN/task-specific-datasets",
        "CC-BY-4.0",
        "PolyAI; Casanueva et al. 2020, Coope et al. 2020, changed",
        "banking intents, calm text",
    ),
    ("openai/grade-school-math", "MIT", "Copyright 2021 OpenAI", "steps of sums, calm text"),
    (
        "documentation of permissively licensed projects",
        "Apache-2.0, BSD-3-Clause, CC0-1.0 or public domain, CC-BY-3.0, CC-BY-4.0, MIT, PSF-2.0, "
        "PostgreSQL",
        "as listed with the Spark model's notices",
        "calm text",
    ),
    ("templates of this repository", "Apache-2.0", "The Kilonova authors", "attacks, calm text"),
]


def write_card(recipe: Recipe, folder: Path, *, data: Path, shipped: Path) -> None:
    """Replaces both files beside the weights."""
    facts = _facts(recipe, folder, data=data, shipped=shipped)
    text = json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
    shipped.with_suffix(".json").write_text(text, encoding="utf-8")
    shipped.with_suffix(".md").write_text(render(facts), encoding="utf-8")


def _facts(recipe: Recipe, folder: Path, *, data: Path, shipped: Path) -> dict[str, Any]:
    def kept(name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        return found

    heads = {name: kept(name) for name in ("complexity", "requests", "injection", "letters")}
    core_hours = sum(head["core_minutes"] for head in heads.values()) / 60
    return {
        "model": "kilonova.sentry-v1:0",
        "file": shipped.name,
        "file_bytes": shipped.stat().st_size,
        "licence": "Apache-2.0",
        "does": _DOES,
        "does_not": _DOES_NOT,
        "training": {
            "heads": heads,
            "core_hours": round(core_hours, 3),
            "assumed_watts_per_core": _WATTS_PER_CORE,
            "estimated_wh": round(core_hours * _WATTS_PER_CORE, 2),
            "assumed_usd_per_core_hour": _USD_PER_CORE_HOUR,
            "estimated_usd": round(core_hours * _USD_PER_CORE_HOUR, 4),
            "recipe": to_builtins(recipe),
        },
        "data": {
            "sources": [
                {"source": source, "licence": licence, "attribution": by, "used_for": use}
                for source, licence, by, use in _DATA
            ],
            "learned_from": list(TRAINING_FILES),
            "thresholds_from": list(VALIDATION_FILES),
            "sources_sha256": file_digests(data),
        },
        "sets_sha256": set_digests(),
        "families": kept("families"),
        "evaluation": kept("evaluation"),
        "blind": kept("blind"),
        "benchmark": kept("benchmark"),
    }


def render(facts: dict[str, Any]) -> str:
    """The card as Markdown; every figure is one of the facts."""
    parts = [
        "# Kilonova Sentry\n\n**It knows the patterns that it was shown, and reads no meaning.** "
        "No transformer: hashed runs of characters and words under thin layers, patterns, and "
        f"check digits, in {facts['file_bytes']:,} bytes.",
        "## What it does\n\n" + _bullets(facts["does"]),
        "## What it does not\n\nIt does not\n\n" + _bullets(facts["does_not"]),
        "## Measured\n\n" + _table(_rows(facts["evaluation"]) + _blind_rows(facts["blind"])),
        "Every figure is of the quantised file as shipped, on text that was not fitted on; the "
        "alarm threshold was set on held-back prompts, by somebody who had seen the false alarms "
        "of the sets below. PII-1 is synthetic and made by the author of the detector, though by "
        "separate code: expect less on wild text. " + _BLIND,
        "## Leaving families out\n\n" + _left_out(facts["families"]),
        "## Injection, by family and by set\n\n" + _injection_tables(facts),
        "## Speed\n\n" + _speed(facts["benchmark"]),
        "## Making\n\n" + _making(facts["training"]),
        "## Data\n\n" + _data_table(facts["data"]["sources"]),
    ]
    return "\n\n".join(parts) + "\n"


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(rows: list[tuple[str, str, str, str]]) -> str:
    head = ["| measure | bar | Sentry | baseline |", "|---|---|---|---|"]
    return "\n".join(head + [f"| {' | '.join(row)} |" for row in rows])


def _percent(share: dict[str, Any]) -> str:
    return f"{share['percent']:.1f} % ({share['right']:,}/{share['of']:,})"


def _rows(found: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    language, intent, banking = found["language"], found["intent"], found["banking"]
    words = "words vote"
    return [
        (
            "language, sentences of 20 main languages, 75 possible answers",
            "≥ 97 %",
            _percent(language["sentences_20"]),
            f"{words} {language['baseline_words_vote_20']['percent']} %; majority 5 %",
        ),
        ("language, sentences of all 75", "", _percent(language["sentences_75"]), ""),
        ("language, word pairs of all 75", "", _percent(language["pairs_75"]), ""),
        ("language, single words of all 75", "", _percent(language["words_75"]), ""),
        (
            "CLINC150 test, in scope",
            "≥ 90 %",
            _percent(intent["in_scope"]),
            f"{words} {intent['baseline_words_vote']['percent']} %; majority "
            f"{intent['baseline_majority_percent']} %",
        ),
        (
            "the same, after the scope's threshold",
            "",
            _percent(intent["in_scope_after_threshold"]),
            "",
        ),
        ("out-of-scope recall", "≥ 50 %", _percent(intent["out_of_scope_recall"]), "none: 0 %"),
        (
            "in-scope requests called out of scope (threshold: 5 % of clinc150-val)",
            "",
            _percent(intent["out_of_scope_false_alarms"]),
            "",
        ),
        (
            "Banking77 test",
            "≥ 85 %",
            _percent(banking["right"]),
            f"{words} {banking['baseline_words_vote']['percent']} %; majority "
            f"{banking['baseline_majority_percent']} %",
        ),
        *_guard_rows(found),
    ]


def _guard_rows(found: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    personal, injection = found["personal_data"], found["injection"]
    complexity = found["complexity"]
    return [
        (
            "PII-1, exact spans, F1",
            "≥ 0.97",
            f"{personal['pii_1']['all']['f1']:.4f}",
            f"patterns alone {personal['baseline_patterns']['all']['f1']:.4f}",
        ),
        (
            "injection, recall on learned families, other draws",
            "",
            _percent(injection["learned_recall"]),
            f"keywords {injection['baseline_keywords_learned_recall']['percent']} %",
        ),
        (
            "injection, false alarms on tldr, GSM8K, CLINC150",
            "≤ 1 %",
            _percent(injection["false_alarms"]),
            f"keywords {injection['baseline_keywords_false_alarms']['percent']} %",
        ),
        (
            "complexity, a sum of GSM8K above a request of CLINC150",
            "",
            f"{complexity['gsm8k_above_clinc150']:.4f}",
            f"words counted {complexity['baseline_words_gsm8k_above_clinc150']:.4f}",
        ),
        (
            "complexity, rank correlation with the steps of GSM8K solutions",
            "",
            f"{complexity['rank_correlation_with_steps']:.3f}",
            f"words counted {complexity['baseline_words_rank_correlation_with_steps']:.3f}",
        ),
    ]


def _blind_rows(blind: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [
        (
            "injection, recall on the blind set",
            "≥ 90 %",
            _percent(blind["recall"]),
            f"keywords {blind['baseline_keywords_recall']['percent']} %",
        ),
        *_earlier_families_rows(blind),
        (
            "injection, alarms on its calm talk",
            "≤ 1 %",
            _percent(blind["calm_alarms"]),
            f"keywords {blind['baseline_keywords_calm_alarms']['percent']} %",
        ),
    ]


def _earlier_families_rows(blind: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Beside the shipped head: one fitted without the families that the set's author wrote after
    it, and the head that shipped before; both scored once, with the others."""
    rows = {
        "the same, fitted without the later families": "without_families_written_after",
        "the same, the head that shipped before": "head_shipped_before",
    }
    return [
        (
            name,
            "",
            _percent(blind[key]["recall"]),
            f"alarms {_percent(blind[key]['calm_alarms'])}",
        )
        for name, key in rows.items()
        if key in blind
    ]


def _injection_tables(facts: dict[str, Any]) -> str:
    alarms, blind = facts["evaluation"]["injection"]["false_alarms_by_set"], facts["blind"]
    sets = [f"| {name} | {_percent(share)} |" for name, share in alarms.items()]
    lines = ["| calm text | alarms |", "|---|---|", *sets]
    families = [f"| {name} | {_percent(share)} |" for name, share in blind["by_family"].items()]
    lines += ["", "| blind family | recall |", "|---|---|", *families]
    lines += ["", "Missed, the first twelve:", "", *_quoted(blind["missed"])]
    lines += ["", "Alarms on calm talk, the first twelve:", "", *_quoted(blind["alarmed"])]
    return "\n".join(lines)


def _quoted(texts: list[str]) -> list[str]:
    return [f"- `{' '.join(text.replace('`', '').split())}`" for text in texts[:12]]


def _left_out(found: dict[str, Any]) -> str:
    ideas = found["families"] - found["languages"]
    return (
        f"Whole families were left out in turn (`python -m sentry families`): of the attacks of "
        f"{ideas} left-out ideas {found['ideas_recall_percent']} % are found, of those in "
        f"{found['languages']} left-out groups of languages {found['languages_recall_percent']} %, "
        f"and {found['calm_alarms_percent']} % of their calm halves, written to look like attacks, "
        "raise a false alarm. The shipped file learned all of them."
    )


def _speed(found: dict[str, Any]) -> str:
    own = found["sentry"]
    base = found["baseline: patterns and keywords alone"]
    cold = found["cold"]
    return (
        f"A whole scan of {found['characters']:,} characters ({found['texts']} texts, one core): "
        f"{own['cpu_ms_p50']} ms at the middle and {own['cpu_ms_p99']} ms at the 99th percentile "
        f"of processor time; {own['wall_ms_p50']} and {own['wall_ms_p99']} ms by the clock of a "
        f"machine that was busy with other work. Patterns and keywords alone, in the same run: "
        f"{base['cpu_ms_p50']} and {base['cpu_ms_p99']} ms of processor time, so that a scan takes "
        f"{found['ratio']['cpu_ms_p50']} and {found['ratio']['cpu_ms_p99']} times as long. By kind "
        "of text, "
        f"middle and 99th percentile: {_by_text(found)}. The bar is 1 ms. The first scan of a "
        f"process takes {cold['first_scan_ms']} ms ({cold['numpy_import_ms']} ms of it to import "
        f"NumPy, {cold['load_ms']} ms to check and load the weights) and {cold['memory_mb']} MB."
    )


def _by_text(found: dict[str, Any]) -> str:
    return "; ".join(
        f"{name} {times['cpu_ms_p50']} and {times['cpu_ms_p99']} ms"
        for name, times in found["sentry_by_text"].items()
    )


def _making(training: dict[str, Any]) -> str:
    return (
        f"Fitted in {training['core_hours'] * 60:.1f} core-minutes. Estimate, not measured: "
        f"{training['estimated_wh']} Wh at {training['assumed_watts_per_core']} W a core and "
        f"{training['estimated_usd']} USD at {training['assumed_usd_per_core_hour']} USD a "
        "core-hour (both assumed). `python -m sentry all` in `training/` makes it again."
    )


def _data_table(sources: list[dict[str, str]]) -> str:
    rows = [
        f"| {one['source']} | {one['licence']} | {one['attribution']} | {one['used_for']} |"
        for one in sources
    ]
    return "\n".join(["| source | licence | attribution | used for |", "|---|---|---|---|", *rows])
