"""The card of Spark and of its larger kin: every figure comes from the result files of a run."""

import json
from pathlib import Path
from typing import Any

import msgspec

from cards.card import Card, Metric, MetricTable, Sample, Section, Source, Work
from cards.charts import Picture, bar_chart, line_chart
from cards.shares import Share
from cards.write import write_card
from structure.corpus import TRAIN_FILES
from structure.evaluate import Evaluation
from structure.figures import Results
from structure.recipe import Recipe

__all__ = ["make_card", "spark_card"]

_SUMMARY = """\
**It writes valid structure and knows nothing.** A decoder of {millions:.1f} M parameters,
trained from scratch by the recipe in `training/`: a request and a list of tools become a tool call,
a text and field names become JSON, a tool's result becomes a sentence. It is made for tests of
applications with real tokens, for installation checks and for demonstrations of tuning.

{verdict}"""
_DOES = (
    "Calls tools out of one to eight, with nested, enum, optional and array arguments",
    "Is taught to ask for what is missing and to decline what no tool does; NT-1 says how often",
    "Extracts named fields as JSON",
    "Writes dates, times, amounts and units in one form",
    "Chooses among labels given in the prompt; answers with a span of a given text",
    "Reports the result of a tool in a sentence",
)
_DOES_NOT = (
    "It is no assistant: it has no knowledge of the world and cannot reason over several steps",
    "It writes no useful prose or code, and reads English only",
    "Whatever it says about the world is noise; check its calls before they are run",
)
_DATA_NOTE = """\
Seeded generators of this repository made most of the training text; the files below gave real
wording and technical English. All are under permissive licences; nothing ShareAlike, NonCommercial
or NoDerivatives, and none of the evaluation files. The text was changed: cleaned, cut, re-arranged.
Notices and licence texts stand at the end and must travel with the weights."""
_DOCUMENTS = "several permissive projects, see the notices"
_POLYAI = "PolyAI, task-specific-datasets, changed"
_SOURCES = {
    "docs-python": (
        "PSF-2.0, BSD-3-Clause, MIT, Apache-2.0, CC0-1.0 or public domain",
        _DOCUMENTS,
        "technical English",
    ),
    "docs-cloud": ("Apache-2.0, CC-BY-4.0, CC-BY-3.0", _DOCUMENTS, "technical English"),
    "docs-systems": (
        "PostgreSQL, MIT, Apache-2.0, Apache-2.0 WITH Swift-exception, CC-BY-4.0",
        _DOCUMENTS,
        "technical English",
    ),
    "tldr-en": ("CC-BY-4.0", "tldr-pages team and contributors, changed", "technical English"),
    "clinc150-train": ("CC-BY-3.0", "Larson et al. 2019, Clinc, changed", "intents, labels"),
    "banking77-train": ("CC-BY-4.0", f"Casanueva et al. 2020, {_POLYAI}", "intents, labels"),
    "restaurant8k-train": ("CC-BY-4.0", f"Coope et al. 2020, {_POLYAI}", "slots"),
    "nluplusplus-train": ("CC-BY-4.0", f"Casanueva et al. 2022, {_POLYAI}", "slots"),
}
_GENERATED = (
    "Made by the generators from words, patterns and tool domains held back from training (short "
    "lists, such as currencies, are shared): the trained task in new words, not natural language."
)
_BY_HAND = (
    "Written one by one for this project, from no template, without sight of the generators; the "
    "wording is a language model's, not collected from people."
)
_TITLES = {
    "ht1": ("HT-1, generated tool calls", _GENERATED),
    "ht3": (
        "HT-3, tool calls in natural wording, everyday tools never trained on",
        "Whole functions held back from training, in the wording of the domain files; one author "
        "wrote these and the trained ones.",
    ),
    "ht2": ("HT-2, tool calls written by hand", _BY_HAND),
    "nt1": ("NT-1, no call is right, generated", _GENERATED),
    "nt2": ("NT-2, no call is right, written by hand", _BY_HAND),
    "ex1": ("EX-1, extraction, generated", _GENERATED),
    "ex2": ("EX-2, extraction, written by hand", _BY_HAND),
    "norm1": ("NORM-1, dates, times, amounts, generated", _GENERATED),
    "norm2": ("NORM-2, dates, times, amounts, units, written by hand", _BY_HAND),
    "span1": ("SPAN-1, answers that stand in a passage", _GENERATED),
    "results1": ("RESULTS-1, tool results reported word for word", _GENERATED),
    "echo1": ("ECHO-1, echoes and small sums", _GENERATED),
    "labels1": (
        "LABELS-1, one of two to six labels given in the prompt",
        "Utterances of the CLINC150 test set (Larson et al. 2019, CC BY 3.0), which training never "
        "saw; the names of the labels were seen in training.",
    ),
    "labels2": ("LABELS-2, labels given in the prompt, generated", _GENERATED),
    "titles1": (
        "TITLES-1, titles of at most six words, generated",
        f"Right with one word of the reference title. {_GENERATED}",
    ),
    "chat2": ("CHAT-2, short talk, written by hand", _BY_HAND),
}
_METHOD = """\
Greedy, one thread, the quantised file as shipped, asked with the official OpenAI SDK through a
real Kilonova server. The sets are frozen in `training/structure/sets/` with their checksums, and
no model was asked them before the final run. "Exact" means the right tools with equal arguments,
by the rules of `training/structure/checks.py`. "Without grammar" has the tools as text in the
prompt and nothing enforced. An answer without any call is no broken call; it counts under "answers
without a call"."""
_MISTAKES_PER_SET = 3
_NEXT_STEPS = (
    "More tokens: hours of a GPU; every run so far ended while the loss still fell.",
    "Requests in the wording of several authors: generated calls gain, those written by hand less.",
    "Extraction and spans of a passage, which gained little from wider words.",
)


def _verdict(sets: dict[str, Results]) -> str:
    """The plain meaning of the figures, before anybody reads a table."""
    found = sets.get("ht2") or sets["ht1"]
    exact, right = found.figures["exact"], found.figures["right_tool"]
    simple = max(right.baselines.values())
    told = (
        f"On tool requests written by hand it gives the whole call exactly in {exact.value:.1f} % "
        f"and the right tools in {right.value:.1f} %; the best simple program names the tool in "
        f"{simple:.1f} %."
    )
    if right.value <= simple:
        told += (
            " **It does not beat that program**: use it to see valid calls flow, not right ones."
        )
    return told


def _share_rows(name: str, shares: dict[str, Share]) -> tuple[Metric, ...]:
    return tuple(Metric.of_share(f"{name}: {key}", share) for key, share in shares.items())


def _tables(found: Evaluation) -> tuple[MetricTable, ...]:
    tables = [
        MetricTable(
            "Serving", tuple(found.serving.values()), "On one thread of the machine of the day."
        )
    ]
    for name in sorted(found.sets, key=list(_TITLES).index):
        results = found.sets[name]
        title, note = _TITLES[name]
        rows = tuple(results.figures.values())
        for group, shares in results.groups.items():
            rows += _share_rows(group, shares)
        tables.append(MetricTable(title, rows, note))
    return tuple(tables)


def _history(folder: Path) -> list[dict[str, Any]]:
    """The reports of a run; what was done again after a checkpoint is told once."""
    path = folder / "history.jsonl"
    told: list[dict[str, Any]] = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        line = json.loads(text)
        while told and told[-1]["tokens"] >= line["tokens"]:
            told.pop()
        told.append(line)
    return told


def _curves(history: list[dict[str, Any]]) -> list[Picture]:
    if len(history) < 2:
        return []
    loss = [(line["tokens"], line["answer_loss"]) for line in history]
    speed = [(line["minutes"], line["tokens_per_s"]) for line in history]
    return [
        line_chart(
            "loss",
            "Loss on answers while training",
            {"answers": loss},
            x_label="training tokens",
            y_label="nats per token",
        ),
        line_chart(
            "speed",
            "Training speed",
            {"speed": speed},
            x_label="minutes",
            y_label="tokens per second",
        ),
    ]


def _tool_chart(sets: dict[str, Results]) -> list[Picture]:
    shares = sets["ht1"].groups.get("exact by number of tools") if "ht1" in sets else None
    if not shares:
        return []
    bar = sets["ht1"].figures["exact"].bar
    return [
        bar_chart(
            "tools",
            "HT-1: whole call exact, by number of tools shown",
            {count: share.percent for count, share in shares.items()},
            intervals={count: share.interval for count, share in shares.items()},
            bar=None if bar is None else bar.value,
        )
    ]


def _training(folder: Path, facts: dict[str, Any]) -> dict[str, str]:
    packed = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("rows-*.json"))
    ]
    told = {
        "Run": f"{facts['minutes']:.0f} minutes, {facts['steps']:,} steps, "
        f"{facts['tokens'] / 1e6:.1f} M token visits, {facts['processes']} processes of one thread",
    }
    if packed:
        total = sum(item["tokens"] for item in packed) / 1e6
        told["Set"] = f"{total:.1f} M packed tokens in {len(packed)} phases"
    return told | {"Recipe": "`training/recipes/spark.toml`, seeded; `make train-spark`"}


def _parity_section(parity: dict[str, Any]) -> Section:
    text = (
        f"Of {parity['templates_compared']} held-out conversations, {parity['templates_equal']} "
        f"render to the same text and {parity['tokens_equal']} to the same tokens in the engine as "
        f"in training. Over {parity['prompts_compared']} prompts the engine's best "
        f"log-probabilities differ from NumPy on the same file by at most "
        f"{parity['gap_nats_max_numpy']:.3f} nats and from full-precision torch by at most "
        f"{parity['gap_nats_max_torch']:.3f}."
    )
    return Section("Does the file equal the training?", text)


def _shape(recipe: Recipe, facts: dict[str, Any], found: Evaluation) -> dict[str, str]:
    model = recipe.model
    return {
        "Network": model.description,
        "Vocabulary": f"{model.vocabulary:,} byte-level BPE entries, digits single",
        "Context": f"{model.context_tokens:,} tokens",
        "Parameters": f"{facts['parameters']:,}",
        "File": f"{model.matrices}, {found.file_bytes:,} bytes, sha256 `{found.file_sha256}`",
    }


def spark_card(recipe: Recipe, folder: Path, *, notices: str) -> Card:
    """The card of the run in a folder. Raises ValueError where the evaluation was a quick look."""
    found = msgspec.json.decode((folder / "evaluation.json").read_bytes(), type=Evaluation)
    if found.is_quick:
        raise ValueError("evaluation.json is a quick look: run `evaluate` on the frozen sets first")
    facts = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    parity = json.loads((folder / "parity.json").read_text(encoding="utf-8"))
    hours = facts["minutes"] / 60 * facts["processes"]
    mistakes: list[Sample] = []
    for name, results in found.sets.items():
        # Whoever trains the next version must not have read what was written by hand.
        if not name.endswith("2"):
            mistakes += results.mistakes[:_MISTAKES_PER_SET]
    sources = tuple(Source(name, *_SOURCES[name]) for name in TRAIN_FILES)
    return Card(
        model=recipe.model.name,
        title="Kilonova Spark",
        summary=_SUMMARY.format(millions=facts["parameters"] / 1e6, verdict=_verdict(found.sets)),
        does=_DOES,
        does_not=_DOES_NOT,
        shape=_shape(recipe, facts, found),
        training=_training(folder, facts),
        work=(Work(resource="cpu_core", hours=hours, purpose="training, at most"),),
        sources=sources,
        data_note=_DATA_NOTE,
        tables=_tables(found),
        pictures=(*_tool_chart(found.sets), *_curves(_history(folder))),
        sections=(Section("How it was measured", _METHOD), _parity_section(parity)),
        samples=found.samples,
        mistakes=tuple(mistakes),
        next_steps=_NEXT_STEPS,
        notices=notices,
    )


def make_card(recipe: Recipe, folder: Path, *, shipped: Path, notices: Path) -> None:
    """Write the card beside the weights."""
    card = spark_card(recipe, folder, notices=notices.read_text(encoding="utf-8"))
    write_card(card, shipped.parent, stem=shipped.stem)
