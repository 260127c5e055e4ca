"""Pairs of texts that belong together: what the vectors are fitted to.

Each kind is a list of its own, since the other pairs of a batch serve as its negatives. A pair's
``group`` marks those that must not be each other's negatives (utterances of one intent).
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from embeddings.corpus import DOCUMENTS, PAGES, Record, document_part, open_training, page_part
from embeddings.recipe import Recipe
from embeddings.sections import Section, paragraphs, sections, sentences

__all__ = ["KINDS", "Pair", "document_pairs", "intent_pairs", "page_pairs", "page_without"]

# How often each kind is drawn.
KINDS = {"headings": 0.34, "sentences": 0.24, "neighbours": 0.10, "pages": 0.20, "intents": 0.12}

_INTENT_PARTNERS = 6


class Pair(Struct, frozen=True):
    kind: str
    query: str
    passage: str
    group: int


def document_pairs(folder: Path, recipe: Recipe) -> Iterator[Pair]:
    """From the training documents, in their order, so that a document's pairs stay together."""
    draw = random.Random(recipe.seed)
    number = 0
    for name in DOCUMENTS:
        for record in open_training(folder, name):
            if document_part(record, recipe.split) != "train":
                continue
            for section in sections(record.text):
                for kind, query, passage in _of_section(section, draw):
                    number += 1
                    yield Pair(kind, query, passage, number)


def _of_section(section: Section, draw: random.Random) -> Iterator[tuple[str, str, str]]:
    heading = section.heading
    if draw.random() < 0.4 and section.title != heading:
        heading = f"{section.title}: {heading}"
    yield "headings", heading, section.body[:1200]
    parts = sentences(section.body[:3000])
    if len(parts) >= 3:
        chosen = draw.randrange(len(parts))
        rest = " ".join(parts[max(0, chosen - 4) : chosen] + parts[chosen + 1 : chosen + 5])
        yield "sentences", parts[chosen], rest
    blocks = paragraphs(section.body)
    if len(blocks) >= 2:
        first = draw.randrange(len(blocks) - 1)
        yield "neighbours", blocks[first][:800], blocks[first + 1][:800]


def page_pairs(folder: Path, recipe: Recipe) -> Iterator[Pair]:
    """A task and the page of its command without this task; a command's summary and its page."""
    for number, record in enumerate(open_training(folder, PAGES)):
        if page_part(record, recipe.split) != "train":
            continue
        for example in record.examples:
            yield Pair("pages", example.task, page_without(record, example.task), number)
        summary = _summary(record)
        if summary:
            yield Pair("pages", summary, record.text.replace(summary, ""), number)


def page_without(record: Record, task: str) -> str:
    """A page as text, with one of its tasks and that task's command taken out."""
    kept = [one for one in record.examples if one.task != task]
    lines = [f"{one.task}: {one.command}" for one in kept]
    return "\n".join([record.command, _summary(record), *lines])


def _summary(record: Record) -> str:
    head = record.text.partition("\n- ")[0].partition("\n")[2]
    return " ".join(head.split())


def intent_pairs(folder: Path, recipe: Recipe) -> Iterator[Pair]:
    """Two utterances of one intent."""
    draw = random.Random(recipe.seed + 1)
    by_label: dict[str, list[str]] = defaultdict(list)
    for record in open_training(folder, "clinc150-train"):
        if record.label != "oos":
            by_label[record.label].append(record.text)
    for record in open_training(folder, "nluplusplus-train"):
        if record.intents:
            by_label["+".join(sorted(record.intents))].append(record.text)
    for group, label in enumerate(sorted(by_label)):
        texts = by_label[label]
        for text in texts if len(texts) > 1 else ():
            for _ in range(_INTENT_PARTNERS):
                partner = draw.choice(texts)
                if partner != text:
                    yield Pair("intents", text, partner, group)
