"""The card of Kilonova Embed, from the result files of a run. The generic writer is ``cards``."""

import json
from pathlib import Path
from typing import Any

from cards.card import Card, Metric, MetricTable, Sample, Source, Work
from cards.write import write_card as write_files
from embeddings.evaluate import nearest
from embeddings.export import WEIGHTS
from embeddings.recipe import load_recipe

__all__ = ["make_card", "write_card"]

_TITLES = {
    "tldr-task-to-page": (
        "A task, to be found among manual pages",
        "One task of each held-out tldr page; the page without this task is the right answer.",
    ),
    "docs-heading-to-section": (
        "A heading, to be found among sections",
        "Headings of three words or more of held-out documents; the right answer is the text that "
        "stood below. Sections that share a paragraph with the training text are left out.",
    ),
    "banking77-nearest-label": (
        "The label of the nearest utterance",
        "Banking77's test utterances among 30 labelled ones of each of its 77 intents. Nothing of "
        "Banking77 was trained on; utterances about banking of two other sets were.",
    ),
}
_MEASURES = {
    "ndcg_10": "nDCG@10",
    "recall_1": "recall@1",
    "recall_10": "recall@10",
    "mrr_10": "MRR@10",
}
_BESIDE = {
    "hashing": "hashing, 256",
    "bm25": "BM25",
    "bm25_stemmed": "BM25, stems",
    "hybrid": "hybrid",
}
_SOURCES = (
    Source("docs-python, docs-cloud, docs-systems", "permissive, see the notices",
           "27 projects, each named in the notices, changed", "vectors, pieces"),
    Source("tldr-en", "CC-BY-4.0", "tldr-pages team and contributors, changed",
           "vectors, pieces; one page name in ten is the test, one in ten development",
           "https://github.com/tldr-pages/tldr"),
    Source("clinc150-train", "CC-BY-3.0", "Larson et al. 2019, Clinc, changed",
           "pairs of utterances of one intent", "https://github.com/clinc/oos-eval"),
    Source("nluplusplus-train", "CC-BY-4.0", "PolyAI, Casanueva et al. 2022, changed",
           "pairs of utterances of equal intents",
           "https://github.com/PolyAI-LDN/task-specific-datasets"),
    Source("docs-heldout, banking77", "see the notices; CC-BY-4.0",
           "the same projects; PolyAI, Casanueva et al. 2020", "evaluation only"),
)  # fmt: skip
_ASKED = ("see what a folder holds", "my card has not come yet", "make a picture smaller")


def write_card(run: Path, *, notices: Path) -> None:
    """``embed-v1.md`` and ``embed-v1.json`` beside the weights."""
    card = make_card(run, notices=notices.read_text(encoding="utf-8"))
    write_files(card, WEIGHTS.parent, stem="embed-v1")


def make_card(run: Path, *, notices: str) -> Card:
    """From ``pairs.json``, ``fit.json`` and ``evaluation.json``."""
    made, took, found = (
        json.loads((run / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("pairs", "fit", "evaluation")
    )
    return Card(
        model="kilonova.embed-v1:0",
        title="Kilonova Embed",
        summary="Static vectors of English text for search and clustering, in the package: needs "
        "no download, no GPU and no native library. Made from scratch on openly licensed text.",
        does=(
            "Finds texts by their words and by words that keep the same company.",
            "Gives the same bits for the same text on every machine, alone or in a batch.",
            "Keeps most of its quality when cut to 128 or 64 of its 256 numbers.",
            "Adds something to a word index: the hybrid column ranks by both "
            "(reciprocal rank fusion, BM25 over stems).",
        ),
        does_not=(
            "It does not read sentences: order, negation and syntax are lost.",
            "It does not beat a word index by itself wherever the BM25 columns say so; use both.",
            "It is no match for a transformer: serve a GGUF embedding model where quality matters.",
            "English only, at home in technical prose; other languages fall apart into letters.",
        ),
        shape=_shape(found),
        training={
            "Pairs": ", ".join(f"{name} {count:,}" for name, count in made["pairs"].items()),
            "Fit": f"{took['steps']:,} steps, {took['pairs_seen']:,} pairs seen, "
            f"{took['minutes']:g} minutes on one core that had other work beside",
        },
        work=(Work(resource="cpu_core", hours=took["minutes"] / 60),),
        sources=_SOURCES,
        data_note="Nothing ShareAlike, NonCommercial or of unclear licence.",
        tables=(*(_table(name, one) for name, one in found["sets"].items()), _cut_table(found)),
        samples=tuple(Sample(text, nearest(text)) for text in _ASKED),
        notices=notices,
        results={"pairs": made, "fit": took, "evaluation": found},
    )


def _shape(found: dict[str, Any]) -> dict[str, str]:
    dials = load_recipe()
    speed = found["speed"]
    return {
        "Pieces": f"{dials.vocabulary.pieces:,} words, parts of words and bytes",
        "Dimensions": f"{dials.fit.dimensions}, nested {dials.fit.nested}",
        "A text": "the sum of its pieces' vectors, of length 1",
        "File": f"{found['file_bytes']:,} bytes: signed bytes and one weight a piece, safetensors",
        "SHA-256": found["weights_sha256"],
        "Speed": f"{speed['utterance']['ms_each']} ms for {speed['utterance']['tokens_mean']} "
        f"tokens, {speed['section']['ms_each']} ms for {speed['section']['tokens_mean']} tokens "
        "(of one core, plain Python)",
    }


def _table(name: str, one: dict[str, Any]) -> MetricTable:
    title, note = _TITLES[name]
    methods = one["methods"]
    metrics = tuple(
        Metric(
            shown,
            methods["embed_256"][measure],
            baselines={label: methods[method][measure] for method, label in _BESIDE.items()},
        )
        for measure, shown in _MEASURES.items()
    )
    counts = f"{one['questions']:,} questions, {one['texts']:,} texts."
    return MetricTable(title, metrics, f"{note} {counts}")


def _cut_table(found: dict[str, Any]) -> MetricTable:
    sizes = load_recipe().fit.nested
    metrics = tuple(
        Metric(
            name,
            one["methods"][f"embed_{sizes[0]}"]["ndcg_10"],
            baselines={
                f"cut to {size}": one["methods"][f"embed_{size}"]["ndcg_10"] for size in sizes[1:]
            },
        )
        for name, one in found["sets"].items()
    )
    return MetricTable("Cut vectors", metrics, "nDCG@10 of the first numbers alone.")
